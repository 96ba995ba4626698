"""Process `embedding`: averaged word embeddings that were trained on the labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import scipy.sparse
from safetensors.numpy import load_file, save_file

from libelle.components import AboveZero, PartialShare, Positive, Seed
from libelle.data.columns import Column, from_frame
from libelle.data.frequent import fewest_in_clear
from libelle.data.words import WordTable
from libelle.features import Floats, Ints
from libelle.memory import require_memory
from libelle.processes.columns import load_words, save_words
from libelle.processes.field_texts import FieldTexts
from libelle.processes.holders import Holders
from libelle.processes.matrices import MatrixProcess


@dataclass
class Embedding(MatrixProcess):
    """One dense matrix a field (`matrix`): the average of its known words' embeddings.

    The embeddings are those of a linear classifier on the averages of all fields (Joulin et al. 2017, "Bag of Tricks
    for Efficient Text Classification"), trained here on the training rows. They have seen these rows' labels, so a
    model on top of them looks better on training rows than it is. A text of unknown words alone is all zeros.

    Attributes:
        dim: columns of each matrix.
        min_count: occurrences in the training rows that make a word known.
        max_words: words known at most, the most frequent ones.
        min_records: training records that must hold a word, and five in any case (docs/personal-data.md).
        epochs: passes over the training rows.
        lr: learning rate.
        dropout: share of the averages' columns dropped in training.
        batch_size: rows a step.
        seed: of everything random.
    """

    conf_name = "embedding"
    remedy = "lower process.dim or process.max_words"

    dim: Positive = 64
    min_count: Positive = 2
    max_words: Positive = 100_000
    min_records: Positive = 2
    epochs: Positive = 10
    lr: AboveZero = 0.01
    dropout: PartialShare = 0.2
    batch_size: Positive = 64
    seed: Seed = 1

    @property
    def width(self) -> int:
        """Columns of each matrix."""
        return self.dim

    def fit(self, table: pd.DataFrame, target: pd.Series) -> Self:
        """Learn the vocabulary, then the embeddings."""
        self.fields_ = [str(field) for field in table.columns]
        columns = self.columns(from_frame(table))
        texts = FieldTexts.of(columns)
        holders = Holders.of(texts, fewest_in_clear(self.min_records))
        self._set_words(texts.frequent_words(self.min_count, holders.frequent)[: self.max_words])
        self.embeddings_ = self._train([self._shares(column) for column in columns.values()], pd.factorize(target)[0])
        return self

    def encode(self, field: str, texts: list[str]) -> Floats:
        """Average the known words of each text, float32 [texts, dim]."""
        averages: Floats = self._average(texts) @ self.embeddings_
        return averages

    def save(self, folder: Path) -> None:
        """Write `words.json` and `embeddings.safetensors`."""
        save_words(folder, self.fields_, list(self.word_ids_))
        save_file({"embeddings": self.embeddings_}, folder / "embeddings.safetensors")

    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote."""
        self.fields_, words = load_words(folder)
        self._set_words(words)
        self.embeddings_ = load_file(folder / "embeddings.safetensors")["embeddings"]
        return self

    def _set_words(self, words: list[str]) -> None:
        self.word_ids_ = {word: number for number, word in enumerate(words)}

    def _average(self, texts: list[str]) -> scipy.sparse.csr_array:
        """The share of each known word in each text, float32 CSR [texts, words]."""
        split = WordTable.split(texts)
        ids = np.array([self.word_ids_.get(word, -1) for word in split.words], dtype=np.int64)[split.codes]
        rows = np.repeat(np.arange(len(texts)), np.diff(split.offsets))[ids >= 0]
        lengths = np.bincount(rows, minlength=len(texts))
        shares = (1 / lengths[rows]).astype(np.float32)
        shape = (len(texts), len(self.word_ids_))
        return scipy.sparse.csr_array((shares, (rows, ids[ids >= 0])), shape=shape)

    def _shares(self, column: Column) -> scipy.sparse.csr_array:
        """As `_average`, for the rows of a column: float32 CSR [rows, words]."""
        return self._average([*column.texts, ""])[column.index]

    def _train(self, fields: list[scipy.sparse.csr_array], targets: Ints) -> Floats:
        """Train the classifier and return its embeddings, float32 [words, dim]."""
        if not self.word_ids_:
            return np.zeros((0, self.dim), dtype=np.float32)
        # The table, two moments of each weight, and a copy at the end.
        cells = 4 * len(self.word_ids_) * self.dim
        require_memory(4 * cells, f"process: training {len(self.word_ids_):,} embeddings", self.remedy)
        import torch
        from torch.nn import functional

        # Whatever else is random goes on as if nothing had been drawn here.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            embeddings = torch.nn.EmbeddingBag(len(self.word_ids_), self.dim, mode="sum", sparse=True)
            torch.nn.init.uniform_(embeddings.weight, -1 / self.dim, 1 / self.dim)
            output = torch.nn.Linear(self.dim * len(fields), int(targets.max()) + 1)
            labels = torch.from_numpy(targets.astype(np.int64))
            # Adam refuses sparse gradients, and dense ones would cost more than all the rest.
            optimizers = (
                torch.optim.SparseAdam(list(embeddings.parameters()), lr=self.lr),
                torch.optim.Adam(output.parameters(), lr=self.lr),
            )
            for _ in range(self.epochs):
                for rows in torch.split(torch.randperm(len(labels)), self.batch_size):
                    averages = []
                    for shares in fields:
                        part = shares[rows.numpy()]
                        ids, starts = (
                            torch.from_numpy(part.indices.astype(np.int64)),
                            part.indptr[:-1].astype(np.int64),
                        )
                        averages.append(
                            embeddings(ids, torch.from_numpy(starts), per_sample_weights=torch.from_numpy(part.data))
                        )
                    dropped = functional.dropout(torch.cat(averages, dim=1), self.dropout)
                    loss = functional.cross_entropy(output(dropped), labels[rows])
                    for optimizer in optimizers:
                        optimizer.zero_grad()
                    loss.backward()  # type: ignore[no-untyped-call]
                    for optimizer in optimizers:
                        optimizer.step()  # type: ignore[no-untyped-call]
            trained: Floats = embeddings.weight.detach().numpy().copy()
            return trained

"""Process `doc2vec`: paragraph vectors.

Le and Mikolov 2014, "Distributed Representations of Sentences and Documents".
"""

import copy
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file

from libelle.components import AboveZero, Positive, Seed
from libelle.data.columns import from_frame
from libelle.data.frequent import fewest_in_clear
from libelle.errors import needs_extra
from libelle.features import Floats
from libelle.memory import require_memory
from libelle.processes.columns import load_words, save_words
from libelle.processes.field_texts import FieldTexts
from libelle.processes.holders import Holders
from libelle.processes.matrices import MatrixProcess
from libelle.stores.base import Store


@dataclass
class Doc2Vec(MatrixProcess):
    """One dense matrix a field (`matrix`): the vector that gensim infers for each text.

    One model is trained on the texts of all fields, each distinct text once. Training rows are inferred as others are,
    so that a model meets the same kind of vector in training and at runtime. A text of unknown words alone is zeros.

    Attributes:
        vector_size: columns of each matrix.
        dm: whether context words predict with the text (distributed memory), or the text alone (bag of words).
        window: words before and after that count as context, for `dm`.
        min_count: occurrences in the training rows that make a word known.
        min_records: training records that must hold a word, and five in any case (docs/personal-data.md).
        negative: noise words drawn for each word.
        epochs: passes over the texts, in training and for each text that is inferred.
        alpha: learning rate at its highest.
        seed: of everything random.
    """

    conf_name = "doc2vec"
    remedy = "lower process.vector_size"

    vector_size: Positive = 100
    dm: bool = False
    window: Positive = 5
    min_count: Positive = 2
    min_records: Positive = 2
    negative: Positive = 5
    epochs: Positive = 20
    alpha: AboveZero = 0.05
    seed: Seed = 1

    @property
    def width(self) -> int:
        """Columns of each matrix."""
        return self.vector_size

    def prepare(self, store: Store) -> None:
        """Raise `UserError` unless gensim is installed."""
        self._fresh()

    def fit(self, table: pd.DataFrame, target: pd.Series) -> Self:
        """Train on the texts of all fields.

        Raises:
            UserError: when gensim is not installed, or memory would not suffice.
        """
        self.fields_ = [str(field) for field in table.columns]
        columns = self.columns(from_frame(table))
        texts = FieldTexts.of(columns)
        known = set(texts.frequent_words(self.min_count, Holders.of(texts, fewest_in_clear(self.min_records)).frequent))
        model = self._fresh()
        from gensim.models.doc2vec import TaggedDocument

        corpus = [
            TaggedDocument([word for word in text.split() if word in known], [number])
            for number, text in enumerate(text for column in columns.values() for text in column.texts)
        ]
        vectors = 2 * len(known) + len(corpus)  # each word has two, each distinct text one
        require_memory(4 * self.vector_size * vectors, f"process: training {vectors:,} vectors", self.remedy)
        model.build_vocab(corpus)
        self.model_ = None
        if model.wv.index_to_key:
            model.train(corpus, total_examples=model.corpus_count, epochs=model.epochs)
            # As a loaded one, so that training and runtime infer alike. The vectors of the training texts go.
            self.model_ = self._assemble(model.wv.index_to_key, _arrays(model))
        return self

    def encode(self, field: str, texts: list[str]) -> Floats:
        """Infer a vector for each text, float32 [texts, vector_size]."""
        vectors = np.zeros((len(texts), self.vector_size), dtype=np.float32)
        if self.model_ is not None:
            known = self.model_.wv.key_to_index
            for row, text in enumerate(texts):
                words = [word for word in text.split() if word in known]
                if words:
                    vectors[row] = self._infer(words)
        return vectors

    def save(self, folder: Path) -> None:
        """Write `words.json` and, where a word is known, `doc2vec.safetensors`."""
        words = [] if self.model_ is None else self.model_.wv.index_to_key
        save_words(folder, self.fields_, words)
        if self.model_ is not None:
            save_file(_arrays(self.model_), folder / "doc2vec.safetensors")

    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote.

        Raises:
            UserError: when gensim is not installed.
        """
        self.fields_, words = load_words(folder)
        self.model_ = self._assemble(words, load_file(folder / "doc2vec.safetensors")) if words else None
        return self

    def _fresh(self) -> Any:
        with needs_extra("process=doc2vec", "classical"):
            from gensim.models.doc2vec import Doc2Vec as Gensim
        return Gensim(
            vector_size=self.vector_size,
            dm=int(self.dm),
            window=self.window,
            min_count=1,  # `fit` has chosen the words, by rows rather than distinct texts
            negative=self.negative,
            epochs=self.epochs,
            alpha=self.alpha,
            seed=self.seed,
            workers=1,  # more would train in another order each time
            hashfxn=_hash,
        )

    def _assemble(self, words: Sequence[str], arrays: dict[str, Any]) -> Any:
        """Gensim's model, as far as inference needs it."""
        model = self._fresh()
        model.wv.index_to_key = list(words)
        model.wv.key_to_index = {word: number for number, word in enumerate(words)}
        model.wv.vectors = arrays["vectors"]
        model.wv.vectors_lockf = np.ones(1, dtype=np.float32)
        model.wv.expandos["sample_int"] = arrays["sample_int"]
        model.syn1neg, model.cum_table = arrays["syn1neg"], arrays["cum_table"]
        return model

    def start(self, words: Sequence[str]) -> Floats:
        """Where inference of a text starts, float32 [1, vector_size]: random, and the same each time."""
        generator = np.random.RandomState(_hash(" ".join(words)))
        return ((generator.rand(1, self.vector_size) - 0.5) / self.vector_size).astype(np.float32)

    def _infer(self, words: list[str]) -> Floats:
        """Do as gensim's `infer_vector`, which starts from Python's hash of the text, another in each process."""
        from gensim.models.doc2vec import train_document_dbow, train_document_dm

        model = copy.copy(
            self.model_
        )  # the arrays are shared, its generator is not: threads must not disturb each other
        assert model is not None
        model.random = np.random.RandomState(self.seed)
        vector = self.start(words)
        step = (model.alpha - model.min_alpha) / max(self.epochs - 1, 1)
        train = train_document_dm if self.dm else train_document_dbow
        # Gensim would work in arrays of its own that are freed before it writes to them.
        work = {name: np.zeros(model.layer1_size, np.float32) for name in (("work", "neu1") if self.dm else ("work",))}
        for epoch in range(self.epochs):
            train(
                model,
                words,
                [0],
                model.alpha - epoch * step,
                learn_words=False,
                learn_hidden=False,
                doctag_vectors=vector,
                **work,
                doctags_lockf=np.ones(1, dtype=np.float32),
            )
        result: Floats = vector[0]
        return result


def _arrays(model: Any) -> dict[str, Any]:
    return {
        "vectors": model.wv.vectors,
        "syn1neg": model.syn1neg,
        "cum_table": model.cum_table,
        "sample_int": model.wv.expandos["sample_int"],
    }


def _hash(text: str) -> int:
    """A hash that is the same in each process, unlike Python's own."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))

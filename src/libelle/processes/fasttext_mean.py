"""Process `fasttext_mean`: the average of each field's word vectors."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from libelle.features import Features, Floats
from libelle.processes.base import Process
from libelle.processes.ngrams import WordTable
from libelle.stores.base import Store
from libelle.vectors.room import require_memory
from libelle.vectors.sources import WordVectors
from libelle.vectors.table import VectorTable


@dataclass
class FastTextMean(Process):
    """One dense float32 matrix [rows, dim] a field (`matrix`).

    A word that was not in the training rows has a vector from its n-grams of characters, as far as words of the
    training rows have these. Words of which nothing is known are left out of the average; a text without any other, an
    empty or a missing one has a row of zeros.

    Attributes:
        vectors: where the word vectors come from.
    """

    blocks: ClassVar[frozenset[str]] = frozenset({"matrix"})

    vectors: WordVectors = field(default_factory=WordVectors)

    def prepare(self, store: Store) -> None:
        """Find the word vectors."""
        self.vectors.prepare(store)

    def fit(self, table: pd.DataFrame, target: pd.Series) -> Self:
        """Keep the vectors of the training rows' words and n-grams."""
        self.fields_ = [str(name) for name in table.columns]
        words = {word for _, column in table.items() for text in column.dropna().unique() for word in text.split()}
        self.table_ = self.vectors.fit(table, sorted(words), sorted(words))
        return self

    def transform(self, table: pd.DataFrame) -> Features:
        """Average the words of each distinct text."""
        require_memory(
            4 * len(table) * self.table_.dim * len(self.fields_),
            "The matrices of averaged word vectors",
            "set process.vectors.dim to less",
        )
        return Features(len(table), matrix={name: self._average(table[name]) for name in self.fields_})

    def save(self, folder: Path) -> None:
        """Write `fields.json` and the word vectors."""
        (folder / "fields.json").write_text(json.dumps(self.fields_, ensure_ascii=False), encoding="utf-8")
        self.table_.save(folder)

    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote."""
        self.fields_ = json.loads((folder / "fields.json").read_text(encoding="utf-8"))
        self.table_ = VectorTable.load(folder)
        return self

    def _average(self, column: pd.Series) -> Floats:
        codes, texts = pd.factorize(column)
        split = WordTable.split(list(texts))
        vectors, known = self.table_.lookup(split.words)
        kept = known[split.codes]
        text_of = np.repeat(np.arange(len(texts)), np.diff(split.offsets))[kept]
        counts = np.bincount(text_of, minlength=len(texts))
        # The last row answers for missing values, whose code is -1.
        means = np.zeros((len(texts) + 1, self.table_.dim), dtype=np.float32)
        some = np.flatnonzero(counts)
        if len(some):
            starts = (np.cumsum(counts) - counts)[some]
            means[some] = np.add.reduceat(vectors[split.codes[kept]], starts, axis=0) / counts[some, None]
        return means[codes]

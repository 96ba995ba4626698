"""Process `fasttext_mean`: the average of each field's word vectors."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from libelle.components import Positive
from libelle.data.columns import from_frame
from libelle.data.words import WordTable
from libelle.features import Floats
from libelle.files import read_json, write_json
from libelle.processes.field_texts import FieldTexts
from libelle.processes.holders import Holders
from libelle.processes.matrices import MatrixProcess
from libelle.stores.base import Store
from libelle.vectors.sources import WordVectors
from libelle.vectors.table import VectorTable


@dataclass
class FastTextMean(MatrixProcess):
    """One dense float32 matrix [rows, dim + 2] a field (`matrix`): the average, and two flags (`MatrixProcess`).

    A word that was not in the training rows has a vector from its n-grams of characters, as far as words of the
    training rows have these. Words of which nothing is known are left out of the average; a text without any other has
    an average of zeros.

    Attributes:
        vectors: where the word vectors come from.
        min_records: training records that must hold a word whose vectors are kept (docs/personal-data.md).
    """

    conf_name = "fasttext_mean"
    remedy = "lower process.vectors.dim"

    vectors: WordVectors = field(default_factory=WordVectors)
    min_records: Positive = 2

    def prepare(self, store: Store) -> None:
        """Find the word vectors."""
        self.vectors.prepare(store)

    @property
    def width(self) -> int:
        """Columns of each matrix."""
        return self.table_.dim

    def fit(self, table: pd.DataFrame, target: pd.Series) -> Self:
        """Keep the vectors of the training rows' words and n-grams."""
        self.fields_ = [str(name) for name in table.columns]
        texts = FieldTexts.of(self.columns(from_frame(table)))
        words = sorted(texts.frequent_words(1, Holders.of(texts, self.min_records).frequent))
        self.table_ = self.vectors.fit(table, words, words)
        return self

    def encode(self, field: str, texts: list[str]) -> Floats:
        """Average the words of each distinct text, float32 [texts, dim]; zeros where nothing is known of any."""
        split = WordTable.split(texts)
        vectors, known = self.table_.lookup(split.words)
        kept = known[split.codes]
        text_of = np.repeat(np.arange(len(texts)), np.diff(split.offsets))[kept]
        counts = np.bincount(text_of, minlength=len(texts))
        means = np.zeros((len(texts), self.table_.dim), dtype=np.float32)
        some = np.flatnonzero(counts)
        if len(some):
            starts = (np.cumsum(counts) - counts)[some]
            means[some] = np.add.reduceat(vectors[split.codes[kept]], starts, axis=0) / counts[some, None]
        return means

    def save(self, folder: Path) -> None:
        """Write `fields.json` and the word vectors."""
        write_json(folder / "fields.json", self.fields_)
        self.table_.save(folder)

    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote."""
        self.fields_ = read_json(folder / "fields.json")
        self.table_ = VectorTable.load(folder)
        return self

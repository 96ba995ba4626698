"""Bags of hashed n-grams, which `tokens` and `subword` make: of each field and, beside these, of all joined."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse
from safetensors.numpy import load_file, save_file

from libelle.components import Natural, Positive
from libelle.errors import UserError
from libelle.features import Ints, Ragged
from libelle.processes.base import Process
from libelle.processes.columns import FUSED, Column, fuse
from libelle.processes.ngrams import Hashes, NgramVocabulary, WordTable, character_ngrams, word_ngrams

#: N-grams that stand for a missing and an empty text.
_MARKERS = 2
_FILE = "ngrams.safetensors"


@dataclass
class NgramBags:
    """N-grams of words and of characters, weighted by TF-IDF.

    Attributes:
        word_ngrams: longest n-gram of words.
        char_ngrams_min: shortest n-gram of characters within words.
        char_ngrams_max: longest n-gram of characters within words; 0 for none.
        fused: whether all fields joined have a bag as well, where they are several.
        min_count: training rows that must hold an n-gram.
        max_size: n-grams kept at most of each kind in each bag, the most frequent ones.
    """

    word_ngrams: int
    char_ngrams_min: int
    char_ngrams_max: int
    fused: bool
    min_count: int
    max_size: int

    def __post_init__(self) -> None:
        if self.char_ngrams_max and self.char_ngrams_max < self.char_ngrams_min:
            raise UserError(
                f"process.char_ngrams_max={self.char_ngrams_max} is below "
                f"process.char_ngrams_min={self.char_ngrams_min}; raise it, or set it to 0 for none."
            )

    def fit(self, table: pd.DataFrame) -> Self:
        """Keep the n-grams of the training rows.

        Raises:
            UserError: when a field bears the name of the bag of all fields.
        """
        if self.fused and FUSED in table:
            raise UserError(f"A field cannot be named {FUSED}, as all fields joined are; set process.fused=false.")
        self.ngrams_: dict[str, list[NgramVocabulary]] = {}
        for name, column in self._columns(table, [str(field) for field in table]).items():
            kinds = self._hash(WordTable.split(column.texts))
            self.ngrams_[name] = [
                NgramVocabulary.fit(hashes, places, column.counts, self.min_count, self.max_size)
                for hashes, places in kinds
            ]
        return self

    def transform(self, table: pd.DataFrame) -> dict[str, Ragged]:
        """Encode rows: bag → n-grams; ids of one bag follow on those of the one before."""
        size = sum(_MARKERS + sum(map(len, kinds)) for kinds in self.ngrams_.values())
        first = 0
        bags: dict[str, Ragged] = {}
        for name, column in self._columns(table, [field for field in self.ngrams_ if field != FUSED]).items():
            split = WordTable.split(column.texts)
            # Words and characters are each of length 1: the many characters do not drown the words.
            kinds = zip(self.ngrams_[name], self._hash(split), strict=True)
            # The last stored row answers for missing values.
            parts = [ngrams.encode(hashes, places, len(column.texts) + 1) for ngrams, (hashes, places) in kinds]
            matrix = scipy.sparse.hstack([*parts, _markers(split)], format="csr")
            ids = (matrix.indices + first).astype(np.int32)
            bags[name] = Ragged(ids, matrix.indptr.astype(np.int64), size, matrix.data, column.index.astype(np.int32))
            first += matrix.shape[1]
        return bags

    def save(self, folder: Path) -> None:
        """Write `ngrams.safetensors`; arrays are numbered in the bags' order, for a name may hold any character."""
        arrays: dict[str, npt.NDArray[np.generic]] = {}
        for number, kinds in enumerate(self.ngrams_.values()):
            for kind, ngrams in enumerate(kinds):
                arrays[f"{number}.{kind}.hashes"], arrays[f"{number}.{kind}.idf"] = ngrams.hashes, ngrams.idf
        save_file(arrays, folder / _FILE)

    def load(self, folder: Path, fields: list[str]) -> Self:
        """Read back what `save` wrote, of the given fields."""
        arrays = load_file(folder / _FILE)
        self.ngrams_ = {
            name: [
                NgramVocabulary(arrays[f"{number}.{kind}.hashes"], arrays[f"{number}.{kind}.idf"])
                for kind in range(2 if self.char_ngrams_max else 1)
            ]
            for number, name in enumerate(self._names(fields))
        }
        return self

    def _names(self, fields: list[str]) -> list[str]:
        return [*fields, FUSED] if self.fused and len(fields) > 1 else fields

    def _columns(self, table: pd.DataFrame, fields: list[str]) -> dict[str, Column]:
        names = self._names(fields)
        return {name: Column.of(fuse(table[fields]) if name == FUSED else table[name]) for name in names}

    def _hash(self, words: WordTable) -> list[tuple[Hashes, Ints]]:
        """N-grams of words and, where wanted, of characters, each with the text it stands in."""
        kinds = [word_ngrams(words, self.word_ngrams)]
        if self.char_ngrams_max:
            kinds.append(character_ngrams(words, self.char_ngrams_min, self.char_ngrams_max))
        return kinds


@dataclass
class WordsAndBags(Process):
    """Keys of all processes that make words, and bags beside them.

    Attributes:
        ngrams: False leaves the bags out.
        fused: whether all fields joined have a bag as well, where they are several.
        word_ngrams: longest n-gram of words in the bags.
        char_ngrams_min: shortest n-gram of characters in the bags.
        char_ngrams_max: longest n-gram of characters in the bags; 0 for none.
        min_ngram_count: training rows that must hold an n-gram.
        max_ngrams: n-grams kept at most of each kind in each bag, the most frequent ones.
    """

    blocks: ClassVar[frozenset[str]] = frozenset({"words", "bag"})

    ngrams: bool = True
    fused: bool = True
    word_ngrams: Positive = 2
    char_ngrams_min: Positive = 2
    char_ngrams_max: Natural = 5
    min_ngram_count: Positive = 1
    max_ngrams: Positive = 500_000

    def __post_init__(self) -> None:
        self.bags_ = NgramBags(
            word_ngrams=self.word_ngrams,
            char_ngrams_min=self.char_ngrams_min,
            char_ngrams_max=self.char_ngrams_max,
            fused=self.fused,
            min_count=self.min_ngram_count,
            max_size=self.max_ngrams,
        )


def _markers(split: WordTable) -> scipy.sparse.csr_array:
    """One for a missing text, the last row, and one for a text without words: the n-grams tell them apart, too."""
    rows = len(split.offsets)
    empty = np.flatnonzero(np.diff(split.offsets) == 0)
    places = np.append(empty, rows - 1), np.append(np.ones_like(empty), 0)
    return scipy.sparse.csr_array((np.ones(len(empty) + 1, np.float32), places), shape=(rows, _MARKERS))

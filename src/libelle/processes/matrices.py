"""What the processes that make the `matrix` block share.

A field is encoded by its distinct texts; rows are copied from these at the end. Two columns of each field tell a
missing text and an empty one apart from each other, and from texts of unknown words alone, which are all zeros.
"""

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse
from safetensors.numpy import load_file, save_file

from libelle.data.columns import Column, Columns, count_rows, from_frame
from libelle.data.words import WordTable
from libelle.errors import UserError
from libelle.features import Features, Matrix
from libelle.files import read_json, write_json
from libelle.memory import require_memory
from libelle.processes.base import Process
from libelle.processes.ngrams import NgramVocabulary
from libelle.processes.occurrences import Occurrences

#: Columns that each field has beside its own: 1 for a missing text, and 1 for one without words.
FLAGS = 2

_WHAT = "process: the matrix of all rows"


class MatrixProcess(Process):
    """A process that makes one matrix for each field."""

    blocks: ClassVar[frozenset[str]] = frozenset({"matrix"})

    fields_: list[str]

    @property
    def width(self) -> int:
        """Columns of each dense matrix, known before it is made; 0 where matrices are sparse."""
        return 0

    @abstractmethod
    def encode(self, field: str, texts: list[str]) -> Matrix:
        """Encode the distinct texts of a field: float32 CSR or dense [texts, columns]."""

    def columns(self, columns: Columns) -> dict[str, Column]:
        """What is encoded: the columns of the fields."""
        return {field: columns[field] for field in self.fields_}

    def transform(self, table: pd.DataFrame) -> Features:
        """As `transform_columns`."""
        return MatrixProcess.transform_columns(self, from_frame(table))

    def transform_columns(self, columns: Columns) -> Features:
        """Encode rows, each field by its distinct texts.

        Raises:
            UserError: when the matrices would not fit into memory, or `encode` has not a row for each text.
        """
        rows, columns = count_rows(columns), self.columns(columns)
        if self.width:
            cells = sum(len(column.texts) + 1 + len(column.index) for column in columns.values()) * (self.width + FLAGS)
            require_memory(cells * np.dtype(np.float32).itemsize, _WHAT, self.remedy)
        matrix = {
            field: self._expand(self.encode(field, list(column.texts)), column) for field, column in columns.items()
        }
        return Features(rows, matrix=matrix)

    def _expand(self, encoded: Matrix, column: Column) -> Matrix:
        """Copy what distinct texts were encoded as to the rows that hold them, with the flags of each row."""
        shape: tuple[int, ...] = getattr(encoded, "shape", ())
        if len(shape) != 2 or shape[0] != len(column.texts):
            raise UserError(
                f"the process {type(self).__name__} encoded {len(column.texts):,} texts as a {type(encoded).__name__} "
                f"of shape {shape}; let encode() return a matrix with a row for each of them."
            )
        flags = np.zeros((len(column.texts) + 1, FLAGS), dtype=np.float32)
        flags[-1, 0] = 1
        flags[[row for row, text in enumerate(column.texts) if not text.split()], 1] = 1
        if isinstance(encoded, np.ndarray):
            dense = np.zeros((len(flags), encoded.shape[1] + FLAGS), dtype=np.float32)
            dense[:-1, :-FLAGS] = encoded
            dense[:, -FLAGS:] = flags
            return dense[column.index]
        encoded.resize((len(flags), encoded.shape[1]))  # a row of zeros for missing texts
        sparse = scipy.sparse.csr_array(scipy.sparse.hstack([encoded, scipy.sparse.csr_array(flags)], format="csr"))
        # A value and its column for each item; scipy numbers items in 64 bits where 32 do not suffice.
        items = int(np.diff(sparse.indptr).astype(np.int64)[column.index].sum())
        require_memory(items * (4 + (4 if items < 1 << 31 else 8)), _WHAT, self.remedy)
        return sparse[column.index]


class NgramProcess(MatrixProcess):
    """What `tfidf` and `bigrams` share: n-grams known by their hashes, and saving these."""

    remedy = "raise process.min_df or lower process.max_features"

    min_df: int
    min_records: int
    max_features: int

    @abstractmethod
    def find(self, words: WordTable) -> list[Occurrences]:
        """N-grams of each kind."""

    @abstractmethod
    def weigh(self, ngrams: NgramVocabulary, counts: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
        """Weigh the n-grams of one kind, float32 CSR [texts, kept], in place."""

    def fit(self, table: pd.DataFrame, target: pd.Series) -> Self:
        """As `fit_columns`."""
        return NgramProcess.fit_columns(self, from_frame(table), target)

    def fit_columns(self, columns: Columns, target: pd.Series) -> Self:
        """Learn which n-grams the training rows hold, and in how many of them each stands."""
        self.fields_ = list(columns)
        self.ngrams_ = {
            name: [
                found.fit(column.counts, max(self.min_df, self.min_records), self.max_features)
                for found in self.find(WordTable.split(column.texts))
            ]
            for name, column in self.columns(columns).items()
        }
        return self

    def encode(self, field: str, texts: list[str]) -> scipy.sparse.csr_array:
        """Encode the distinct texts of a field, float32 CSR [texts, n-grams]; kinds follow on each other."""
        kinds = zip(self.ngrams_[field], self.find(WordTable.split(texts)), strict=True)
        parts = [self.weigh(ngrams, found.count(ngrams)) for ngrams, found in kinds]
        return scipy.sparse.csr_array(scipy.sparse.hstack(parts, format="csr"))

    def save(self, folder: Path) -> None:
        """Write `fields.json` and `ngrams.safetensors`."""
        # Names of fields may hold any character: arrays are numbered.
        kinds = {name: len(ngrams) for name, ngrams in self.ngrams_.items()}
        about = {"fields": self.fields_, "kinds": kinds}
        write_json(folder / "fields.json", about)
        arrays: dict[str, npt.NDArray[np.generic]] = {}
        for number, vocabularies in enumerate(self.ngrams_.values()):
            for kind, ngrams in enumerate(vocabularies):
                arrays[f"{number}.{kind}.hashes"], arrays[f"{number}.{kind}.idf"] = ngrams.hashes, ngrams.idf
        save_file(arrays, folder / "ngrams.safetensors")

    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote."""
        about = read_json(folder / "fields.json")
        arrays = load_file(folder / "ngrams.safetensors")
        self.fields_ = about["fields"]
        self.ngrams_ = {
            name: [
                NgramVocabulary(arrays[f"{number}.{kind}.hashes"], arrays[f"{number}.{kind}.idf"])
                for kind in range(kinds)
            ]
            for number, (name, kinds) in enumerate(about["kinds"].items())
        }
        return self

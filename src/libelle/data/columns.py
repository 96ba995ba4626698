"""Fields by their distinct texts: columns of forms repeat a lot, and so does all that is done to their texts.

A table is a mapping from field to `Column`: what reading makes, cleaners change and processes encode. DataFrames stand
at the doors alone, for those who bring records and for those who write cleaners and processes of their own.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from libelle import shards
from libelle.data.distinct import number_by_place
from libelle.data.frames import is_missing, to_arrow, to_series
from libelle.data.stored_tables import StoredTable, as_arrow, kept_texts, stored, taken_texts
from libelle.data.words import WordTable, mix
from libelle.errors import UserError
from libelle.features import Ints

#: Rows up to which Python finds distinct texts faster than Arrow.
FEW_ROWS = 1000


@dataclass(frozen=True)
class Column:
    """A field's distinct texts.

    Attributes:
        texts: each text once, in the order of its first row.
        index: int32 [rows], the text of each row; `len(texts)` where it is missing.
    """

    texts: Sequence[str]
    index: npt.NDArray[np.int32]

    @classmethod
    def of(cls, column: pd.Series) -> "Column":
        """Find a column's distinct texts.

        Raises:
            UserError: when a value is neither a text nor missing.
        """
        if len(column) <= FEW_ROWS:
            return cls.of_texts(column.tolist())
        encoded = _encode(column)
        return _column([encoded])

    @classmethod
    def of_texts(cls, texts: Sequence[object]) -> "Column":
        """Find the distinct texts of some rows.

        Raises:
            UserError: when a value is neither a text nor missing.
        """
        return cls.of_known([text if isinstance(text, str) else _missing(text) for text in texts])

    @classmethod
    def of_known(cls, texts: Sequence[str | None]) -> "Column":
        """The same of what is known to be texts and None alone; no line of Python is run for each of them."""
        numbers: defaultdict[str | None, int] = defaultdict(count().__next__, {None: -1})
        index = np.fromiter(map(numbers.__getitem__, texts), np.int32, len(texts))
        del numbers[None]
        index[index < 0] = len(numbers)
        return cls(cast("list[str]", list(numbers)), index)

    def __len__(self) -> int:
        return len(self.index)

    @cached_property
    def words(self) -> WordTable:
        """The texts, split into words."""
        return WordTable.split(self.texts)

    @property
    def is_split(self) -> bool:
        """Whether the words are at hand, so that those of some rows are found among them."""
        return "words" in self.__dict__

    @cached_property
    def counts(self) -> Ints:
        """Rows that hold each text, int64 [texts]."""
        return count_codes(self.index, len(self.texts))

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Rows without a text, bool [rows]."""
        missing = len(self.texts)
        return shards.computed(len(self), bool, lambda part: self.index[part] == missing)

    def rows(self, rows: Ints) -> list[str | None]:
        """The texts of the given rows."""
        missing = len(self.texts)
        return [None if text == missing else self.texts[text] for text in self.index[rows].tolist()]

    def take(self, rows: Ints) -> "Column":
        """The given rows, in the given order, and their texts alone."""
        used, index = number_by_place(self.index[rows], len(self.texts))
        taken = Column(taken_texts(self.texts, used), index)
        if self.is_split:
            taken.__dict__["words"] = self.words.take(used)
        return taken

    def replace(self, texts: Sequence[str | None]) -> "Column":
        """The same rows with another text, or none, for each distinct one; texts that have become equal are one."""
        seen: dict[str, int] = {}
        new = [-1 if text is None else seen.setdefault(text, len(seen)) for text in texts]
        if len(seen) == len(new):
            return Column(kept_texts(list(seen), len(self.index)), self.index)
        codes = np.array([*new, -1], dtype=np.int32)
        codes[codes < 0] = len(seen)
        return Column(
            kept_texts(list(seen), len(self.index)),
            shards.computed(len(self.index), np.int32, lambda part: codes[self.index[part]]),
        )

    def series(self, index: pd.Index | None = None) -> pd.Series:
        """The text of each row, `str`, missing where missing."""
        if len(self.index) <= FEW_ROWS:
            texts = np.array([*self.texts, None], dtype=object)
            return pd.Series(texts[self.index], index=index, dtype="str")
        texts = pa.concat_arrays([as_arrow(self.texts), pa.nulls(1, pa.large_string())])
        parts = shards.shards(len(self.index))
        return to_series(stored(texts.take(pa.array(self.index[part])) for part in parts), index)


#: Field → column; all have the same rows.
Columns = Mapping[str, Column]


class ColumnBuilder:
    """Makes one column of parts as they come, so that the text of a row never stands in memory twice."""

    def __init__(self) -> None:
        self._parts = StoredTable()

    def add(self, column: pd.Series) -> None:
        """Append rows; raise `UserError` when a value is neither a text nor missing."""
        self._parts.add(pa.table([_encode(column)], names=["texts"]))

    def build(self) -> Column:
        """The column of all rows."""
        return _column(self._parts.table().column(0).unify_dictionaries().chunks)


def from_frame(table: pd.DataFrame) -> dict[str, Column]:
    """The columns of a table of `str` columns."""
    return {str(name): Column.of(column) for name, column in table.items()}


def to_frame(columns: Columns, index: pd.Index | None = None) -> pd.DataFrame:
    """One `str` column a field, with the given index."""
    return pd.DataFrame({name: column.series(index) for name, column in columns.items()}, index=index)


def count_rows(columns: Columns) -> int:
    """The number of rows, which all columns have."""
    return len(next(iter(columns.values())))


def take(columns: Columns, rows: Ints) -> dict[str, Column]:
    """The given rows of each column."""
    return {name: column.take(rows) for name, column in columns.items()}


def row_keys(columns: Columns) -> npt.NDArray[np.uint64]:
    """A number for each row, uint64 [rows], equal where all its texts are; of these columns alone."""

    def key(part: slice) -> npt.NDArray[np.uint64]:
        keys = np.zeros(part.stop - part.start, dtype=np.uint64)
        for column in columns.values():
            # Two different rows have the same key about once in 2^64 pairs.
            keys = mix((keys + column.index[part].astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
        return keys

    return shards.computed(count_rows(columns), np.uint64, key)


def count_codes(codes: npt.NDArray[np.int32], size: int, first: int = 0) -> Ints:
    """How many rows have each of some codes, int64 [size]; they begin with `first`, and one more is not counted."""
    counts = np.zeros(size + 1, dtype=np.int64)
    for part in shards.shards(len(codes)):
        counts += np.bincount(codes[part] - first if first else codes[part], minlength=size + 1)
    return counts[:-1]


def _encode(column: pd.Series) -> pa.DictionaryArray:
    """Arrow's encoding of a column; it would read bytes as texts, and has errors of its own for numbers."""
    if not isinstance(column.dtype, pd.StringDtype):
        column = Column.of_texts(column.tolist()).series()
    return to_arrow(column).dictionary_encode()


def _missing(value: object) -> str | None:
    """None for a missing value; anything else is no text either, and must not be lost without a word."""
    if is_missing(value):
        return None
    raise UserError(
        f"a column holds the {type(value).__name__} {value!r}, and only texts are encoded; make it text with "
        "astype('str')."
    )


def _column(parts: Sequence[pa.DictionaryArray]) -> Column:
    """A column from Arrow's encoding, whose codes are missing where the text is; all parts have the same texts."""
    texts = parts[0].dictionary
    ends = np.cumsum([len(part) for part in parts]).tolist()
    index = shards.empty(ends[-1], np.int32)
    for part, end in zip(parts, ends, strict=True):
        index[end - len(part) : end] = part.indices.fill_null(len(texts)).to_numpy()
    shards.release()
    return Column(kept_texts(texts, len(index)), index)

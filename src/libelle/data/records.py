"""The schema: from a source's table to records with ids, fields, targets and a split."""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from libelle import shards
from libelle.data.columns import Columns, to_frame
from libelle.data.frames import to_chunks
from libelle.data.names import normal_name
from libelle.data.stored_tables import as_arrow
from libelle.errors import UserError, listed


@dataclass(frozen=True)
class Records:
    """Records ready for cleaning. All Series have the same index, the row number from 1.

    Attributes:
        ids: the records' ids, `str`, or the row number, int64.
        columns: the fields.
        targets: the labels, `str`.
        splits: `train`, `validation` or `test`.
        labels: all labels in the order of the score columns; binary: the positive one is last.
        slices: columns by whose values results are shown, `str`; they need not be fields.
        reading: how the file was read, for files like it, see `libelle.data.options`.
        weights: how many units each record stands for, float64; None where each counts the same.
        titles: label → title, of those that have one.
        unused: the source's columns that have no role.
        unlabelled: rows of the source that were passed over, since they have no label.
        nearly_positive: values of the target that count as negative by a hair, and their rows.
    """

    ids: pd.Series
    columns: Columns
    targets: pd.Series
    splits: pd.Series
    labels: list[str]
    slices: pd.DataFrame
    reading: Mapping[str, str] = field(default_factory=dict)
    weights: pd.Series | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    unlabelled: int = 0
    nearly_positive: dict[str, int] = field(default_factory=dict)

    @property
    def fields(self) -> pd.DataFrame:
        """The fields as a table, one `str` column each, missing where missing."""
        return to_frame(self.columns, self.ids.index)

    def fingerprint(self) -> str:
        """SHA-256 of ids, fields, targets, split and weights, in row order."""
        digest = hashlib.sha256("\x1f".join([*self.columns, *self.labels]).encode())
        for column in self.columns.values():
            _add_numbers(digest, column.index)
            _add_texts(digest, [as_arrow(column.texts)])
        for series in (self.ids, self.targets, self.splits):
            if pd.api.types.is_integer_dtype(series.dtype):
                _add_numbers(digest, series.to_numpy(dtype=np.int64))
            else:
                _add_texts(digest, to_chunks(series))
        if self.weights is not None:
            _add_numbers(digest, self.weights.to_numpy(dtype=np.float64))
        return digest.hexdigest()


def _add_numbers(digest: "hashlib._Hash", numbers: npt.NDArray[np.generic]) -> None:
    for part in shards.shards(len(numbers)):
        digest.update(np.ascontiguousarray(numbers[part]).data)


def _add_texts(digest: "hashlib._Hash", chunks: Sequence[pa.LargeStringArray]) -> None:
    """Add the lengths of texts, then all their characters; Arrow has both as they are."""
    filled = [texts for texts in chunks if len(texts)]
    ends = [np.frombuffer(texts.buffers()[1], np.int64)[texts.offset :][: len(texts) + 1] for texts in filled]
    for part in ends:
        digest.update(np.diff(part).data)
    for texts, part in zip(filled, ends, strict=True):
        data = texts.buffers()[2]
        digest.update(memoryview(data)[part[0] : part[-1]] if data is not None else b"")
        shards.release()


#: Column names: a list, or one text as `name_list` takes it.
Names = list[str] | str | None


def name_list(value: Names) -> list[str]:
    """Column names as people write them, each once: a list, or one text with commas and, if they like, brackets.

    They are returned in NFC. A name that holds a comma is put in double quotes.
    """
    if value is None:
        return []
    if not isinstance(value, str):
        return list(dict.fromkeys(normal_name(name) for name in value))
    text = value.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    rows = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    return list(dict.fromkeys(normal_name(name) for row in rows for name in row if name.strip()))


def require_columns(
    there: Sequence[str], wanted: Mapping[str, Sequence[str]], source: str, keys: str = "data."
) -> None:
    """Raise unless a table has every column that is wanted.

    Args:
        there: the table's columns.
        wanted: config key → column names.
        source: what messages call the data.
        keys: what stands before `delimiter` in the config.

    Raises:
        UserError: names the key, the column and the columns that exist.
    """
    for key, names in wanted.items():
        for name in names:
            if name not in there:
                raise UserError(_missing_column(there, key, name, source, keys))


def _missing_column(there: Sequence[str], key: str, name: str, source: str, keys: str) -> str:
    there = [str(column) for column in there]
    if len(there) == 1 and any(mark in there[0] for mark in ",;\t|"):
        mark = next(mark for mark in ";\t|," if mark in there[0])
        return (
            f"{source} has a single column, {there[0][:60]!r}, so the delimiter looks wrong; "
            f"try {keys}delimiter='{'tab' if mark == chr(9) else mark}'."
        )
    return f"{source} has no column {name!r} (wanted by {key}); its columns are {listed(there, 20)}."

"""The schema: from a source's table to records with ids, fields, targets and a split."""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from libelle.errors import UserError


@dataclass(frozen=True)
class Records:
    """Records ready for cleaning. All parts have the same index, the row number from 1.

    Attributes:
        ids: the records' ids, `str`, or the row number, int64.
        fields: the text fields, `str`, missing where missing.
        targets: the labels, `str`.
        splits: `train`, `validation` or `test`.
        labels: all labels in the order of the score columns; binary: the positive one is last.
        slices: columns by whose values results are shown, `str`; they need not be fields.
    """

    ids: pd.Series
    fields: pd.DataFrame
    targets: pd.Series
    splits: pd.Series
    labels: list[str]
    slices: pd.DataFrame

    def take(self, split: str) -> "Records":
        """The records of one split."""
        rows = self.splits == split
        return Records(
            self.ids[rows], self.fields[rows], self.targets[rows], self.splits[rows], self.labels, self.slices[rows]
        )

    def fingerprint(self) -> str:
        """SHA-256 of ids, fields, targets and split, in row order."""
        table = pd.concat([self.ids.rename("id"), self.fields, self.targets, self.splits], axis=1)
        digest = hashlib.sha256("\x1f".join([*self.fields.columns, *self.labels]).encode())
        digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
        return digest.hexdigest()


#: Column names: a list, or one text as `name_list` takes it.
Names = list[str] | str | None


def name_list(value: Names) -> list[str]:
    """Column names as people write them, each once: a list, or one text with commas and, if they like, brackets.

    A name that holds a comma is put in double quotes.
    """
    if value is None:
        return []
    if not isinstance(value, str):
        return list(dict.fromkeys(str(name) for name in value))
    text = value.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    rows = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    return list(dict.fromkeys(name.strip() for row in rows for name in row if name.strip()))


def require_columns(table: pd.DataFrame, wanted: Mapping[str, Sequence[str]], source: str, keys: str = "data.") -> None:
    """Raise unless the table has every column that is wanted.

    Args:
        table: the rows.
        wanted: config key → column names.
        source: what messages call the data.
        keys: what stands before `delimiter` in the config.

    Raises:
        UserError: names the key, the column and the columns that exist.
    """
    for key, names in wanted.items():
        for name in names:
            if name not in table.columns:
                raise UserError(_missing_column(table, key, name, source, keys))


def _missing_column(table: pd.DataFrame, key: str, name: str, source: str, keys: str) -> str:
    there = [str(column) for column in table.columns]
    if len(there) == 1 and any(mark in there[0] for mark in ",;\t|"):
        mark = next(mark for mark in ";\t|," if mark in there[0])
        return (
            f"{source} has a single column, {there[0][:60]!r}, so the delimiter looks wrong; "
            f"try {keys}delimiter='{'tab' if mark == chr(9) else mark}'."
        )
    listed = ", ".join(there[:20]) + (", …" if len(there) > 20 else "")
    return f"{source} has no column {name!r} (wanted by {key}); its columns are {listed}."

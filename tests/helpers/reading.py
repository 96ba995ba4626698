"""Reading a small file that a test writes."""

import io
from typing import Any

import pandas as pd

from libelle.data import tables
from libelle.data.options import BadRow, FileOptions, FileReport


def read_bytes(
    content: bytes, name: str = "forms.csv", **options: Any
) -> tuple[pd.DataFrame, list[BadRow], FileReport]:
    """The table, the bad rows and the report of a file with these bytes."""
    bad: list[BadRow] = []
    report = FileReport()
    chunks = tables.read_stream(io.BytesIO(content), name, FileOptions(**options), on_bad_row=bad.append, report=report)
    return pd.concat(list(chunks)), bad, report


def records_of(content: bytes, **options: Any) -> list[list[str | None]]:
    """The texts of each record."""
    table, bad, _ = read_bytes(content, **options)
    assert not bad
    return table.astype(object).where(table.notna(), None).to_numpy().tolist()

"""Ids that stand in a file more than once: a join of the answers by them would double rows."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from libelle.data.frames import hashes_of, rows_alike, to_chunks, to_series
from libelle.data.options import FileReport
from libelle.errors import counted

#: Records whose ids are held: more than a census has, in some 80 MB. Those that follow are not looked at.
HELD = 2_000_000


class RepeatedIds:
    """Keeps the ids of a file that is read in chunks."""

    def __init__(self) -> None:
        self._ids: list[pa.LargeStringArray] = []
        #: To look at them all as texts of Python would take six times their memory.
        self._hashes: list[npt.NDArray[np.uint64]] = []
        self._numbers: list[npt.NDArray[np.int64]] = []
        self._held = 0

    def add(self, ids: pd.Series, numbers: npt.NDArray[np.int64]) -> None:
        """Take the ids of some records, `str`, and the numbers of these in the file."""
        if self._held < HELD:
            self._ids += to_chunks(ids)
            self._hashes.append(hashes_of(ids))
            self._numbers.append(numbers)
            self._held += len(ids)

    def warn(self, column: str, name: str, report: FileReport) -> None:
        """Warn of the first id that comes again; `column` is that of ids, and `name` what messages call the file."""
        if not self._held:
            return
        alike = rows_alike(np.concatenate(self._hashes))
        ids = to_series(pa.chunked_array(self._ids).take(alike))
        repeats = np.flatnonzero(ids.duplicated())
        if not len(repeats):
            return
        id_, again = ids.iloc[repeats[0]], alike[repeats]
        before = alike[ids == id_][0]
        first, second = report.lines.of(np.concatenate(self._numbers)[[before, again[0]]])
        repeat = "repeats" if len(again) == 1 else "repeat"
        report.warn_once(
            "repeated ids",
            f"{name}, {report.unit} {second}: the id {id_[:40]!r} in column {column!r} is already in {report.unit} "
            f"{first}, and a join on it doubles rows; {counted(len(again), 'record')} {repeat} an id: correct them, or "
            "put the answers beside the rows by their order",
        )

"""Arrow tables that come part by part, and are one in the end: in memory, or in a file where they are large."""

from collections.abc import Iterable
from typing import BinaryIO

import pyarrow as pa

from libelle import shards


class StoredTable:
    """Makes one table of parts with the same columns; the texts of a part do not stand in memory twice."""

    def __init__(self) -> None:
        self._parts: list[pa.Table] = []
        self._rows = 0
        self._file: BinaryIO | None = None
        self._writer: pa.RecordBatchStreamWriter | None = None

    def add(self, part: pa.Table) -> None:
        """Append rows."""
        self._parts.append(part)
        self._rows += len(part)
        if shards.are_many(self._rows):
            self._write()

    def table(self) -> pa.Table:
        """All rows, chunk by chunk as they came."""
        if self._writer is None or self._file is None:
            return pa.concat_tables(self._parts)
        self._writer.close()
        return pa.ipc.open_stream(pa.py_buffer(shards.mapped(self._file))).read_all()

    def _write(self) -> None:
        if self._writer is None:
            self._file = shards.scratch_file()
            self._writer = pa.ipc.new_stream(self._file, self._parts[0].schema)
        for part in self._parts:
            self._writer.write_table(part)
        self._parts.clear()


def stored(parts: Iterable[pa.Array]) -> pa.ChunkedArray:
    """One column of some parts."""
    table = StoredTable()
    for part in parts:
        table.add(pa.table([part], names=["part"]))
    return table.table().column(0)

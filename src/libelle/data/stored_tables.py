"""Arrow tables that come part by part, and are one in the end: in memory, or in a file where they are large."""

from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from libelle import shards

#: Texts that are looked at at once.
_TEXTS = 1 << 16


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


class StoredTexts(Sequence[str]):
    """Texts that Arrow holds, in a file where they are many: each is a text of Python only while it is looked at."""

    def __init__(self, texts: pa.LargeStringArray) -> None:
        self.array = texts

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return list(self.array[place].to_pylist())
        return str(self.array[place])

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _TEXTS):
            yield from self[start : start + _TEXTS]


def kept_texts(texts: pa.LargeStringArray | Sequence[str], rows: int) -> Sequence[str]:
    """The distinct texts of a column: a list, or texts in a file where the column has more rows than a shard."""
    if not shards.are_many(rows):
        return texts.to_pylist() if isinstance(texts, pa.Array) else texts
    try:
        array = texts if isinstance(texts, pa.Array) else as_arrow(texts)
    except UnicodeEncodeError:  # a lone surrogate, which Arrow does not hold
        return texts
    return StoredTexts(stored([array]).chunk(0))


def taken_texts(texts: Sequence[str], places: npt.NDArray[np.integer]) -> Sequence[str]:
    """Some of the texts, as they are kept."""
    if isinstance(texts, StoredTexts):
        return StoredTexts(stored([texts.array.take(pa.array(places))]).chunk(0))
    return [texts[place] for place in places.tolist()]


def as_arrow(texts: Sequence[str]) -> pa.LargeStringArray:
    """Texts as one array."""
    return texts.array if isinstance(texts, StoredTexts) else pa.array(texts, pa.large_string())

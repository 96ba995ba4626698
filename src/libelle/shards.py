"""Large arrays in files, and work on them shard by shard: what grows with the rows need not stand in memory.

Inside `in_shards`, an array of more rows than a shard has lies in a file of the scratch folder and is mapped into
memory, and passes over the rows take a shard at a time; everywhere else arrays are numpy's own, and a pass is one
shard. The files have no name: they go when nobody refers to their array any more, however the process ends.
"""

import mmap
import os
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

#: Rows of a shard, where nobody says.
SHARD_ROWS = 1_000_000


@dataclass(frozen=True)
class _Place:
    """Where arrays lie, the rows of a shard, and the maps that are in use."""

    folder: Path
    rows: int
    maps: "weakref.WeakSet[mmap.mmap]" = field(default_factory=weakref.WeakSet)


_place: ContextVar[_Place | None] = ContextVar("shards", default=None)


@contextmanager
def in_shards(folder: Path, rows: int = SHARD_ROWS) -> Iterator[None]:
    """Keep large arrays in files as long as this lasts.

    Args:
        folder: exists, on a disk with room.
        rows: of a shard; larger arrays lie in files.
    """
    token = _place.set(_Place(folder, rows))
    try:
        yield
    finally:
        _place.reset(token)


def are_many(rows: int) -> bool:
    """Whether what has so many rows belongs into files."""
    place = _place.get()
    return place is not None and rows > place.rows


def shards(rows: int) -> Iterator[slice]:
    """The rows of each shard; what was read of arrays in files leaves the memory after each.

    One shard, of all rows, where nobody has asked for more.
    """
    place = _place.get()
    size = rows if place is None else place.rows
    for start in range(0, max(rows, 1), max(size, 1)):
        yield slice(start, min(start + size, rows))
        release()


def count(rows: int) -> int:
    """How many shards some rows make."""
    place = _place.get()
    return 1 if place is None else max(rows - 1, 0) // place.rows + 1


def spread(keys: npt.NDArray[np.uint64]) -> Iterator[npt.NDArray[np.int64]]:
    """The places of keys that share their first bits, about as many at a time as a shard has rows, in their order.

    Args:
        keys: evenly spread, as hashes are.
    """
    bits = (count(len(keys)) - 1).bit_length()
    if not bits:
        yield np.arange(len(keys))
        return
    for group in range(1 << bits):
        found = [part.start + np.flatnonzero(keys[part] >> np.uint64(64 - bits) == group) for part in shards(len(keys))]
        yield np.concatenate(found)


def empty(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array whose values are to be written; in a file where a dimension is longer than a shard."""
    sizes = (shape,) if isinstance(shape, int) else shape
    if not are_many(max(sizes)):
        return np.empty(sizes, dtype)
    with scratch_file() as file:
        allocate(file, int(np.prod(sizes)) * np.dtype(dtype).itemsize)
        return np.frombuffer(mapped(file), dtype).reshape(sizes)


def computed(rows: int, dtype: npt.DTypeLike, values: Callable[[slice], npt.ArrayLike]) -> npt.NDArray[Any]:
    """An array of one value a row, computed shard by shard."""
    array = empty(rows, dtype)
    for part in shards(rows):
        array[part] = values(part)
    return array


def shifted(codes: Sequence[npt.NDArray[np.int32]], starts: Sequence[int]) -> npt.NDArray[np.int32]:
    """Some rows of codes in one array, int32 [len(codes), rows], to each of which a number of its own is added."""
    array = empty((len(codes), len(codes[0])), np.int32)
    for row, own, start in zip(array, codes, starts, strict=True):
        for part in shards(len(own)):
            row[part] = own[part] + np.int32(start)
    return array


def picked(codes: npt.NDArray[np.int32], rows: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """The given rows, in the given order, of codes int32 [fields, rows]."""
    if not are_many(len(rows)):
        return codes[:, rows]
    array = empty((len(codes), len(rows)), codes.dtype)
    for part in shards(len(rows)):
        array[:, part] = codes[:, rows[part]]
    return array


def scratch_file() -> BinaryIO:
    """A file without a name, for whatever is large."""
    place = _place.get()
    return tempfile.TemporaryFile(dir=None if place is None else place.folder)


def allocate(file: BinaryIO, size: int) -> None:
    """Give a file its size; raise `OSError` where the disk has no room, since a map of it would end the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        os.truncate(file.fileno(), size)


def mapped(file: BinaryIO) -> mmap.mmap:
    """A file that is not empty, mapped into memory for reading and writing."""
    file.flush()
    content = mmap.mmap(file.fileno(), 0)
    place = _place.get()
    if place is not None:
        place.maps.add(content)
    return content


def release() -> None:
    """Let go of the pages of all maps: they stay in the file, and are read again where they are wanted."""
    place = _place.get()
    for content in () if place is None else tuple(place.maps):
        content.madvise(mmap.MADV_DONTNEED)

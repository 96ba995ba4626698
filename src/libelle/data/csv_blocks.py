"""CSV by Arrow: the blocks of a stream that mean the same to Arrow as to Python's csv module."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from libelle.data.dialects import Dialect
from libelle.data.encodings import Prefixed, Readable

#: Bytes that are read at once.
BLOCK_BYTES = 1 << 24

#: The byte-order mark in UTF-8.
_MARK = b"\xef\xbb\xbf"

_QUOTE, _LINE_FEED, _RETURN = b'"\n\r'

_Positions = npt.NDArray[np.int64]


class RowBlocks:
    """Blocks of whole rows, for as long as it can be shown where rows begin and that all quoting is by the rules."""

    def __init__(self, stream: Readable, dialect: Dialect, size: int | None = None) -> None:
        self._stream, self._quoted, self._size = stream, dialect.quoted, size or BLOCK_BYTES
        self._is_separator = np.zeros(256, dtype=bool)
        self._is_separator[list(f"\n\r{dialect.delimiter}".encode())] = True
        self._left = b""

    def __iter__(self) -> Iterator[bytes]:
        while read := self._stream.read(self._size):
            self._left += read
            cut = self._cut(last=False)
            if not cut:
                return
            block, self._left = self._left[:cut], self._left[cut:]
            yield block
        cut = self._cut(last=True)
        if cut:
            block, self._left = self._left[:cut], self._left[cut:]
            yield block

    def rest(self) -> io.RawIOBase:
        """The bytes that were in no block."""
        return Prefixed(self._left, self._stream)

    def _cut(self, *, last: bool) -> int:
        """Where the last whole row of the bytes at hand ends; 0 where that cannot be shown."""
        buffer = np.frombuffer(self._left, np.uint8)
        # A return alone ends a row of Python's; the last byte may be half of a line break.
        following = np.append(buffer[1:], np.uint8(0 if last else _LINE_FEED))  # a bare int would widen the block
        if ((buffer == _RETURN) & (following != _LINE_FEED)).any():
            return 0
        quotes = np.flatnonzero(buffer == _QUOTE) if self._quoted else np.empty(0, np.int64)
        if last:
            end = len(buffer)
        else:
            breaks = np.flatnonzero(buffer == _LINE_FEED)
            outside = breaks[np.searchsorted(quotes, breaks) % 2 == 0]
            end = int(outside[-1]) + 1 if len(outside) else 0
        quotes = quotes[quotes < end]
        return end if self._is_regular(buffer[:end], quotes) else 0

    def _is_regular(self, buffer: npt.NDArray[np.uint8], quotes: _Positions) -> bool:
        """Whether each quote begins a field, ends one, or is one of a doubled quote within."""
        if not len(quotes):
            return True
        if len(quotes) % 2:
            return False
        first, second = quotes[::2], quotes[1::2]
        doubled = second[:-1] + 1 == first[1:]
        begins = (first == 0) | self._is_separator[buffer[first - 1]]
        begins[1:] |= doubled
        last = len(buffer) - 1
        ends = (second == last) | self._is_separator[buffer[np.minimum(second + 1, last)]]
        ends[:-1] |= doubled
        return bool(begins.all() and ends.all())


def parse_block(block: bytes, header: Sequence[str], dialect: Dialect, *, single: bool) -> pa.Table | None:
    """Parse whole rows, which have no header, as `large_string` columns; None where not all of them can be.

    Args:
        block: of `RowBlocks`, in UTF-8.
        header: names of the columns, each once.
        dialect: how it is written.
        single: whether there is one column, so that an empty line is a record.
    """
    from pyarrow import csv  # scoring texts takes no files

    if not block or block.startswith(_MARK):  # Arrow drops it; a text may begin so
        return None
    try:
        return csv.read_csv(
            pa.BufferReader(block),
            read_options=csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=list(header)),
            parse_options=csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char='"' if dialect.quoted else False,
                newlines_in_values=dialect.quoted and b'"' in block,
                ignore_empty_lines=not single,
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.large_string()), null_values=[], strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None


@dataclass(frozen=True)
class Layout:
    """Where the records of a block stand, in lines of the block from 0.

    Attributes:
        first: int64 [records], each record's first line.
        last: int64 [records], its last one.
        whole: bool [records], whether it has several lines that look like whole rows, see `looks_like_rows`.
    """

    first: _Positions
    last: _Positions
    whole: npt.NDArray[np.bool_]


def lay_out(block: bytes, width: int, dialect: Dialect, *, single: bool) -> Layout:
    """Find the lines of each record of a block of `RowBlocks`.

    Args:
        block: whole rows.
        width: fields of a row.
        dialect: how it is written.
        single: as for `parse_block`.
    """
    buffer = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(buffer == _LINE_FEED)
    if len(buffer) and not (len(ends) and ends[-1] == len(buffer) - 1):
        ends = np.append(ends, len(buffer))
    starts = np.append(0, ends[:-1] + 1)
    quotes = np.flatnonzero(buffer == _QUOTE) if dialect.quoted else np.empty(0, np.int64)
    last = np.flatnonzero(np.searchsorted(quotes, ends) % 2 == 0)
    first = np.append(0, last[:-1] + 1)
    delimiters = np.flatnonzero(buffer == ord(dialect.delimiter))
    before = np.searchsorted(delimiters, np.append(starts, len(buffer)))
    lengths = ends - starts
    blank = (lengths == 0) | ((lengths == 1) & (buffer[np.minimum(starts, len(buffer) - 1)] == _RETURN))
    like_row = np.diff(before) == width - 1
    alike, filled = (np.add.reduceat(values.astype(np.int64), first) for values in (like_row, ~blank))
    spread = (first < last) & like_row[first] & like_row[last] & (2 * alike >= filled)
    kept = np.ones(len(first), dtype=bool) if single else ~((first == last) & blank[first])
    return Layout(first[kept], last[kept], spread[kept] & (width > 1))


def looks_like_rows(lines: Sequence[str], width: int, delimiter: str) -> bool:
    """Whether the lines of one record look like whole rows: the first and the last, and at least half of all."""
    like_row = [line.count(delimiter) == width - 1 for line in lines]
    filled = sum(bool(line.strip("\r\n")) for line in lines)
    return width > 1 and len(lines) > 1 and like_row[0] and like_row[-1] and 2 * sum(like_row) >= filled

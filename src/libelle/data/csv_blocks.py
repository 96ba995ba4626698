"""CSV by Arrow: the blocks of a stream that mean the same to Arrow as to Python's csv module."""

import codecs
import io
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

#: Bytes that are read at once.
BLOCK_BYTES = 1 << 24

#: The byte-order mark in UTF-8.
_MARK = b"\xef\xbb\xbf"

_QUOTE, _LINE_FEED, _RETURN = b'"\n\r'


class RowBlocks:
    """Blocks of whole rows, for as long as it can be shown where rows begin and that all quoting is by the rules."""

    def __init__(self, stream: BinaryIO, delimiter: str) -> None:
        self._stream = stream
        self._is_separator = np.zeros(256, dtype=bool)
        self._is_separator[list(f"\n\r{delimiter}".encode())] = True
        self._left = b""

    def __iter__(self) -> Iterator[bytes]:
        while read := self._stream.read(BLOCK_BYTES):
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
        return _Rest(self._left, self._stream)

    def _cut(self, *, last: bool) -> int:
        """Where the last whole row of the bytes at hand ends; 0 where that cannot be shown."""
        buffer = np.frombuffer(self._left, np.uint8)
        # A return alone ends a row of Python's; the last byte may be half of a line break.
        following = np.append(buffer[1:], np.uint8(0 if last else _LINE_FEED))  # a bare int would widen the block
        if ((buffer == _RETURN) & (following != _LINE_FEED)).any():
            return 0
        quotes = np.flatnonzero(buffer == _QUOTE)
        if last:
            end = len(buffer)
        else:
            breaks = np.flatnonzero(buffer == _LINE_FEED)
            outside = breaks[np.searchsorted(quotes, breaks) % 2 == 0]
            end = int(outside[-1]) + 1 if len(outside) else 0
        quotes = quotes[quotes < end]
        return end if self._is_regular(buffer[:end], quotes) else 0

    def _is_regular(self, buffer: npt.NDArray[np.uint8], quotes: npt.NDArray[np.int64]) -> bool:
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


class _Rest(io.RawIOBase):
    """Some bytes, and then those of a stream."""

    def __init__(self, left: bytes, stream: BinaryIO) -> None:
        self._left, self._stream = left, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        read = self._left[: len(buffer)] or self._stream.read(len(buffer))
        self._left = self._left[len(buffer) :]
        buffer[: len(read)] = read
        return len(read)


def parse_block(block: bytes, header: Sequence[str], delimiter: str, encoding: str) -> pa.Table | None:
    """Parse whole rows, which have no header, as `large_string` columns; None where not all of them can be.

    Args:
        block: of `RowBlocks`.
        header: names of the columns.
        delimiter: one character.
        encoding: of the block.
    """
    from pyarrow import csv  # scoring texts takes no files

    try:
        utf8 = block if codecs.lookup(encoding).name == "utf-8" else block.decode(encoding).encode()
        if utf8.startswith(_MARK):  # Arrow drops it; a text may begin so
            return None
        return csv.read_csv(
            pa.BufferReader(utf8),
            read_options=csv.ReadOptions(use_threads=False, block_size=len(utf8) + 1, column_names=list(header)),
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=b'"' in block),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.large_string()), null_values=[], strings_can_be_null=False
            ),
        )
    except (UnicodeError, pa.ArrowInvalid):
        return None

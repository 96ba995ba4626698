"""Files cut into parts of whole records, each of which can be read by itself.

A Parquet file is cut by its rows, a CSV file by its bytes, where it can be shown that a record ends there
(`csv_blocks.py`). What has to be unpacked, an Excel file, a CSV file in an encoding of several bytes a character that
is not UTF-8, and what follows on irregular quoting are one part. A record has the same number, and stands in the same
line, as where the file is read in one go.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import BinaryIO, Literal

from libelle.data.csv_blocks import BLOCK_BYTES, RowBlocks
from libelle.data.csv_counts import BlockCounter
from libelle.data.csv_files import is_plain, read_head, read_rows
from libelle.data.csv_rows import Rows
from libelle.data.dialects import Dialect, delimiter_of
from libelle.data.encodings import Readable, Utf8Stream, ends_with_mark, is_above_ascii
from libelle.data.frames import Chunks
from libelle.data.kinds import kind_in_place, kind_of
from libelle.data.names import check_header
from libelle.data.options import BadRow, FileOptions, FileReport, OnBadRow
from libelle.data.tables import check_options, read_parquet, read_stream

#: Rows of a part of a Parquet file, and bytes of one of a CSV file: some seconds of scoring.
PART_ROWS, PART_BYTES = 100_000, 1 << 23
#: Parts that one row group is cut into at most: who reads the last one passes over all others.
_OF_GROUP = 8
#: Bytes of a header at most; a file whose header is longer is one part.
_HEADER_BYTES = 1 << 20
#: A byte-order mark, its bytes as characters, and white space.
_MARK = "ï»¿ \t\r\n"


@dataclass(frozen=True)
class Part:
    """Some records of a file.

    Attributes:
        start, end: in rows (Parquet) or bytes (CSV) from 0.
        records: that stand before it.
        lines: likewise.
        rows: records in it, those that will be refused included; None where that is not known.
    """

    start: int = 0
    end: int = 0
    records: int = 0
    lines: int = 0
    rows: int | None = None


@dataclass(frozen=True)
class Cut:
    """How a file is cut.

    Attributes:
        by: `file`: it is one part.
        parts: in order.
        columns: names, where they are known.
        header: bytes before the first record of a CSV file.
        found: how a CSV file is written, as in `FileReport`.
        skipped: characters before its header.
    """

    by: Literal["file", "rows", "bytes"]
    parts: Sequence[Part]
    columns: Sequence[str] = ()
    header: int = 0
    found: dict[str, str] = field(default_factory=dict)
    skipped: int = 0


_WHOLE = Cut("file", [Part()])


def cut(stream: BinaryIO, name: str, options: FileOptions, report: FileReport) -> Cut:
    """Find where a file can be cut.

    Args:
        stream: the file; it can seek.
        name: what messages call it.
        options: how it is to be read.
        report: gets what is found.

    Raises:
        UserError: when it cannot be read.
    """
    check_options(options)
    kind = kind_in_place(stream.read(1 << 12))
    stream.seek(0)
    said_parquet = name.lower().endswith((".parquet", ".pq"))
    if kind is None or (kind == "csv" and said_parquet):
        return _WHOLE
    if kind == "parquet":
        return _cut_parquet(stream, name)
    kind_of(stream, name)  # refuses what is no table
    return _cut_csv(stream, name, options, report)


def read_part(
    stream: BinaryIO, name: str, cut: Cut, part: Part, options: FileOptions, on_bad_row: OnBadRow, report: FileReport
) -> Chunks:
    """Yield the rows of a part; the arguments are those of `cut`, its answer, and those of `libelle.data.tables`."""
    if cut.by == "file":
        shared = replace(options, shared=True)
        yield from read_stream(stream, name, shared, on_bad_row=on_bad_row, report=report)
    elif cut.by == "rows":
        yield from read_parquet(stream, name, options, report, range(part.start, part.end))
    else:
        report.unit = "line"
        rows = _begin(stream, name, cut, options, on_bad_row, report)
        assert rows is not None
        stream.seek(part.start)
        body = _Limited(stream, part.end - part.start)
        rows.stream = Utf8Stream(body, name, _with_encoding(options, cut), report)
        rows.number, rows.line = part.records, part.lines
        yield from read_rows(rows, rows.stream)
        yield from rows.finish()


def _cut_parquet(stream: BinaryIO, name: str) -> Cut:
    from libelle.data.parquet_files import DAMAGED, damaged, open_parquet

    try:
        with open_parquet(stream, name) as file:
            columns = check_header(file.schema_arrow.names, name)
            groups = [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]
    except DAMAGED as error:
        raise damaged(name, error) from error
    edges = [0, *_edges(groups)]
    parts = [Part(start, end, records=start, rows=end - start) for start, end in pairwise(edges)]
    return Cut("rows", parts or [Part(rows=0)], columns)


def _edges(groups: Sequence[int]) -> Iterator[int]:
    """Where parts end: small row groups stand together, and large ones are cut."""
    start = end = 0
    for rows in groups:
        if rows > PART_ROWS and end > start:
            yield end
            start = end
        end += rows
        if end - start >= PART_ROWS:
            pieces = min(-(-(end - start) // PART_ROWS), _OF_GROUP)
            yield from (start + (end - start) * piece // pieces for piece in range(1, pieces + 1))
            start = end
    if end > start:
        yield end


def _cut_csv(stream: BinaryIO, name: str, options: FileOptions, report: FileReport) -> Cut:
    utf8 = Utf8Stream(stream, name, options, report)
    head, dialect = read_head(utf8, name, options, report)
    while utf8.encoding is None and utf8.read(BLOCK_BYTES):
        pass  # the first block that is not ASCII says what it is
    if not is_plain(dialect.delimiter) or not is_above_ascii(utf8.known):
        return _WHOLE
    skipped = len(head[: dialect.skipped].encode("utf-8", "surrogateescape"))
    stream.seek(0)
    header = _header_bytes(stream.read(_HEADER_BYTES), skipped, dialect)
    if header is None:
        return _WHOLE
    found = {**report.found, "encoding": utf8.known}
    begun = Cut("bytes", [], [], header, found, dialect.skipped)
    rows = _begin(stream, name, begun, options, _pass, report)
    if rows is None:
        return _WHOLE
    columns = [column for column in rows.header or [] if column is not None]
    return replace(begun, parts=list(_parts(stream, rows, header)), columns=columns)


def _header_bytes(head: bytes, skipped: int, dialect: Dialect) -> int | None:
    """How many bytes stand before the first record; None where the header does not end in what is at hand."""
    taken = skipped

    def lines() -> Iterator[str]:
        nonlocal taken
        for line in io.BytesIO(head[skipped:]):
            taken += len(line)
            yield line.decode("latin-1")  # a byte is a character, so that separators and quotes are found

    try:
        for row in dialect.reader(lines()):
            if any(name.strip(_MARK) for name in row):
                return None if taken == _HEADER_BYTES else taken
    except csv.Error:
        pass  # who reads the file says what is wrong
    return None


def _begin(
    stream: BinaryIO, name: str, cut: Cut, options: FileOptions, on_bad_row: OnBadRow, report: FileReport
) -> Rows | None:
    """The rows of a CSV file, of which the header has been read; None where it is something else than `cut.header`."""
    stream.seek(0)
    utf8 = Utf8Stream(io.BytesIO(stream.read(cut.header)), name, _with_encoding(options, cut), report)
    head = b"".join(iter(lambda: utf8.read(_HEADER_BYTES), b"")).decode("utf-8", "surrogateescape")
    quote = cut.found.get("quote")
    dialect = Dialect(delimiter_of(cut.found["delimiter"], ""), quote != "none", quote is not None, cut.skipped)
    rows = Rows(name, dialect, utf8, options, on_bad_row, report, line=int(cut.skipped > 0))
    left = rows.read_header(head[cut.skipped :].encode("utf-8", "surrogateescape"))
    return None if left or rows.header is None else rows


def _with_encoding(options: FileOptions, cut: Cut) -> FileOptions:
    return replace(options, encoding=cut.found["encoding"])


def _parts(stream: BinaryIO, rows: Rows, header: int) -> Iterator[Part]:
    """The parts of a CSV file, of which `rows` have read the header."""
    counter = BlockCounter(rows)
    size = stream.seek(0, io.SEEK_END)
    stream.seek(header)
    begun = place = header
    records = seen = 0
    lines = line = rows.line
    for block in RowBlocks(stream, rows.dialect, PART_BYTES):
        counted = counter.count(block)
        place, seen, line = place + len(block), seen + counted[0], line + counted[1]
        if not ends_with_mark(block):  # what looks like the mark of a file's end must not end a part
            yield Part(begun, place, records, lines, seen - records)
            begun, records, lines = place, seen, line
    if place < size:
        yield Part(begun, size, records, lines)
    elif begun < place or begun == header:  # it ends with the mark, which is no record; or there is none
        yield Part(begun, place, records, lines, None if begun < place else 0)


def _pass(bad: BadRow) -> None:
    """A record that cannot be read is for whoever reads the part."""


class _Limited:
    """The next bytes of a stream, and no more."""

    def __init__(self, stream: Readable, size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes."""
        read = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(read)
        return read

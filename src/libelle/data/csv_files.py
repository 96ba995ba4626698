"""Reading CSV as tables of strings, in chunks.

Python's csv module says what a CSV file means. It reads rows one by one, and so Arrow parses, block by block, whatever
can be shown to mean the same to both; the first block that cannot is left to Python, row by row, with its reports.
"""

import csv
import io

from libelle.data.csv_blocks import RowBlocks
from libelle.data.csv_rows import Rows
from libelle.data.dialects import ONE_COLUMN, Dialect, find_dialect
from libelle.data.encodings import Prefixed, Readable, Utf8Stream
from libelle.data.frames import Chunks
from libelle.data.options import FileOptions, FileReport, OnBadRow

# The longest field: texts of a megabyte are records too, and csv's own limit is 128 KB.
csv.field_size_limit(1 << 30)

#: Bytes by which a file's dialect is found.
HEAD_BYTES = 1 << 16


def read_csv(stream: Readable, name: str, options: FileOptions, *, on_bad_row: OnBadRow, report: FileReport) -> Chunks:
    """Yield the rows of a CSV stream whose first row is the header.

    Args:
        stream: bytes.
        name: what messages call it.
        options: how it is written, as far as that is known.
        on_bad_row: called for records with too few or too many fields, broken quoting or wrong bytes, which are then
            left out.
        report: gets what is found and counted.

    Raises:
        UserError: when there is no header, a column name comes twice, or an option has a wrong value.
    """
    utf8 = Utf8Stream(stream, name, options, report)
    head, dialect = read_head(utf8, name, options, report)
    rows = Rows(name, dialect, utf8, options, on_bad_row, report, line=int(dialect.skipped > 0))
    begun = Prefixed(head[dialect.skipped :].encode("utf-8", "surrogateescape"), utf8)
    yield from read_rows(rows, begun)


def read_head(stream: Utf8Stream, name: str, options: FileOptions, report: FileReport) -> tuple[str, Dialect]:
    """How a stream begins, and the dialect that this shows; the arguments are those of `read_csv`."""
    head = b""
    while len(head) < HEAD_BYTES and (read := stream.read(HEAD_BYTES)):
        head += read
    text = head.decode("utf-8", "surrogateescape")
    report.unit = "line"
    return text, find_dialect(text, name, options, report, whole=len(head) < HEAD_BYTES)


def read_rows(rows: Rows, stream: Readable) -> Chunks:
    """Yield the rows of a stream, in UTF-8, that begins with the header unless it has been read."""
    blocks = RowBlocks(stream, rows.dialect)
    if is_plain(rows.dialect.delimiter):
        for block in blocks:
            yield from rows.parse(block)
    # What is left: all of it, or what follows on the last block that Arrow could be trusted with.
    with io.TextIOWrapper(io.BufferedReader(blocks.rest()), "utf-8", "surrogateescape", newline="") as lines:
        yield from rows.read(lines)
    yield from rows.finish()


def is_plain(delimiter: str) -> bool:
    """Whether Arrow takes it."""
    return delimiter in ("\t", ONE_COLUMN) or (delimiter.isascii() and delimiter.isprintable())

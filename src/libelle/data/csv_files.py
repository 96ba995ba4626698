"""Reading CSV as tables of strings, in chunks.

Python's csv module says what a CSV file means. It reads rows one by one, and so Arrow parses, block by block, whatever
can be shown to mean the same to both; the first block that cannot is left to Python, row by row, with its reports.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pandas as pd
import pyarrow as pa

from libelle.data import frames
from libelle.data.csv_blocks import RowBlocks, parse_block
from libelle.data.frames import Chunks, from_arrow
from libelle.errors import UserError

#: Called with the number of a row that cannot be read (the first row after the header is 1) and the reason.
OnBadRow = Callable[[int, str], None]

# The longest field: texts of a megabyte are records too, and csv's own limit is 128 KB.
csv.field_size_limit(1 << 30)

#: Bytes that were not in the encoding, as `errors="surrogateescape"` leaves them.
_WRONG_BYTES = re.compile("[\ud800-\udfff]")

#: Encodings, by Python's own name, in which line breaks, quotes and delimiters are the bytes that they are in ASCII.
_PLAIN = frozenset({"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252"})


def check_encoding(encoding: str, keys: str) -> None:
    """Raise unless Python knows the text encoding; `keys` as in `read_csv`."""
    try:
        "".encode(encoding)
    except (LookupError, ValueError):
        raise UserError(f"{keys}encoding={encoding} is not a known encoding; try utf-8 or latin-1.") from None


def check_header(header: list[str], name: str) -> None:
    """Raise `UserError` when a column name comes twice; `name` is what the message calls the file."""
    repeated = [column for column, count in Counter(header).items() if count > 1]
    if repeated:
        raise UserError(f"{name} has the column {repeated[0]!r} more than once; give each column a name of its own.")


def read_csv(
    stream: BinaryIO,
    name: str,
    *,
    delimiter: str,
    encoding: str = "utf-8",
    on_bad_row: OnBadRow,
    keys: str = "data.",
) -> Chunks:
    """Yield the rows of a CSV stream whose first row is the header.

    Args:
        stream: bytes.
        name: what messages call it.
        delimiter: one character, or `tab`.
        encoding: of the stream.
        on_bad_row: called for rows with too few or too many fields, broken quoting or wrong bytes, which are then left
            out.
        keys: what stands before `delimiter` and `encoding` in the config, for messages.

    Raises:
        UserError: when there is no header, a column name comes twice, or `delimiter` is not one character.
    """
    delimiter = "\t" if delimiter in ("tab", "\\t") else delimiter
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UserError(f"{keys}delimiter={delimiter} must be one character, or the word tab.")
    check_encoding(encoding, keys)
    rows = _Rows(name, delimiter, encoding, on_bad_row, keys)
    blocks = RowBlocks(stream, delimiter)
    if _is_plain(delimiter, encoding):
        for block in blocks:
            yield from rows.parse(block)
    # What is left: all of it, or what follows on the last block that Arrow could be trusted with.
    with io.TextIOWrapper(io.BufferedReader(blocks.rest()), encoding, "surrogateescape", newline="") as text:
        yield from rows.read(text)
    yield from rows.finish()


def _is_plain(delimiter: str, encoding: str) -> bool:
    simple = delimiter == "\t" or (delimiter.isascii() and delimiter.isprintable())
    return simple and codecs.lookup(encoding).name in _PLAIN


@dataclass
class _Rows:
    """The rows of one stream, numbered as they come.

    Attributes:
        name, delimiter, encoding, on_bad_row, keys: as in `read_csv`.
        header: names of the columns, once they have been read.
        number: of the last row.
        begun: whether the first line has been read.
        yielded: whether a table was.
    """

    name: str
    delimiter: str
    encoding: str
    on_bad_row: OnBadRow
    keys: str
    header: list[str] | None = None
    number: int = 0
    begun: bool = False
    yielded: bool = False

    def parse(self, block: bytes) -> Chunks:
        """Yield the rows of a block by Arrow, or by Python where they are not all as they should be."""
        if self.header is None and not block.strip(b"\r\n"):  # the header is yet to come
            self.begun = True
            return
        rest = self._read_header(block) if self.header is None else block
        table = parse_block(rest, self._names, self.delimiter, self.encoding)
        if table is None:
            yield from self.read(io.TextIOWrapper(io.BytesIO(rest), self.encoding, "surrogateescape", newline=""))
        elif table.num_rows:
            first = self.number + 1
            self.number += table.num_rows
            yield self._frame(table, pd.RangeIndex(first, self.number + 1))

    def read(self, lines: Iterable[str]) -> Chunks:
        """Yield the rows of a stream of lines by Python."""
        # Strict: a quote that is never closed would otherwise swallow the rest of the file without a word.
        reader = csv.reader(self._decoded(lines), delimiter=self.delimiter, strict=True)
        if self.header is None:
            self._begin(reader)
        rows: list[list[str]] = []
        numbers: list[int] = []
        while True:
            self.number += 1
            try:
                row = next(reader)
            except StopIteration:
                self.number -= 1
                break
            except csv.Error as error:
                self.on_bad_row(self.number, f"broken quoting ({error})")
                continue
            if not row:  # a blank line
                self.number -= 1
                continue
            if reason := self._reason(row):
                self.on_bad_row(self.number, reason)
                continue
            rows.append(row)
            numbers.append(self.number)
            if len(rows) == frames.CHUNK_ROWS:
                yield self._table(rows, numbers)
                rows, numbers = [], []
        if rows:
            yield self._table(rows, numbers)

    def finish(self) -> Chunks:
        """Yield an empty table where there was no row."""
        if not self.yielded:
            yield self._table([], [])

    @property
    def _names(self) -> list[str]:
        assert self.header is not None
        return self.header

    def _reason(self, row: list[str]) -> str | None:
        """What is wrong with a row."""
        if len(row) != len(self._names):
            return f"{len(row)} fields where the header has {len(self._names)}"
        return f"bytes that are not {self.encoding}" if _WRONG_BYTES.search("".join(row)) else None

    def _read_header(self, block: bytes) -> bytes:
        """Read the header, which a block begins with, and return what follows on it."""
        taken = 0

        def lines() -> Iterator[str]:
            nonlocal taken
            for line in io.BytesIO(block):
                taken += len(line)
                yield line.decode(self.encoding, "surrogateescape")

        self._begin(csv.reader(self._decoded(lines()), delimiter=self.delimiter, strict=True))
        return block[taken:]

    def _begin(self, reader: Iterator[list[str]]) -> None:
        try:
            header = next((row for row in reader if row), None)
        except csv.Error as error:
            raise UserError(f"{self.name}: the quoting of the header is broken ({error}); correct it.") from None
        if header is None:
            raise UserError(f"{self.name} is empty; a CSV file begins with a row of column names.")
        if _WRONG_BYTES.search("".join(header)):
            raise self._wrong_encoding()
        check_header(header, self.name)
        self.header = header
        self.begun = True  # whoever reads on may be another than who read the header

    def _decoded(self, lines: Iterable[str]) -> Iterator[str]:
        """The lines; those of a file begin without the byte-order mark that spreadsheets write."""
        try:
            for line in lines:
                yield line if self.begun else line.removeprefix("\ufeff")
                self.begun = True
        except UnicodeError:  # not every encoding knows surrogateescape
            raise self._wrong_encoding() from None

    def _wrong_encoding(self) -> UserError:
        return UserError(
            f"{self.name} is not {self.encoding}; set {self.keys}encoding, for instance {self.keys}encoding=latin-1."
        )

    def _table(self, rows: list[list[str]], numbers: list[int]) -> pd.DataFrame:
        columns = zip(*rows, strict=True) if rows else [[] for _ in self._names]
        arrays = [pa.array(column, pa.large_string()) for column in columns]
        return self._frame(pa.Table.from_arrays(arrays, names=self._names), pd.Index(numbers, dtype="int64"))

    def _frame(self, table: pa.Table, index: pd.Index) -> pd.DataFrame:
        self.yielded = True
        return from_arrow(table, index)

"""The rows of one CSV stream: by Arrow, block by block, or by Python, with a report of each that cannot be read."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from libelle.data import frames
from libelle.data.csv_blocks import lay_out, looks_like_rows, parse_block
from libelle.data.dialects import Dialect
from libelle.data.encodings import FALLBACK, Utf8Stream
from libelle.data.frames import Chunks, from_arrow
from libelle.data.names import check_header
from libelle.data.options import BadRow, FileOptions, FileReport, OnBadRow, place
from libelle.errors import UserError

#: Bytes that were not in the encoding, as `errors="surrogateescape"` leaves them.
_WRONG_BYTES = re.compile("[\ud800-\udfff]")


@dataclass
class Rows:
    """The rows of one stream, numbered as they come.

    Attributes:
        name, options, on_bad_row, report: as in `read_csv`.
        dialect: how the file is written.
        stream: knows the encoding.
        header: names of the columns up to the last that has one, once they have been read; None where one has none.
        unnamed: blank names that follow on them.
        extra: blank fields that follow in each row, as in the last one; at first, as in the header.
        number: of the last record.
        line: the last line that was read.
        begun: whether the first line has been read.
        yielded: whether a table was.
    """

    name: str
    dialect: Dialect
    stream: Utf8Stream
    options: FileOptions
    on_bad_row: OnBadRow
    report: FileReport
    line: int = 0
    header: list[str | None] | None = None
    unnamed: int = 0
    extra: int = 0
    number: int = 0
    begun: bool = False
    yielded: bool = False
    _single: bool = False
    _recent: list[str] = field(default_factory=list)

    def parse(self, block: bytes) -> Chunks:
        """Yield the rows of a block by Arrow, or by Python where they are not all as they should be."""
        rest = self.read_header(block) if self.header is None else block
        if not rest:  # also where the header is yet to come
            return
        places = [str(place) for place in range(len(self._names) + self.extra)]
        table = parse_block(rest, places, self.dialect, single=self._single)
        lines = None if table is None or self._holds_more(table) else self._lines(rest, table.num_rows)
        if table is None or lines is None:
            yield from self.read(io.TextIOWrapper(io.BytesIO(rest), "utf-8", "surrogateescape", newline=""))
        elif table.num_rows:
            numbers = np.arange(self.number + 1, self.number + table.num_rows + 1)
            self.number += table.num_rows
            yield self._frame(table.columns, numbers, lines, pd.RangeIndex(numbers[0], self.number + 1))

    def _holds_more(self, table: pa.Table) -> bool:
        """Whether fields that should be blank are not."""
        return any(_first_text(column) for column in table.columns[len(self._names) :])

    def _lines(self, block: bytes, records: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]] | None":
        """The first line of each record of a block, int64; None where Python must say what a record is."""
        count = block.count(b"\n") + (not block.endswith(b"\n"))
        if count == records:  # one line each
            lines = np.arange(self.line + 1, self.line + records + 1)
        else:
            layout = lay_out(block, len(self._names) + self.extra, self.dialect, single=self._single)
            if len(layout.first) != records:
                return None
            several = np.flatnonzero((layout.first < layout.last) & (layout.whole | self._single))
            if any(self._swallows(layout.last[row] - layout.first[row] + 1, layout.whole[row]) for row in several):
                return None
            for row in several:
                span = self.line + int(layout.first[row]) + 1, self.line + int(layout.last[row]) + 1
                self._warn(*span, bool(layout.whole[row]))
            lines = layout.first + self.line + 1
        self.line += count
        return lines

    def read(self, lines: Iterable[str]) -> Chunks:
        """Yield the rows of a stream of lines by Python."""
        # Strict: a quote that is never closed would otherwise swallow the rest of the file without a word.
        reader = self.dialect.reader(self._decoded(lines))
        if self.header is None and not self._begin(reader):
            raise UserError(f"{self.name} is empty; a CSV file begins with a row of column names.")
        rows: list[list[str]] = []
        numbers: list[int] = []
        places: list[int] = []
        for row in self._records(reader):
            rows.append(row)
            numbers.append(self.number)
            places.append(self.line)
            if len(rows) == frames.CHUNK_ROWS:
                yield self._table(rows, numbers, places)
                rows, numbers, places = [], [], []
        if rows:
            yield self._table(rows, numbers, places)

    def _records(self, reader: Iterator[list[str]]) -> Iterator[list[str]]:
        """The records that can be read; `line` is each one's first, until the next is asked for."""
        last = self.line
        while True:
            self.line = last
            self._recent.clear()
            broken = None
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                row, broken = [], _broken(error)
            first, last = self.line + 1, self.line + len(self._recent)
            if not row and not broken:  # a blank line
                if not self._single:
                    continue
                row = [""]
            bad = self._bad(row, first, last, broken)
            if bad is None:
                self.number += 1
                self.line = first
                yield row[: len(self._names)]
            else:
                self.number += bad.records
                self.report.refused += bad.records
                self.on_bad_row(bad)

    def finish(self) -> Chunks:
        """Yield an empty table where there was no row."""
        if not self.yielded:
            yield self._table([], [], [])

    @property
    def _names(self) -> list[str | None]:
        assert self.header is not None
        return self.header

    def _bad(self, row: list[str], first: int, last: int, broken: str | None) -> BadRow | None:
        """What is wrong with a record, if anything."""
        lines = self._recent
        reason, hint = (broken, "quote") if broken else self._reason(row)
        if reason is None and len(lines) > 1:
            whole = looks_like_rows(lines, len(self._names) + self.extra, self.dialect.delimiter)
            if self._swallows(len(lines), whole):
                reason, hint = "a quoted field holds what look like whole rows", "quoted"
            else:
                self._warn(first, last, whole)
        if reason is None:
            return None
        records = len(lines) if self._single else sum(bool(line.strip("\r\n")) for line in lines)
        if len(lines) > 1 and hint == "delimiter":
            reason, hint = f"{reason}, one of them over {len(lines)} lines", "quote"
        return BadRow(first, last, records, reason, self._remedy(hint))

    def _reason(self, row: list[str]) -> tuple[str | None, str]:
        """What is wrong with the fields of a record, if anything, and which remedy goes with it."""
        width, several = len(self._names), len(self._recent) > 1
        more = next((text for text in row[width:] if text.strip()), None)
        # A quoted field over several lines must not pass for one that is followed by blank fields. What is as wide as
        # the header is right whatever the row before was: else it would depend on where a file is cut into parts.
        expected = len(row) in (width, width + self.unnamed, width + self.extra)
        if more is not None and len(row) <= width + self.extra:
            return f"{more[:40]!r} stands in a column without a name", "name"
        if len(row) < width or more is not None or (several and not expected):
            return f"{len(row)} fields where the header has {width}", "delimiter"
        if not several:
            self.extra = len(row) - width
        wrong = _WRONG_BYTES.search("".join(row))
        return (f"bytes that are not {self.stream.known}", "encoding") if wrong else (None, "")

    def _remedy(self, hint: str) -> str:
        keys, quotes = self.options.keys, "where quotes are ordinary characters"
        remedies = {
            "delimiter": f"set {keys}delimiter",
            "name": "name that column in the header",
            "encoding": f"set {keys}encoding={FALLBACK}",
            "quote": f"set {keys}quote=none {quotes}",
            "quoted": f"set {keys}quote=none {quotes}, or {keys}quote='\"' where it is one record",
        }
        if hint == "encoding" and (self.options.encoding is None or self.stream.known == FALLBACK):
            return "have the file written again in one encoding"  # most of it is as it was read
        return remedies[hint]

    def _swallows(self, lines: int, whole: bool) -> bool:
        """Whether a record of several lines is refused: whole rows inside of it were hardly meant to be there.

        Two lines with one delimiter each are too little to say so: they are read, with a warning.
        """
        return bool(whole) and not self.dialect.certain and (len(self._names) > 2 or lines > 2)

    def _warn(self, first: int, last: int, whole: bool) -> None:
        """Warn of a field over several lines that may have swallowed records, and is read as it is."""
        if whole or (self._single and not self.dialect.certain):
            self.report.warn(
                "quoted fields over several lines",
                f"{self.name}, {place('line', first, last)}: one quoted field goes over these lines and is read as one "
                f"text; {self._remedy('quote')}",
            )

    def read_header(self, block: bytes) -> bytes:
        """Read the header, which a block begins with, and return what follows on it."""
        taken = 0

        def lines() -> Iterator[str]:
            nonlocal taken
            for line in io.BytesIO(block):
                taken += len(line)
                yield line.decode("utf-8", "surrogateescape")

        self._begin(self.dialect.reader(self._decoded(lines())))
        return block[taken:]

    def _begin(self, reader: Iterator[list[str]]) -> bool:
        """Read the header, if it is there."""
        self._recent.clear()
        try:
            header = next((row for row in reader if any(name.strip() for name in row)), None)
        except csv.Error as error:
            raise UserError(
                f"{self.name}: {_broken(error)} in the header; correct it, or {self._remedy('quote')}."
            ) from None
        self.line += len(self._recent)
        if header is None:
            return False
        if _WRONG_BYTES.search("".join(header)):
            raise self.stream.wrong()
        self._single = len(header) == 1
        while not header[-1].strip():
            header.pop()
            self.unnamed += 1
        self.extra = self.unnamed
        named = check_header([name for name in header if name.strip() or name in self.options.wanted], self.name)
        names = iter(named)
        self.header = [next(names) if name.strip() or name in self.options.wanted else None for name in header]
        nameless = [str(place) for place, name in enumerate(self.header, start=1) if name is None]
        nameless += [str(len(self.header) + place) for place in range(1, self.extra + 1)]
        if nameless:
            self.report.say(f"{self.name}: columns without a name are left out ({', '.join(nameless)})")
        return True

    def _decoded(self, lines: Iterable[str]) -> Iterator[str]:
        """The lines; those of a file begin without the byte-order mark that spreadsheets write."""
        for line in lines:
            text = line if self.begun else line.lstrip("\ufeff")  # some files have two
            self.begun = True
            self._recent.append(text)
            yield text

    def _table(self, rows: list[list[str]], numbers: list[int], places: list[int]) -> pd.DataFrame:
        columns = zip(*rows, strict=True) if rows else [[] for _ in self._names]
        arrays = [pa.array(column, pa.large_string()) for column in columns]
        index = np.array(numbers, dtype=np.int64)
        return self._frame(arrays, index, np.array(places, dtype=np.int64), pd.Index(index))

    def _frame(self, columns: list[pa.Array], numbers: np.ndarray, lines: np.ndarray, index: pd.Index) -> pd.DataFrame:
        self.yielded = True
        self.report.read += len(numbers)
        self.report.lines.add(numbers, lines)
        named = [(name, column) for name, column in zip(self._names, columns, strict=False) if name is not None]
        for at, (name, column) in enumerate(zip(self._names, columns, strict=False), start=1):
            if name is None and (text := _first_text(column)):
                self.report.warn_of_nameless(at, text, self.name)
        return from_arrow(pa.Table.from_arrays([c for _, c in named], names=[n for n, _ in named]), index)


def _broken(error: csv.Error) -> str:
    """What is wrong with the quotes of a record; csv's own words hold the delimiter as it is."""
    if "unexpected end" in str(error):
        return "a quote that is never closed"
    return "a quoted field that goes on after its closing quote" if "expected after" in str(error) else str(error)


def _first_text(column: pa.Array | pa.ChunkedArray) -> str:
    """The first text of a column that is not blank; nothing where there is none."""
    filled = column.filter(pc.invert(pc.or_(pc.equal(pc.binary_length(column), 0), pc.utf8_is_space(column))))
    return str(filled[0]) if len(filled) else ""

"""Reading .xlsx files as tables of strings: what a cell shows, one text for each value."""

import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa

from libelle.data import frames
from libelle.data.frames import Chunks, from_arrow
from libelle.data.names import check_header, normal_name
from libelle.data.options import FileOptions, FileReport
from libelle.data.texts import no_text, text_of
from libelle.errors import UserError, needs_extra

#: What damaged files make openpyxl raise.
_DAMAGED = (AttributeError, LookupError, OverflowError, RuntimeError, SyntaxError, TypeError, ValueError)


#: Rows that a sheet can have, and characters of a number's format.
_ROWS, _FORMAT = 1 << 20, 255


class _NoText(str):
    """What a cell holds that has no text, in words; it is refused only where its column is needed."""


def read_excel(stream: BinaryIO, name: str, options: FileOptions, report: FileReport) -> Chunks:
    """Yield the rows of one sheet, whose first row with anything in it is the header.

    Args:
        stream: the file; it can seek.
        name: what messages call it.
        options: names the sheet.
        report: gets what is found and counted.

    Raises:
        UserError: when the file cannot be read, has no such sheet, or a column name comes twice.
    """
    with needs_extra(f"{name} is an Excel file, and reading it", "excel", ", or save it as CSV"):
        import openpyxl
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and validations, which are not read
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
            yield from _tables(_rows(_choose(book, name, options, report)), name, options, report)
    except _DAMAGED as error:
        raise UserError(f"{name} cannot be read as an Excel file ({error}); save it as CSV.") from error


def _choose(book: Any, name: str, options: FileOptions, report: FileReport) -> Any:
    """The sheet that is asked for, else the one of a like file, else the first that has the wanted columns."""
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    if not sheets:
        raise UserError(f"{name} has no sheet; save it again, or as CSV.")
    if options.sheet is not None:
        if options.sheet not in sheets:
            raise UserError(
                f"{options.keys}sheet={options.sheet} is not a sheet of {name}; its sheets are {', '.join(sheets)}."
            )
        report.found["sheet"] = options.sheet
        return sheets[options.sheet]
    remembered = options.remembered.get("sheet", "")
    fitting = [title for title in sheets if options.wanted <= _header(sheets[title])] if len(sheets) > 1 else []
    chosen = remembered if remembered in fitting else next(iter(fitting or sheets))
    if remembered:
        report.found["sheet"] = remembered
    if len(sheets) > 1:
        others = ", ".join(title for title in sheets if title != chosen)
        report.say(f"{name}: the sheet {chosen} is read; set {options.keys}sheet for another ({others})")
    return sheets[chosen]


def _header(sheet: Any) -> set[str]:
    """The names of a sheet's columns."""
    _, header = next(_rows(sheet), (0, []))
    return {normal_name(text) for text in header if text}


def _rows(sheet: Any) -> Iterator[tuple[int, list[str | None]]]:
    """The rows that hold anything, with their numbers."""
    sheet.reset_dimensions()  # some programs write wrong ones
    return _filled((number, [_text(cell) for cell in row]) for number, row in _numbered(sheet.iter_rows()))


def _numbered(rows: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    """Rows with their numbers; openpyxl makes up those that a wrong number leaves out, however many."""
    for number, row in enumerate(rows, start=1):
        if number > _ROWS:
            raise ValueError(f"it says that it has more than {_ROWS:,} rows")
        yield number, row


def _tables(
    rows: Iterator[tuple[int, list[str | None]]], name: str, options: FileOptions, report: FileReport
) -> Chunks:
    _, header = next(rows, (0, []))
    if not header:
        raise UserError(f"{name} has an empty sheet; its first row holds the names of the columns.")
    kept = [place for place, text in enumerate(header) if text and text.strip()]
    names = check_header([header[place] for place in kept], name)
    named = frozenset(kept)
    if len(kept) < len(header):
        left = ", ".join(str(place + 1) for place in range(len(header)) if place not in named)
        report.say(f"{name}: columns without a name are left out ({left})")
    first, chunk, lines = 1, [], []
    for number, row in rows:
        if len(row) > len(kept):
            _warn_of_nameless(row, named, name, number, report)
        cells = [row[place] if place < len(row) else None for place in kept]
        chunk.append([_known(text, column, name, options) for text, column in zip(cells, names, strict=True)])
        lines.append(number)
        if len(chunk) == frames.CHUNK_ROWS:
            yield _table(chunk, lines, names, first, report)
            first, chunk, lines = first + len(chunk), [], []
    if chunk or first == 1:
        yield _table(chunk, lines, names, first, report)


def _filled(rows: Iterable[tuple[int, list[str | None]]]) -> Iterator[tuple[int, list[str | None]]]:
    """The rows that hold anything; where there is one column, also empty ones between them."""
    waiting: list[int] = []
    width = 0
    for number, row in rows:
        while row and not (row[-1] and row[-1].strip()):
            row.pop()
        if not row:
            waiting.append(number)
            continue
        if width == 1:
            for empty in waiting:
                yield empty, [None]
        waiting.clear()
        width = width or len(row)
        yield number, row


def _warn_of_nameless(
    row: Sequence[str | None], named: Collection[int], name: str, number: int, report: FileReport
) -> None:
    """Warn of a text in a column without a name, once for each column."""
    for place, text in enumerate(row):
        if place not in named and text and text.strip():
            report.warn_of_nameless(place + 1, text, f"{name}, row {number}")


def _known(text: str | None, column: str, name: str, options: FileOptions) -> str | None:
    """The text of a cell; nothing where it has none and nobody needs it.

    Raises:
        UserError: names the column, if it is needed.
    """
    if not isinstance(text, _NoText):
        return text
    if options.needed is None or column in options.needed:
        raise no_text(column, name, str(text))
    return None


def _table(
    rows: list[list[str | None]], lines: list[int], names: list[str], first: int, report: FileReport
) -> pd.DataFrame:
    numbers = np.arange(first, first + len(rows))
    report.read += len(rows)
    report.lines.add(numbers, np.array(lines, dtype=np.int64))
    columns = zip(*rows, strict=True) if rows else [[] for _ in names]
    arrays = [pa.array(column, pa.large_string()) for column in columns]
    return from_arrow(pa.Table.from_arrays(arrays, names=names), pd.RangeIndex(first, first + len(rows)))


def _text(cell: Any) -> str | None:
    """What a cell shows, without the format of numbers, but for zeros that codes begin with."""
    value = cell.value
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    try:
        text = text_of(value)
    except TypeError as error:
        return _NoText(error)
    digits = cell.number_format
    padded = text and text.isdigit() and not digits.strip("0") and len(digits) <= _FORMAT
    return text.zfill(len(digits)) if text and padded else text

"""Reading CSV and Parquet as tables of strings, in chunks.

Missing is missing, never the text "nan"; employers called NA, NULL or NONE stay texts.
"""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from libelle.errors import UserError

CHUNK_ROWS = 50_000

#: Called with the number of a row that cannot be read (the first row after the header is 1) and the reason.
OnBadRow = Callable[[int, str], None]

Chunks = Iterator[pd.DataFrame]
"""Tables of `str` columns, indexed by row number from 1."""

# The longest field: texts of a megabyte are records too, and csv's own limit is 128 KB.
csv.field_size_limit(1 << 30)


def read_file(path: Path, *, delimiter: str, encoding: str, on_bad_row: OnBadRow) -> Chunks:
    """Yield a file's rows; its name says whether it is Parquet (`.parquet`, `.pq`) or CSV (any other).

    Raises:
        UserError: when the file is not there or cannot be read as what its name says.
    """
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            yield from _read_parquet(path)
        else:
            # Bytes that are not in the encoding become lone surrogates, so that the row can be named.
            with path.open(encoding=encoding, errors="surrogateescape", newline="") as stream:
                yield from read_csv(stream, str(path), delimiter=delimiter, encoding=encoding, on_bad_row=on_bad_row)
    except FileNotFoundError:
        raise UserError(f"The file {path} does not exist; check the path.") from None
    except LookupError as error:
        raise UserError(f"data.encoding={encoding} is not a known encoding ({error}); try utf-8 or latin-1.") from error
    except OSError as error:
        raise UserError(f"The file {path} cannot be read ({error.strerror or error}).") from error


def read_csv(stream: TextIO, name: str, *, delimiter: str, encoding: str = "utf-8", on_bad_row: OnBadRow) -> Chunks:
    """Yield the rows of a CSV stream whose first row is the header.

    Args:
        stream: text, opened with `newline=""` and, where bytes may be wrong, `errors="surrogateescape"`.
        name: what messages call it.
        delimiter: one character, or `tab`.
        encoding: what messages call the stream's encoding.
        on_bad_row: told of rows with too few or too many fields or wrong bytes, which are then left out.

    Raises:
        UserError: when there is no header, a column name comes twice, or `delimiter` is not one character.
    """
    delimiter = "\t" if delimiter in ("tab", "\\t") else delimiter
    if len(delimiter) != 1:
        raise UserError(f"data.delimiter={delimiter} must be one character, or the word tab.")
    reader = csv.reader(stream, delimiter=delimiter)
    header = next(reader, None)
    if not header:
        raise UserError(f"{name} is empty; a CSV file begins with a row of column names.")
    header[0] = header[0].removeprefix("\ufeff")  # a byte-order mark, as spreadsheets write it
    repeated = sorted({column for column in header if header.count(column) > 1})
    if repeated:
        raise UserError(f"{name} has the column {repeated[0]!r} more than once; give each column a name of its own.")
    if any(_wrong_bytes(column) for column in header):
        raise UserError(f"{name}: the header is not {encoding}; set data.encoding, for instance data.encoding=latin-1.")

    rows: list[list[str]] = []
    numbers: list[int] = []
    number = 0
    while True:
        number += 1
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            on_bad_row(number, str(error))
            continue
        if not row:  # a blank line
            number -= 1
            continue
        if len(row) != len(header):
            on_bad_row(number, f"{len(row)} fields where the header has {len(header)}")
        elif any(map(_wrong_bytes, row)):
            on_bad_row(number, f"bytes that are not {encoding}")
        else:
            rows.append(row)
            numbers.append(number)
        if len(rows) == CHUNK_ROWS:
            yield _frame(header, rows, numbers)
            rows, numbers = [], []
    yield _frame(header, rows, numbers)


def as_strings(frame: pd.DataFrame) -> pd.DataFrame:
    """Every column as `str`, missing kept missing; whole numbers are written without a decimal point."""
    return pd.DataFrame({str(name): _strings(column) for name, column in frame.items()}, index=frame.index)


def blank_to_missing(frame: pd.DataFrame) -> pd.DataFrame:
    """A text of nothing but white space says nothing: it counts as missing."""
    return frame.apply(lambda column: column.mask(column.str.strip() == ""))


def _strings(column: pd.Series) -> pd.Series:
    # A whole-number column with gaps was made float by its reader: 57.0 was 57.
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return column.astype("str")


def _wrong_bytes(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def _frame(header: list[str], rows: list[list[str]], numbers: list[int]) -> pd.DataFrame:
    index = pd.Index(numbers, dtype="int64")
    return blank_to_missing(pd.DataFrame(rows, columns=header, index=index, dtype="str"))


def _read_parquet(path: Path) -> Chunks:
    first = 1
    try:
        with pa.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=CHUNK_ROWS):
                frame = batch.to_pandas()
                frame.index = pd.RangeIndex(first, first + len(frame))
                first += len(frame)
                yield blank_to_missing(as_strings(frame))
            if first == 1:
                yield as_strings(file.schema_arrow.empty_table().to_pandas())
    except pa.ArrowInvalid as error:
        raise UserError(f"{path} is not a Parquet file ({error}); name a CSV file .csv.") from error

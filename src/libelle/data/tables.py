"""Reading CSV and Parquet as tables of strings, in chunks.

Missing is missing, never the text "nan"; employers called NA, NULL or NONE stay texts.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from libelle.errors import UserError

CHUNK_ROWS = 50_000
#: Rows up to which Python finds distinct texts faster than pandas.
FEW_ROWS = 1000

#: Called with the number of a row that cannot be read (the first row after the header is 1) and the reason.
OnBadRow = Callable[[int, str], None]

#: Tables of `str` columns, indexed by row number from 1.
Chunks = Iterator[pd.DataFrame]

# The longest field: texts of a megabyte are records too, and csv's own limit is 128 KB.
csv.field_size_limit(1 << 30)


#: Bytes that were not in the encoding, as `errors="surrogateescape"` leaves them.
_WRONG_BYTES = re.compile("[\ud800-\udfff]")

_INDEX = re.compile(r"__index_level_\d+__")


def read_file(path: Path, *, delimiter: str, encoding: str, on_bad_row: OnBadRow, keys: str = "data.") -> Chunks:
    """Yield a file's rows; its name says whether it is Parquet (`.parquet`, `.pq`) or CSV (any other).

    The arguments are those of `read_csv`.

    Raises:
        UserError: when the file is not there or cannot be read as what its name says.
    """
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            yield from _read_parquet(path)
        else:
            check_encoding(encoding, keys)
            with path.open(encoding=encoding, errors="surrogateescape", newline="") as stream:
                yield from read_csv(
                    stream, str(path), delimiter=delimiter, encoding=encoding, on_bad_row=on_bad_row, keys=keys
                )
    except FileNotFoundError:
        raise UserError(f"The file {path} does not exist; check the path.") from None
    except OSError as error:
        raise UserError(f"The file {path} cannot be read ({error.strerror or error}).") from error


def check_encoding(encoding: str, keys: str) -> None:
    """Raise unless Python knows the text encoding; `keys` as in `read_csv`."""
    try:
        "".encode(encoding)
    except (LookupError, ValueError):
        raise UserError(f"{keys}encoding={encoding} is not a known encoding; try utf-8 or latin-1.") from None


def read_csv(
    stream: TextIO,
    name: str,
    *,
    delimiter: str,
    encoding: str = "utf-8",
    on_bad_row: OnBadRow,
    keys: str = "data.",
) -> Chunks:
    """Yield the rows of a CSV stream whose first row is the header.

    Args:
        stream: text, opened with `newline=""` and, where bytes may be wrong, `errors="surrogateescape"`.
        name: what messages call it.
        delimiter: one character, or `tab`.
        encoding: what messages call the stream's encoding.
        on_bad_row: called for rows with too few or too many fields, broken quoting or wrong bytes, which are then left
            out.
        keys: what stands before `delimiter` and `encoding` in the config, for messages.

    Raises:
        UserError: when there is no header, a column name comes twice, or `delimiter` is not one character.
    """
    delimiter = "\t" if delimiter in ("tab", "\\t") else delimiter
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UserError(f"{keys}delimiter={delimiter} must be one character, or the word tab.")
    # Strict: a quote that is never closed would otherwise swallow the rest of the file without a word.
    reader = csv.reader(_lines(stream, name, encoding, keys), delimiter=delimiter, strict=True)
    try:
        header = next((row for row in reader if row), None)
    except csv.Error as error:
        raise UserError(f"{name}: the quoting of the header is broken ({error}); correct it.") from None
    if header is None:
        raise UserError(f"{name} is empty; a CSV file begins with a row of column names.")
    if _WRONG_BYTES.search("".join(header)):
        raise _wrong_encoding(name, encoding, keys)
    _check_header(header, name)

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
            on_bad_row(number, f"broken quoting ({error})")
            continue
        if not row:  # a blank line
            number -= 1
            continue
        if len(row) != len(header):
            on_bad_row(number, f"{len(row)} fields where the header has {len(header)}")
        elif _WRONG_BYTES.search("".join(row)):
            on_bad_row(number, f"bytes that are not {encoding}")
        else:
            rows.append(row)
            numbers.append(number)
        if len(rows) == CHUNK_ROWS:
            yield _frame(header, rows, numbers)
            rows, numbers = [], []
    yield _frame(header, rows, numbers)


def as_strings(frame: pd.DataFrame) -> pd.DataFrame:
    """Every column as `str`, missing kept missing; whole numbers are written without a decimal point.

    Each value on its own: a number must not be written differently because of its neighbours.
    """
    return pd.DataFrame({str(name): _strings(column) for name, column in frame.items()}, index=frame.index)


def distinct_texts(column: pd.Series) -> tuple[list[str], npt.NDArray[np.int64]]:
    """A column's distinct texts, in the order of their first row, and the text of each row; -1 where it is missing."""
    if len(column) > FEW_ROWS:
        codes, texts = pd.factorize(column)
        return list(texts), codes.astype(np.int64)
    # For a few rows, pandas takes longer to begin than Python takes for all.
    seen: dict[str, int] = {}
    found = [seen.setdefault(text, len(seen)) if isinstance(text, str) else -1 for text in column.tolist()]
    return list(seen), np.array(found, dtype=np.int64)


def blank_to_missing(frame: pd.DataFrame) -> pd.DataFrame:
    """Count a text of nothing but white space as missing."""
    columns = {name: column.mask(column.str.strip() == "") for name, column in frame.items()}
    return pd.DataFrame(columns, index=frame.index)


def _strings(column: pd.Series) -> pd.Series:
    texts = column.astype("str")
    # A whole-number column with gaps was made float by its reader: 57.0 was 57.
    return texts.str.removesuffix(".0") if pd.api.types.is_float_dtype(column) else texts


def _lines(stream: TextIO, name: str, encoding: str, keys: str) -> Iterator[str]:
    """The stream's lines, without the byte-order mark that spreadsheets write."""
    try:
        yield next(stream, "").removeprefix("\ufeff")
        yield from stream
    except UnicodeError:  # not every encoding knows surrogateescape
        raise _wrong_encoding(name, encoding, keys) from None


def _wrong_encoding(name: str, encoding: str, keys: str) -> UserError:
    return UserError(f"{name} is not {encoding}; set {keys}encoding, for instance {keys}encoding=latin-1.")


def _check_header(header: list[str], name: str) -> None:
    repeated = [column for column, count in Counter(header).items() if count > 1]
    if repeated:
        raise UserError(f"{name} has the column {repeated[0]!r} more than once; give each column a name of its own.")


def _frame(header: list[str], rows: list[list[str]], numbers: list[int]) -> pd.DataFrame:
    index = pd.Index(numbers, dtype="int64")
    return blank_to_missing(pd.DataFrame(rows, columns=header, index=index, dtype="str"))


def _read_parquet(path: Path) -> Chunks:
    first = 1
    try:
        with pa.parquet.ParquetFile(path) as file:
            # pandas writes an index as a column: one with a name is data, one without is a row number.
            names = [name for name in file.schema_arrow.names if not _INDEX.fullmatch(name)]
            _check_header(names, str(path))
            for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=names):
                frame = batch.to_pandas(ignore_metadata=True, integer_object_nulls=True)
                frame.index = pd.RangeIndex(first, first + len(frame))
                first += len(frame)
                yield blank_to_missing(as_strings(frame))
            if first == 1:
                yield pd.DataFrame(columns=names, dtype="str")
    except pa.ArrowInvalid as error:
        raise UserError(f"{path} is not a Parquet file ({error}); name a CSV file .csv.") from error

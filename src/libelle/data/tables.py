"""Reading files as tables of strings, in chunks.

Missing is missing, never the text "nan"; employers called NA, NULL or NONE stay texts.
"""

import re
from pathlib import Path

import pandas as pd
import pyarrow as pa

from libelle.data import frames
from libelle.data.csv_files import OnBadRow, check_encoding, check_header, read_csv
from libelle.data.frames import Chunks, as_strings, from_arrow
from libelle.errors import UserError

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
            with path.open("rb") as stream:
                yield from read_csv(
                    stream, str(path), delimiter=delimiter, encoding=encoding, on_bad_row=on_bad_row, keys=keys
                )
    except FileNotFoundError:
        raise UserError(f"The file {path} does not exist; check the path.") from None
    except OSError as error:
        raise UserError(f"The file {path} cannot be read ({error.strerror or error}).") from error


def _read_parquet(path: Path) -> Chunks:
    from pyarrow import parquet  # scoring texts takes no files

    first = 1
    try:
        with parquet.ParquetFile(path) as file:
            # pandas writes an index as a column: one with a name is data, one without is a row number.
            names = [name for name in file.schema_arrow.names if not _INDEX.fullmatch(name)]
            check_header(names, str(path))
            for batch in file.iter_batches(batch_size=frames.CHUNK_ROWS, columns=names):
                yield _texts(batch, pd.RangeIndex(first, first + batch.num_rows))
                first += batch.num_rows
            if first == 1:
                yield pd.DataFrame(columns=names, dtype="str")
    except pa.ArrowInvalid as error:
        raise UserError(f"{path} is not a Parquet file ({error}); name a CSV file .csv.") from error


def _texts(batch: pa.RecordBatch, index: pd.Index) -> pd.DataFrame:
    """A batch as a table; what is no text in the file is written as pandas writes it."""
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            columns[name] = column.cast(pa.large_string())
        else:
            values = pa.table({name: column}).to_pandas(ignore_metadata=True, integer_object_nulls=True)
            columns[name] = pa.array(as_strings(values)[name].array).cast(pa.large_string())
    return from_arrow(pa.table(columns), index)

"""Parquet files within bounds: what a file says of itself is compared with its size before it is read."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from libelle.data import frames
from libelle.data.kinds import most_unpacked
from libelle.errors import UserError, in_brief

#: Rows that a file may hold: so many, and so many for each of its bytes, since equal rows take next to nothing.
_ROWS, _ROWS_A_BYTE = 1_000_000, 20
#: Bytes of a file that might still say a huge text once and repeat it a thousand times.
_SMALL = 1 << 24

#: What damaged files make Arrow raise.
DAMAGED = (pa.ArrowException, EOFError, OSError, MemoryError, OverflowError, ValueError)


def open_parquet(stream: BinaryIO, name: str) -> parquet.ParquetFile:
    """Open a file whose size is that of what it says; repeated texts of a small one are read once.

    Args:
        stream: the file; it can seek.
        name: what messages call it.

    Raises:
        UserError: when it says that it holds far more than it can.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    file = parquet.ParquetFile(stream)
    about = file.metadata
    unpacked = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    if about.num_rows > _ROWS + _ROWS_A_BYTE * size or unpacked > most_unpacked(size):
        raise _implausible(name)
    texts = [field.name for field in file.schema_arrow if _is_text(field.type)] if size < _SMALL else []
    return parquet.ParquetFile(stream, metadata=about, read_dictionary=texts) if texts else file


def batches(file: parquet.ParquetFile, columns: Sequence[str], rows: range) -> Iterator[pa.RecordBatch]:
    """Yield some rows of a file in batches of `frames.CHUNK_ROWS`; of a row group, no more than its rows is in memory.

    Args:
        file: open.
        columns: that are read.
        rows: their places, from 0.
    """
    groups: list[int] = []
    skipped = start = 0
    for group in range(file.metadata.num_row_groups):
        end = start + file.metadata.row_group(group).num_rows
        if start < rows.stop and end > rows.start:
            skipped = skipped if groups else rows.start - start
            groups.append(group)
        start = end
    left = len(rows)
    for batch in file.iter_batches(frames.CHUNK_ROWS, row_groups=groups, columns=list(columns)):
        passed = min(skipped, batch.num_rows)
        wanted = batch.slice(passed, left)
        skipped, left = skipped - passed, left - wanted.num_rows
        if wanted.num_rows:
            yield wanted
        if not left:
            return


def require_room(column: pa.Array, size: int, name: str) -> None:
    """Refuse texts that are repeated until they are far more than the file.

    Args:
        column: texts, each once with its places, or anything else.
        size: bytes of the file.
        name: what messages call the file.
    """
    if pa.types.is_dictionary(column.type) and _is_text(column.type.value_type):
        lengths = pc.binary_length(column.dictionary).take(column.indices)
        if (pc.sum(lengths).as_py() or 0) > most_unpacked(size):
            raise _implausible(name)


def read_table(source: bytes | Path, name: str) -> pd.DataFrame:
    """Read a stored table whole, as pandas does.

    Args:
        source: the file, or its content.
        name: what messages call it.

    Raises:
        UserError: when it is damaged, or says that it holds far more than it can.
    """
    data = source if isinstance(source, bytes) else source.read_bytes()
    try:
        with open_parquet(io.BytesIO(data), name) as file:
            if len(data) < _SMALL:
                for batch in file.iter_batches():
                    batch.validate(full=True)
                    for column in batch.columns:
                        require_room(column, len(data), name)
        return pd.read_parquet(io.BytesIO(data))
    except DAMAGED as error:
        raise damaged(name, error) from error


def damaged(name: str, error: BaseException) -> UserError:
    """What to say of a damaged file, in one line."""
    return UserError(f"{name} is not a whole Parquet file ({in_brief(error)}); copy or make it again.")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _implausible(name: str) -> UserError:
    return UserError(f"{name} says that it holds far more than a file of its size can; make it again.")

"""The table of prepared data that has a row for each record, and how such a table is written."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from libelle.data.columns import Columns, count_rows, row_keys
from libelle.data.distinct import number_equal
from libelle.data.frames import to_series
from libelle.data.parquet_files import open_parquet, read_table, require_room
from libelle.data.records import Records
from libelle.data.stored_tables import StoredTable, stored
from libelle.shards import are_many, release, shards

#: Rows of a group in the file, as Arrow chooses them.
_GROUP = 1 << 20


def rows_of(records: Records, cleaned: Columns) -> pd.DataFrame:
    """What `Prepared.rows` is, see there.

    Args:
        records: all of them.
        cleaned: their cleaned texts.
    """
    rows = {
        "id": records.ids,
        "target": records.targets,
        "split": records.splits,
        # Numbers instead of texts or their hashes, which could be looked up.
        "content": number_equal(row_keys(cleaned))[0],
        "missing": to_series(stored(_missing(records.columns)), records.ids.index),
        **({} if records.weights is None else {"weight": records.weights}),
        **{f"slice_{name}": column for name, column in records.slices.items()},
    }
    return pd.DataFrame(rows)


def save_rows(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet, a group of rows at a time."""
    writer = None
    for start in range(0, max(len(table), 1), _GROUP):
        part = pa.Table.from_pandas(table.iloc[start : start + _GROUP], preserve_index=False).combine_chunks()
        writer = writer or parquet.ParquetWriter(path, part.schema, compression="zstd")
        writer.write_table(part, _GROUP)
        release()
    assert writer is not None
    writer.close()


def read_rows(path: Path) -> pd.DataFrame:
    """Read back what `save_rows` wrote; what is larger than a shard is not read into memory."""
    with path.open("rb") as stream, open_parquet(stream, str(path)) as file:
        if are_many(file.metadata.num_rows):
            table = StoredTable()
            for batch in file.iter_batches(batch_size=_GROUP):
                for column in batch.columns:
                    require_room(column, path.stat().st_size, str(path))
                table.add(_with_texts(batch))
            rows: pd.DataFrame = table.table().to_pandas(split_blocks=True)
            return rows
    return read_table(path, str(path))


def _with_texts(batch: pa.RecordBatch) -> pa.Table:
    """A batch whose texts are no dictionaries: of a small file, each text is read once."""
    texts = pa.large_string()
    columns = [column.cast(texts) if pa.types.is_dictionary(column.type) else column for column in batch.columns]
    return pa.table(columns, names=batch.schema.names)


def _missing(columns: Columns) -> Iterator[pa.LargeStringArray]:
    """The names of each row's missing fields, shard by shard."""
    for part in shards(count_rows(columns)):
        codes = np.zeros(part.stop - part.start, dtype=np.int64)
        names = [""]
        for name, column in columns.items():
            codes, kept = pd.factorize(2 * codes + (column.index[part] == len(column.texts)))
            names = [f"{names[code // 2]}, {name}" if code % 2 else names[code // 2] for code in kept.tolist()]
        texts = pa.array([name.removeprefix(", ") or "(none)" for name in names], pa.large_string())
        yield texts.take(pa.array(codes))

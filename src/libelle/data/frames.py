"""Tables of `str` columns: what sources yield. Arrow holds their texts."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from libelle import shards
from libelle.data.distinct import distinct_numbers
from libelle.data.stored_tables import StoredTable, stored
from libelle.data.texts import arrow_texts, texts_of
from libelle.features import Ints

#: Rows of a table, where the source does not say.
CHUNK_ROWS = 100_000

#: Tables of `str` columns, indexed by row number from 1.
Chunks = Iterator[pd.DataFrame]

_STR = pd.StringDtype("pyarrow", na_value=np.nan)


def from_arrow(table: pa.Table, index: pd.Index) -> pd.DataFrame:
    """A table of strings as `str` columns; a text of nothing but white space is missing."""
    columns = {
        name: to_series(_without_blanks(column), index)
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return pd.DataFrame(columns, index=index)


def to_series(texts: pa.Array | pa.ChunkedArray, index: pd.Index | None = None) -> pd.Series:
    """Strings as a `str` column; they are not copied where they are `large_string`."""
    return pd.Series(to_array(texts), index=index)


def to_array(texts: pa.Array | pa.ChunkedArray) -> pd.api.extensions.ExtensionArray:
    """Strings as what a `str` column holds."""
    texts = texts if texts.type == pa.large_string() else texts.cast(pa.large_string())
    return pd.arrays.ArrowStringArray(texts, dtype=_STR)  # type: ignore[call-arg]


def to_arrow(column: pd.Series) -> pa.LargeStringArray:
    """A column of strings as one array."""
    chunks = to_chunks(column)
    return chunks[0] if len(chunks) == 1 else pa.chunked_array(chunks, pa.large_string()).combine_chunks()


def to_chunks(column: pd.Series) -> list[pa.LargeStringArray]:
    """A column of strings as the arrays that it is made of."""
    texts = pa.array(column.array, pa.large_string(), from_pandas=True)
    return list(texts.chunks) if isinstance(texts, pa.ChunkedArray) else [texts]


def named(names: Sequence[str], codes: Ints, index: pd.Index | None = None) -> pd.Series:
    """A `str` column that says a name in each row; `codes` are positions in `names`."""
    texts = pa.array(names, pa.large_string())
    return to_series(stored(texts.take(pa.array(codes[part])) for part in shards.shards(len(codes))), index)


def positions(column: pd.Series, names: Sequence[str]) -> Ints:
    """Where each row's text is in a list of names, int64 [rows]; -1 where it is not."""
    known = pa.array(names, pa.large_string())

    def find(part: slice) -> Ints:
        found = pc.index_in(to_arrow(column.iloc[part]), value_set=known)
        return np.asarray(found.fill_null(-1).to_numpy(zero_copy_only=False))

    return shards.computed(len(column), np.int64, find)


def repeated_rows(column: pd.Series) -> Ints:
    """Rows whose text stands in a row before, in rising order."""
    if not shards.are_many(len(column)):
        return np.flatnonzero(column.duplicated())

    rows = rows_alike(shards.computed(len(column), np.uint64, lambda part: hashes_of(column.iloc[part])))
    return rows[column.iloc[rows].duplicated().to_numpy()]


def hashes_of(texts: pd.Series) -> npt.NDArray[np.uint64]:
    """A hash of each text."""
    return pd.util.hash_array(texts.to_numpy(object), categorize=False)


def rows_alike(hashes: npt.NDArray[np.uint64]) -> Ints:
    """Rows whose hash another row has, too, in rising order; texts of few rows are left to be compared."""
    ordered = np.sort(hashes)
    twice = distinct_numbers(ordered[1:][ordered[1:] == ordered[:-1]])
    return np.concatenate(
        [part.start + np.flatnonzero(np.isin(hashes[part], twice)) for part in shards.shards(len(hashes))]
    )


def chosen(table: pd.DataFrame, rows: Ints) -> pd.DataFrame:
    """The given rows of a table of `str` columns, in rising order."""
    if not shards.are_many(len(rows)):
        return table.iloc[rows]
    parts = StoredTable()
    for part in shards.shards(len(rows)):
        parts.add(to_table(table.iloc[rows[part]]))
    return from_table(parts.table(), table.index[rows])


def to_table(frame: pd.DataFrame) -> pa.Table:
    """A table of `str` columns, without its index."""
    return pa.table([to_arrow(column) for _, column in frame.items()], names=[str(name) for name in frame.columns])


def from_table(table: pa.Table, index: pd.Index) -> pd.DataFrame:
    """What `to_table` made, with an index."""
    columns = {name: to_series(table.column(place), index) for place, name in enumerate(table.column_names)}
    return pd.DataFrame(columns, index=index)


def is_missing(value: object) -> bool:
    """Whether a value of a column is missing, whatever pandas has put there."""
    # The first two are what columns of texts hold, and cost a tenth of the third.
    return value is None or value is np.nan or pd.isna(value) is True  # type: ignore[call-overload]


def as_strings(frame: pd.DataFrame, source: str = "The table") -> pd.DataFrame:
    """Every column as `str`, missing kept missing, each value as `text_of` writes it.

    Raises:
        UserError: names the column whose values have no text.
    """
    return pd.DataFrame({str(name): _strings(column, source) for name, column in frame.items()}, index=frame.index)


def blank_to_missing(frame: pd.DataFrame) -> pd.DataFrame:
    """Count a text of nothing but white space as missing."""
    columns = {name: to_series(_without_blanks(to_arrow(column)), frame.index) for name, column in frame.items()}
    return pd.DataFrame(columns, index=frame.index)


def _without_blanks(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    blank = pc.or_(pc.equal(pc.binary_length(texts), 0), pc.utf8_is_space(texts))
    return pc.if_else(blank, None, texts) if pc.any(blank).as_py() else texts


def _strings(column: pd.Series, source: str) -> pd.Series:
    kind = column.dtype
    if isinstance(kind, pd.ArrowDtype):  # first: pandas does not know each of Arrow's types
        chunks = pa.chunked_array(pa.array(column.array)).chunks
        texts = [arrow_texts(chunk, column.name, source) for chunk in chunks]
        return to_series(pa.chunked_array(texts, pa.large_string()), column.index)
    if isinstance(kind, pd.StringDtype) or pd.api.types.is_integer_dtype(kind):
        return column.astype("str")
    if pd.api.types.is_object_dtype(kind):
        return to_series(texts_of(column, column.name, source), column.index)
    codes, distinct = pd.factorize(column)
    known = texts_of(distinct, column.name, source)
    return to_series(known.take(pa.array(codes, mask=codes < 0)), column.index)

"""Tables of `str` columns: what sources yield. Arrow holds their texts."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

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
    texts = pa.array(column.array, pa.large_string(), from_pandas=True)
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def is_missing(value: object) -> bool:
    """Whether a value of a column is missing, whatever pandas has put there."""
    # The first two are what columns of texts hold, and cost a tenth of the third.
    return value is None or value is np.nan or pd.isna(value) is True  # type: ignore[call-overload]


def as_strings(frame: pd.DataFrame) -> pd.DataFrame:
    """Every column as `str`, missing kept missing; whole numbers are written without a decimal point.

    Each value on its own: a number must not be written differently because of its neighbours.
    """
    return pd.DataFrame({str(name): _strings(column) for name, column in frame.items()}, index=frame.index)


def blank_to_missing(frame: pd.DataFrame) -> pd.DataFrame:
    """Count a text of nothing but white space as missing."""
    columns = {name: to_series(_without_blanks(to_arrow(column)), frame.index) for name, column in frame.items()}
    return pd.DataFrame(columns, index=frame.index)


def _without_blanks(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    blank = pc.or_(pc.equal(pc.binary_length(texts), 0), pc.utf8_is_space(texts))
    return pc.if_else(blank, None, texts) if pc.any(blank).as_py() else texts


def _strings(column: pd.Series) -> pd.Series:
    texts = column.astype("str")
    # A whole-number column with gaps was made float by its reader: 57.0 was 57.
    return texts.str.removesuffix(".0") if pd.api.types.is_float_dtype(column) else texts

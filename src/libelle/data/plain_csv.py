"""Rows of CSV by Arrow, to the letter as pandas writes them, in a tenth of the time."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from libelle.data.frames import to_arrow

#: Floats that Arrow writes as Python does: from here on, below there, and not whole.
_SMALLEST, _LARGEST = 1e-4, 1e9
#: A row with fewer columns that is empty has quotes, so that it is no blank line.
_FEWEST = 2


def plain_rows(table: pd.DataFrame) -> bytes | None:
    """The rows of a table as CSV, without a header; None where it has no rows, or pandas must write them.

    Those are tables with texts that need quotes, or with values of other kinds than answers have.
    """
    columns = [_texts(column) for _, column in table.items()]
    arrays = [column for column in columns if column is not None]
    if not len(table) or len(arrays) < max(_FEWEST, len(columns)):
        return None
    from pyarrow import csv  # scoring texts writes no files

    options = csv.WriteOptions(include_header=False, quoting_style="none")
    stream = pa.BufferOutputStream()
    try:
        csv.write_csv(pa.table(arrays, [str(number) for number in range(len(arrays))]), stream, options)
    except pa.ArrowInvalid:  # a text needs quotes
        return None
    return bytes(stream.getvalue().to_pybytes())


def _texts(column: pd.Series) -> pa.Array | None:
    kind = column.dtype
    if isinstance(kind, pd.StringDtype):
        return to_arrow(column)
    if kind == np.int64:
        return pa.array(column.to_numpy())
    if kind == np.bool_:
        return pc.if_else(pa.array(column.to_numpy()), "True", "False")
    return _floats(column.to_numpy()) if kind == np.float64 else None


def _floats(values: np.ndarray) -> pa.Array:
    texts = pa.array(values).cast(pa.string())
    sizes = np.abs(values)
    others = ~((sizes >= _SMALLEST) & (sizes < _LARGEST) & (values != np.rint(values)))
    written = [None if value != value else repr(value) for value in values[others].tolist()]
    return pc.replace_with_mask(texts, pa.array(others), pa.array(written, pa.string()))

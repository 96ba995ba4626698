"""What a process returns, checked: those that libelle did not write may return anything."""

from collections.abc import Mapping

import numpy as np
import scipy.sparse

from libelle.errors import UserError
from libelle.features import Features
from libelle.processes.base import Process

#: The blocks that are attributes of `Features` and have a row for each record.
_BLOCKS = frozenset({"words", "bag", "matrix", "texts"})


def require_features(found: object, process: Process, rows: int) -> Features:
    """Raise `UserError` unless these are features of so many rows, with blocks of the process; returns them.

    One of its blocks is enough: `tokens` without n-grams has no bag.
    """
    wrong = shape_mistake(found, rows)
    if not isinstance(found, Features) or wrong is not None:
        raise _wrong(process, wrong)
    blocks = process.blocks & _BLOCKS
    if blocks and all(getattr(found, block) is None for block in blocks):
        raise _wrong(process, "none of its blocks")
    return found


def require_sound(features: Features, others: Features, process: Process) -> None:
    """Raise `UserError` unless matrices hold finite numbers, and those of other rows have the same columns.

    Args:
        features: of all records; only these are looked through.
        others: of other rows, by the same process.
        process: that made both.
    """
    for name, matrix in (features.matrix or {}).items():
        values = matrix if isinstance(matrix, np.ndarray) else matrix.data
        # A sum is finite if its terms are, and takes no memory.
        if not np.isfinite(values.sum(dtype=np.float64)):
            raise _wrong(process, f"numbers that are not finite in the matrix {name!r}")
        again = (others.matrix or {}).get(name)
        if again is None or again.shape[1] != matrix.shape[1]:
            columns = "no columns" if again is None else f"{again.shape[1]:,}"
            raise _wrong(process, f"{matrix.shape[1]:,} columns in the matrix {name!r}, and {columns} for other rows")


def shape_mistake(found: object, rows: int) -> str | None:
    """What is wrong with features for so many rows; None where nothing is."""
    if not isinstance(found, Features):
        return f"a {type(found).__name__}, which is no Features"
    if found.rows != rows:
        return f"features of {found.rows:,} rows for {rows:,}"
    if found.words is not None and any(len(words) != rows for words in found.words.values()):
        return f"another number of rows in 'words' than {rows:,}"
    if found.texts is not None and len(found.texts) != rows:
        return f"{len(found.texts):,} rows of 'texts' for {rows:,}"
    if found.matrix is None:
        return None
    if not isinstance(found.matrix, Mapping):
        return f"a {type(found.matrix).__name__} as 'matrix', which maps names to matrices"
    for name, matrix in found.matrix.items():
        sparse = scipy.sparse.issparse(matrix) and matrix.format == "csr"
        if not (sparse or isinstance(matrix, np.ndarray)):
            return f"a {type(matrix).__name__} as the matrix {name!r}, which is a CSR matrix or an array"
        if matrix.ndim != 2 or matrix.shape[0] != rows:
            return f"a matrix {name!r} of shape {matrix.shape} for {rows:,} rows"
        if matrix.dtype != np.float32:
            return f"{matrix.dtype} in the matrix {name!r}, which holds float32"
    return None


def _wrong(process: Process, what: str | None) -> UserError:
    blocks = ", ".join(sorted(process.blocks))
    return UserError(
        f"the process {type(process).__name__} returned {what}; let transform() return Features of the rows that it "
        f"was given, with its blocks ({blocks}), whatever rows these are."
    )

"""Columns of a sparse matrix that hold the same values, fitted as one.

Where no n-gram is too rare, most columns are twins: the n-grams that occur in one and the same text alone. A penalty on
squared weights gives twins equal weights, so that `k` of them are one column times the root of `k`, exactly. On TF-IDF
of short texts this leaves a third of the columns, and of the time of L-BFGS.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse

from libelle.features import Ints, Matrix
from libelle.memory import require_memory

#: For each value: two copies of it by columns, with its place, and the hash of both with what it is computed from.
_BYTES = 40


@dataclass(frozen=True)
class MergedColumns:
    """A matrix whose equal columns are one; dense matrices are left as they are.

    Attributes:
        matrix: float32 [rows, merged].
        places: int64 [columns], the merged column that each column is in.
        sizes: int64 [merged], how many columns are in it.
    """

    matrix: Matrix
    places: Ints
    sizes: Ints

    @classmethod
    def of(cls, matrix: Matrix, remedy: str) -> Self:
        """Find the equal columns of float32 [rows, columns].

        Args:
            matrix: dense, or CSR.
            remedy: what makes it smaller, for messages.

        Raises:
            UserError: when memory would not suffice.
        """
        if isinstance(matrix, np.ndarray):
            columns = np.arange(matrix.shape[1])
            return cls(matrix, columns, np.ones_like(columns))
        require_memory(_BYTES * matrix.nnz, f"model: comparing {matrix.nnz:,} values by columns", remedy)
        by_column = matrix.tocsc()
        _, first, places, sizes = np.unique(
            _hash_columns(by_column), return_index=True, return_inverse=True, return_counts=True
        )
        merged = scipy.sparse.csr_array(by_column[:, first])
        merged.data *= np.sqrt(sizes).astype(np.float32)[merged.indices]
        return cls(merged, places, sizes)

    def spread(self, coef: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """From weights of the merged columns, [labels, merged], to those of all columns, [labels, columns]."""
        return (coef / np.sqrt(self.sizes).astype(coef.dtype))[:, self.places]


def _hash_columns(matrix: Any) -> npt.NDArray[np.uint64]:
    """A hash of each column's rows and values, uint64 [columns]; 0 where it is empty.

    Args:
        matrix: float32 CSC.
    """
    bits = matrix.data.view(np.uint32).astype(np.uint64)
    cells = pd.util.hash_array((matrix.indices.astype(np.uint64) << np.uint64(32)) | bits)
    hashes = np.zeros(matrix.shape[1], dtype=np.uint64)
    filled = np.flatnonzero(np.diff(matrix.indptr))
    if len(filled):
        hashes[filled] = np.add.reduceat(cells, matrix.indptr[filled])
    return hashes

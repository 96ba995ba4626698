"""One matrix of several: what models and samplers that want a single matrix make of the `matrix` block."""

import numpy as np
import scipy.sparse

from libelle.errors import UserError
from libelle.features import Features, Matrix
from libelle.memory import require_memory

#: What 32 bits can count.
MOST_VALUES = (1 << 31) - 1
#: Columns of categories and numbers that are made dense beside dense matrices: products with these are faster.
_NARROW = 256


def stack(features: Features, remedy: str) -> Matrix:
    """All matrices side by side, in order: float32 [rows, columns], dense where all are; CSR has int32 indices.

    Args:
        features: with a `matrix` block.
        remedy: what makes it smaller, for messages.

    Raises:
        UserError: when the copy would not fit into memory, or there are more values than 32 bits can count.
    """
    parts = list((features.matrix or {}).values())
    table = features.table
    if (
        table is not None
        and table.shape[1] <= _NARROW
        and all(part is table or isinstance(part, np.ndarray) for part in parts)
    ):
        parts = [part.toarray() if part is table else part for part in parts]
    if len(parts) == 1:
        return _narrow(parts[0], remedy)
    if all(isinstance(part, np.ndarray) for part in parts):
        require_memory(sum(part.nbytes for part in parts), "The matrix of all rows", remedy)
        return np.hstack(parts)
    items = sum(part.size if isinstance(part, np.ndarray) else part.nnz for part in parts)
    require_memory(12 * items, "The matrix of all rows", remedy)
    return _narrow(scipy.sparse.csr_array(scipy.sparse.hstack(parts, format="csr")), remedy)


def _narrow(matrix: Matrix, remedy: str) -> Matrix:
    """Count in 32 bits: scikit-learn's trees and liblinear know no others."""
    if isinstance(matrix, np.ndarray) or matrix.indices.dtype == matrix.indptr.dtype == np.int32:
        return matrix
    if matrix.nnz > MOST_VALUES:
        raise UserError(f"The matrix holds {matrix.nnz:,} values, and {MOST_VALUES:,} can be counted; {remedy}.")
    indices, indptr = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
    return scipy.sparse.csr_array((matrix.data, indices, indptr), shape=matrix.shape)

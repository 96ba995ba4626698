"""The rows of a linear model on n-grams, in two factors: what it is solved with, without ever writing them down."""

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from libelle.features import Bags, Features, Floats, Ints, distinct
from libelle.models.batches import stack_items, take_apart

#: Rows whose items are stacked at once.
_ROWS = 1 << 14


@dataclass(frozen=True)
class Rows:
    """The rows of a linear model in two factors.

    Attributes:
        items: float32 CSR [rows, items], the weights of each record's items; categories and numbers are items, too.
        parts: float32 CSR [items, parts]; the columns of categories and numbers follow on the parts of the n-grams.
    """

    items: scipy.sparse.csr_array
    parts: scipy.sparse.csr_array

    @classmethod
    def of(cls, features: Features) -> "Rows":
        """Factor the rows of some features."""
        bags, rows, table = features.bag, features.rows, features.table
        assert bags is not None
        stacked = [_items(bags, np.arange(start, min(start + _ROWS, rows))) for start in range(0, rows, _ROWS)]
        items = scipy.sparse.csr_array(scipy.sparse.vstack(stacked, format="csr"))
        used, narrow = distinct(items.indices, items.shape[1])
        apart = {name: tensor.numpy() for name, tensor in take_apart(bags, used).items()}
        values = apart["part_weights"], apart["parts"], apart["part_offsets"].astype(np.int32)
        parts = scipy.sparse.csr_array(values, shape=(len(used), bags.size))
        narrowed = scipy.sparse.csr_array((items.data, narrow, items.indptr), shape=(rows, len(used)))
        if table is None:
            return cls(narrowed, parts)
        themselves = scipy.sparse.eye_array(table.shape[1], dtype=np.float32, format="csr")
        return cls(
            scipy.sparse.csr_array(scipy.sparse.hstack([narrowed, table], format="csr")),
            scipy.sparse.csr_array(scipy.sparse.block_diag([parts, themselves], format="csr")),
        )

    def transposed_times(self, values: Floats) -> Floats:
        """The parts' share of each column of values [rows, columns], float32 [parts, columns]."""
        product: Floats = self.parts.T @ (self.items.T @ values)
        return product

    @cached_property
    def kernel(self) -> "Kernel":
        """What the rows have in common with each other."""
        return Kernel.of(self)


@dataclass(frozen=True)
class Kernel:
    """The products of the rows with each other, and a constant, as an operator.

    Most parts belong to one item, and many items stand in one row. These say nothing of two items, or two rows: they
    are left out of the factors, and their squares added where an item, or a row, meets itself. Factors are ordered by
    how often a column is used, so that what is often read stands together.

    Attributes:
        items: float32 sparse CSR [rows, items] and its transpose, of the items that are left.
        parts: float32 sparse CSR [items, parts] and its transpose, of the parts that several items have.
        item_squares: float32 [items, 1], of the parts that no other item has.
        row_squares: float32 [rows, 1], of the items that no other row has.
    """

    items: tuple[Tensor, Tensor]
    parts: tuple[Tensor, Tensor]
    item_squares: Tensor
    row_squares: Tensor

    @classmethod
    def of(cls, rows: Rows) -> "Kernel":
        """Reduce parts and items that occur only once to their squares, and keep the others as factors."""
        items, parts = rows.items, rows.parts
        owners = np.repeat(np.arange(len(items_of := np.diff(parts.indptr))), items_of)
        users, uses = (np.bincount(matrix.indices, minlength=matrix.shape[1]) for matrix in (parts, items))
        shared = users[parts.indices] > 1
        squares = np.bincount(owners[~shared], parts.data[~shared] ** 2, minlength=len(uses))
        left = (uses > 1) | (np.bincount(owners[shared], minlength=len(uses)) > 0)
        records = np.repeat(np.arange(items.shape[0]), np.diff(items.indptr))
        alone = ~left[items.indices]
        single = items.data[alone] ** 2 * squares[items.indices[alone]]
        kept = _by_use(uses * left)
        return cls(
            _factors(items[:, kept]),
            _factors(parts[kept][:, _by_use(users * (users > 1))]),
            torch.from_numpy(squares[kept].astype(np.float32))[:, None],
            torch.from_numpy(np.bincount(records[alone], single, minlength=items.shape[0]).astype(np.float32))[:, None],
        )

    def __call__(self, values: Floats) -> Floats:
        """The products times values: float32 [rows, columns]."""
        given = torch.from_numpy(values)
        of_items = self.items[1] @ given
        # MKL, which torch calls, takes half the time of scipy.
        mixed = self.parts[0] @ (self.parts[1] @ of_items) + self.item_squares * of_items
        product: Floats = (self.items[0] @ mixed + self.row_squares * given + given.sum(0)).numpy()
        return product


def _items(bags: Bags, rows: Ints) -> scipy.sparse.csr_array:
    texts, distinct = stack_items(bags, rows)
    fields = len(bags.texts)
    record = np.tile(np.arange(len(rows)), fields).repeat(texts["item_offsets"].diff().numpy())
    shape = (len(rows), len(bags.known) + len(bags.extra))
    places = record, distinct[texts["items"].numpy()]
    return scipy.sparse.csr_array((texts["record_weights"].numpy(), places), shape=shape)


def _by_use(uses: Ints) -> Ints:
    """The columns that are used, the most frequent one first."""
    return np.argsort(-uses, kind="stable")[: np.count_nonzero(uses)]


def _factors(matrix: scipy.sparse.csr_array) -> tuple[Tensor, Tensor]:
    """A matrix and its transpose, for torch."""
    return _tensor(matrix), _tensor(scipy.sparse.csr_array(matrix.T))


def _tensor(matrix: scipy.sparse.csr_array) -> Tensor:
    offsets, columns = (torch.from_numpy(part.astype(np.int32, copy=False)) for part in (matrix.indptr, matrix.indices))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        values = torch.from_numpy(matrix.data)
        return torch.sparse_csr_tensor(offsets, columns, values, matrix.shape, check_invariants=False)

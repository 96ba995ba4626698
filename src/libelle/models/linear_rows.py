"""The rows of a linear model on n-grams, in two factors: what it is solved with, without ever writing them down."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
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
        ngrams: number of the parts that are n-grams.
    """

    items: scipy.sparse.csr_array
    parts: scipy.sparse.csr_array
    ngrams: int

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
            return cls(narrowed, parts, bags.size)
        themselves = scipy.sparse.eye_array(table.shape[1], dtype=np.float32, format="csr")
        return cls(
            scipy.sparse.csr_array(scipy.sparse.hstack([narrowed, table], format="csr")),
            scipy.sparse.csr_array(scipy.sparse.block_diag([parts, themselves], format="csr")),
            bags.size,
        )

    def transposed_times(self, values: Floats) -> Floats:
        """The parts' share of each column of values [rows, columns], float32 [parts, columns]."""
        product: Floats = self.parts.T @ (self.items.T @ values)
        return product

    def occurrences(self) -> "Rows":
        """The same with 1 in place of each weight, so that products count."""
        return self._of(np.ones_like)

    def squared(self) -> "Rows":
        """The same with the square of each weight."""
        return self._of(np.square)

    def _of(self, change: Callable[[Floats], Floats]) -> "Rows":
        return Rows(_with(self.items, change(self.items.data)), _with(self.parts, change(self.parts.data)), self.ngrams)


@dataclass(frozen=True)
class Kernel:
    """The products of the rows with each other, each part scaled as each class has it, and a constant, as an operator.

    Most parts belong to one item, and many items stand in one row. These say nothing of two items, or two rows: they
    are left out of the factors, and their squares added where an item, or a row, meets itself. Factors are ordered by
    how often a column is used, so that what is often read stands together.

    Attributes:
        items: float32 sparse CSR [rows, items] and its transpose, of the items that are left.
        parts: float32 sparse CSR [items, parts] and its transpose, of the parts that several items have.
        scales: float32 [parts, columns], the squares of the scales of these parts.
        item_squares: float32 [items, columns], of the parts that no other item has.
        row_squares: float32 [rows, columns], of the items that no other row has.
    """

    items: tuple[Tensor, Tensor]
    parts: tuple[Tensor, Tensor]
    scales: Tensor
    item_squares: Tensor
    row_squares: Tensor

    @classmethod
    def of(cls, rows: Rows, scales: Floats) -> "Kernel":
        """Reduce parts and items that occur only once to their squares, and keep the others as factors.

        Args:
            rows: what is multiplied.
            scales: float32 [parts, columns], the squares of what each column multiplies each part by.
        """
        items, parts = rows.items, rows.parts
        squared = rows.squared()
        owners = np.repeat(np.arange(parts.shape[0]), np.diff(parts.indptr))
        users, uses = (np.bincount(matrix.indices, minlength=matrix.shape[1]) for matrix in (parts, items))
        shared = users[parts.indices] > 1
        item_squares = _with(parts, np.where(shared, 0, squared.parts.data)) @ scales
        left = (uses > 1) | (np.bincount(owners[shared], minlength=len(uses)) > 0)
        row_squares = _with(items, np.where(left[items.indices], 0, squared.items.data)) @ item_squares
        kept, used = _by_use(uses * left), _by_use(users * (users > 1))
        return cls(
            _factors(items[:, kept]),
            _factors(parts[kept][:, used]),
            *(torch.from_numpy(array) for array in (scales[used], item_squares[kept], row_squares)),
        )

    def columns(self, chosen: npt.NDArray[np.bool_]) -> "Kernel":
        """The same for some of the columns."""
        if chosen.all():
            return self
        mask = torch.from_numpy(chosen)
        narrow = {name: getattr(self, name)[:, mask] for name in ("scales", "item_squares", "row_squares")}
        return replace(self, **narrow)

    def __call__(self, values: Floats) -> Floats:
        """The products times values: float32 [rows, columns]."""
        given = torch.from_numpy(values)
        of_items = self.items[1] @ given
        # MKL, which torch calls, takes half the time of scipy.
        mixed = self.parts[0] @ (self.scales * (self.parts[1] @ of_items)) + self.item_squares * of_items
        product: Floats = (self.items[0] @ mixed + self.row_squares * given + given.sum(0)).numpy()
        return product


def _items(bags: Bags, rows: Ints) -> scipy.sparse.csr_array:
    texts, distinct = stack_items(bags, rows)
    fields = len(bags.texts)
    record = np.tile(np.arange(len(rows)), fields).repeat(texts["item_offsets"].diff().numpy())
    shape = (len(rows), len(bags.known) + len(bags.extra))
    places = record, distinct[texts["items"].numpy()]
    return scipy.sparse.csr_array((texts["record_weights"].numpy(), places), shape=shape)


def _with(matrix: scipy.sparse.csr_array, values: Floats) -> scipy.sparse.csr_array:
    """A matrix with other values in the same places."""
    return scipy.sparse.csr_array((values, matrix.indices, matrix.indptr), shape=matrix.shape)


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

"""What the paths of the n-grams make of items, kept from one call to the next."""

from collections.abc import Sequence
from threading import Lock

import numpy as np
from scipy.sparse._sparsetools import csr_matvecs

from libelle.features import Bags, Floats, Ints, Items, distinct
from libelle.models.stored_weights import Weights, rows_of

#: Items that are computed at once.
_ITEMS = 1 << 14
#: Up to this many values, 128 MB, the vectors of all items are computed before they are asked for.
_WARM = 1 << 25


class ItemVectors:
    """Vectors of items: the weighted sums of the rows of their parts, of all tables side by side.

    Those of items that a process knows are computed when they are first met. Thread-safe.

    Attributes:
        known: the items that are kept.
        width: of a vector.
    """

    def __init__(self, weights: Weights, names: Sequence[str], known: Items) -> None:
        """Begin with nothing known.

        Args:
            weights: of the network.
            names: of those that are tables with a row for each part.
            known: of the process.
        """
        self.known = known
        self.width = sum(weights[name].shape[1] for name in names)
        self._weights, self._names = weights, names
        #: Where the vector of each item is; -1 where it has not been computed.
        self._places = np.full(len(known), -1, np.int32)
        self._vectors: Floats = np.empty((0, self.width), np.float32)  # grows
        self._count = 0
        self._filling = Lock()

    def sum(self, bags: Bags, items: Ints, offsets: Ints, weights: Floats) -> Floats:
        """Weighted sums of the vectors of texts' items, float32 [texts, width].

        Args:
            bags: which the items are of; their known ones are those that are kept.
            items: of one text after the other.
            offsets: int64 [texts + 1].
            weights: float32 [items].
        """
        unknown = items >= len(self.known)
        if not unknown.any():
            return multiply(self._find(items), offsets, weights, self._vectors)
        kept, others = np.flatnonzero(~unknown), np.flatnonzero(unknown)
        before = np.concatenate(([0], np.cumsum(unknown)))[offsets]
        sums = multiply(self._find(items[kept]), offsets - before, weights[kept], self._vectors)
        used, places = distinct(items[others] - len(self.known), len(bags.extra))
        return multiply(places, before, weights[others], self._compute(bags.extra.take(used)), sums)

    def warm_up(self) -> None:
        """Compute all vectors that are kept, unless they are too many."""
        if len(self.known) * self.width <= _WARM:
            self._find(np.arange(len(self.known)))

    def _find(self, items: Ints) -> Ints:
        """Where the vectors of known items are; those that were never met are computed."""
        places = self._places[items]
        if places.min(initial=0) < 0:
            met, _ = distinct(items[places < 0], len(self.known))
            with self._filling:
                new = met[self._places[met] < 0]  # others may have been faster
                self._make_room(self._count + len(new))
                for start in range(0, len(new), _ITEMS):
                    self._keep(new[start : start + _ITEMS])
            places = self._places[items]
        return places

    def _make_room(self, count: int) -> None:
        if count > len(self._vectors):
            grown = np.empty((min(max(count, 2 * self._count), len(self.known)), self.width), np.float32)
            grown[: self._count] = self._vectors[: self._count]
            self._vectors = grown

    def _keep(self, items: Ints) -> None:
        end = self._count + len(items)
        self._vectors[self._count : end] = self._compute(self.known.take(items))
        # Written last: who finds a place here finds the vector, too.
        self._places[items] = np.arange(self._count, end)
        self._count = end

    def _compute(self, items: Items) -> Floats:
        """Weighted sums of the parts of items, float32 [items, width]."""
        parts, places = distinct(items.parts, self._weights[self._names[0]].shape[0])
        rows = np.concatenate([rows_of(self._weights, name, parts) for name in self._names], axis=1)
        return multiply(places, items.offsets, items.weights, rows)


def multiply(ids: Ints, offsets: Ints, weights: Floats, table: Floats, sums: Floats | None = None) -> Floats:
    """Weighted sums of rows of a table, float32 [texts, columns]; that of a text is the same beside any others.

    Args:
        ids: rows of the table, of one text after the other; that they are in it is not checked.
        offsets: [texts + 1].
        weights: float32 [ids].
        table: float32 [rows, columns].
        sums: float32 [texts, columns], contiguous, which they are added to in place; zero by default.
    """
    if sums is None:
        sums = np.zeros((len(offsets) - 1, table.shape[1]), np.float32)
    assert sums.flags.c_contiguous
    # What scipy itself multiplies a sparse and a dense matrix with, private though it is: to make the matrix takes ten
    # times as long as to add up a few rows.
    indices, ends = (array.astype(np.int64, copy=False) for array in (ids, offsets))
    csr_matvecs(len(sums), len(table), table.shape[1], ends, indices, weights, table.ravel(), sums.ravel())
    return sums

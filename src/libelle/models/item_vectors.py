"""What the paths of the n-grams make of items, kept from one call to the next."""

from collections.abc import Sequence
from threading import Lock

import numpy as np
import scipy.sparse

from libelle.features import Bags, Floats, Ints, Items, distinct
from libelle.models.stored_weights import Weights, rows_of

#: Items that are computed at once.
_ITEMS = 1 << 14
#: Items up to which computing all of them takes less time than to look for those that are kept.
_FEW = 64
#: Up to this many values, 128 MB, the vectors of all items are computed before they are asked for.
_WARM = 1 << 25
#: Up to this many values, numpy sums the rows in less time than scipy needs to build a matrix.
_SMALL = 1 << 15


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
        if len(items) <= _FEW:
            used, places = distinct(items, len(self.known) + len(bags.extra))
            return multiply(places, offsets, weights, self._compute(bags.take_apart(used)))
        unknown = items >= len(self.known)
        if not unknown.any():
            return multiply(self._find(items), offsets, weights, self._vectors)
        kept, others = np.flatnonzero(~unknown), np.flatnonzero(unknown)
        found = self._find(items[kept])
        before = np.concatenate(([0], np.cumsum(unknown)))[offsets]
        sums = multiply(found, offsets - before, weights[kept], self._vectors)
        used, places = np.unique(items[others] - len(self.known), return_inverse=True)
        sums += multiply(places, before, weights[others], self._compute(bags.extra.take(used)))
        return sums

    def warm_up(self) -> None:
        """Compute all vectors that are kept, unless they are too many."""
        if len(self.known) * self.width <= _WARM:
            self._find(np.arange(len(self.known)))

    def _find(self, items: Ints) -> Ints:
        """Where the vectors of known items are; those that were never met are computed."""
        places = self._places[items]
        if places.min(initial=0) < 0:
            with self._filling:
                new, _ = distinct(items[self._places[items] < 0], len(self.known))
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
        # One way for any number of them: a kept vector is the same to the last bit, whatever it was met with.
        self._vectors[self._count : end] = _product(*self._parts(self.known.take(items)))
        # Written last: who finds a place here finds the vector, too.
        self._places[items] = np.arange(self._count, end)
        self._count = end

    def _compute(self, items: Items) -> Floats:
        return multiply(*self._parts(items))

    def _parts(self, items: Items) -> tuple[Ints, Ints, Floats, Floats]:
        """What `multiply` takes to sum up the parts of items."""
        parts, places = distinct(items.parts, self._weights[self._names[0]].shape[0])
        rows = np.concatenate([rows_of(self._weights, name, parts) for name in self._names], axis=1)
        return places, items.offsets, items.weights, rows


def multiply(ids: Ints, offsets: Ints, weights: Floats, table: Floats) -> Floats:
    """Weighted sums of rows of a table, float32 [texts, columns].

    Args:
        ids: rows of the table, of one text after the other.
        offsets: [texts + 1].
        weights: float32 [ids].
        table: float32 [rows, columns].
    """
    if len(ids) * table.shape[1] > _SMALL:
        return _product(ids, offsets, weights, table)
    rows = np.zeros((len(ids) + 1, table.shape[1]), np.float32)
    np.multiply(table[ids], weights[:, None], out=rows[:-1])
    sums: Floats = np.add.reduceat(rows, offsets[:-1])
    sums[offsets[1:] == offsets[:-1]] = 0  # where reduceat has the row that follows
    return sums


def _product(ids: Ints, offsets: Ints, weights: Floats, table: Floats) -> Floats:
    """As `multiply`, by a sparse matrix: the sum of a text does not depend on the others to the last bit."""
    indices, ends = ids.astype(np.int32), offsets.astype(np.int32)
    product: Floats = scipy.sparse.csr_array((weights, indices, ends), (len(ends) - 1, len(table))) @ table
    return product

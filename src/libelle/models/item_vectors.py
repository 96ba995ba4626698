"""What the paths of the n-grams make of items, kept from one call to the next."""

from collections.abc import Sequence
from threading import Lock

import numpy as np
import scipy.sparse

from libelle.features import Bags, Floats, Ints, Items
from libelle.models.stored_weights import Weights, rows_of

#: Items that are computed at once.
_ITEMS = 1 << 14
#: Rows of a table up to which numpy adds them up before scipy has made a matrix.
_FEW = 1 << 10


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
        self._filled = np.zeros(len(known), dtype=bool)
        self._vectors: Floats = np.empty((len(known), self.width), np.float32)  # what is not written takes no memory
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
            self._fill(items)
            return multiply(items, offsets, weights, self._vectors)
        kept, others = np.flatnonzero(~unknown), np.flatnonzero(unknown)
        self._fill(items[kept])
        before = np.concatenate(([0], np.cumsum(unknown)))[offsets]
        sums = multiply(items[kept], offsets - before, weights[kept], self._vectors)
        used, places = np.unique(items[others] - len(self.known), return_inverse=True)
        sums += multiply(places, before, weights[others], self._compute(bags.extra.take(used)))
        return sums

    def _fill(self, items: Ints) -> None:
        if self._filled[items].all():
            return
        with self._filling:
            new = np.unique(items[~self._filled[items]])
            for start in range(0, len(new), _ITEMS):
                some = new[start : start + _ITEMS]
                self._vectors[some] = self._compute(self.known.take(some))
                self._filled[some] = True

    def _compute(self, items: Items) -> Floats:
        parts, places = np.unique(items.parts, return_inverse=True)
        rows = np.concatenate([rows_of(self._weights, name, parts) for name in self._names], axis=1)
        return multiply(places, items.offsets, items.weights, rows)


def multiply(ids: Ints, offsets: Ints, weights: Floats, table: Floats) -> Floats:
    """Weighted sums of rows of a table, float32 [texts, columns].

    Args:
        ids: rows of the table, of one text after the other.
        offsets: [texts + 1].
        weights: float32 [ids].
        table: float32 [rows, columns].
    """
    if len(ids) > _FEW:
        indices, ends = ids.astype(np.int32), offsets.astype(np.int32)
        product: Floats = scipy.sparse.csr_array((weights, indices, ends), (len(ends) - 1, len(table))) @ table
        return product
    rows = np.zeros((len(ids) + 1, table.shape[1]), np.float32)
    np.multiply(table[ids], weights[:, None], out=rows[:-1])
    sums: Floats = np.add.reduceat(rows, offsets[:-1])
    sums[offsets[1:] == offsets[:-1]] = 0  # where reduceat has the row that follows
    return sums

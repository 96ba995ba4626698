"""What the paths of the n-grams make of items, kept from one call to the next."""

from collections.abc import Sequence
from threading import Lock

import numpy as np
import numpy.typing as npt
import scipy.sparse

from libelle.features import Bags, Floats, Ints, Items

#: Items that are computed at once.
_ITEMS = 1 << 14


class ItemVectors:
    """Vectors of items: the weighted sums of the rows of their parts, of all tables side by side.

    Those of items that a process knows are computed when they are first met. Thread-safe.

    Attributes:
        known: the items that are kept.
        width: of a vector.
    """

    def __init__(self, tables: Sequence[npt.NDArray[np.floating]], known: Items) -> None:
        """Begin with nothing known.

        Args:
            tables: [parts, columns] each; of any precision.
            known: of the process.
        """
        self.known = known
        self.width = sum(table.shape[1] for table in tables)
        self._tables = tables
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
        starts = np.concatenate(([0], np.cumsum(unknown)))[offsets]
        sums = multiply(items[kept], offsets - starts, weights[kept], self._vectors)
        used, places = np.unique(items[others] - len(self.known), return_inverse=True)
        sums += multiply(places, starts, weights[others], self._compute(bags.extra.take(used)))
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
        rows = np.concatenate([table[parts].astype(np.float32) for table in self._tables], axis=1)
        return multiply(places, items.offsets, items.weights, rows)


def multiply(ids: Ints, offsets: Ints, weights: Floats, table: Floats) -> Floats:
    """Weighted sums of rows of a table, float32 [texts, columns].

    Args:
        ids: rows of the table, of one text after the other.
        offsets: [texts + 1].
        weights: float32 [ids].
        table: float32 [rows, columns].
    """
    shape = (len(offsets) - 1, len(table))
    product: Floats = scipy.sparse.csr_array((weights, ids.astype(np.int32), offsets.astype(np.int32)), shape) @ table
    return product

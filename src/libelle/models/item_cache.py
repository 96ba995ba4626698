"""What a network computes of items, kept from one call to the next."""

from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from libelle.features import Bags, Ints, Items
from libelle.models.batches import Batch, take_apart


class ItemCache:
    """Vectors of the items that a process knows, each computed when it is first met.

    Thread-safe. Items that are not known are computed each time.

    Attributes:
        known: the items that this cache is of.
    """

    def __init__(self, known: Items, compute: Callable[[Batch], Sequence[Tensor]]) -> None:
        self.known = known
        self._compute = compute
        self._filled = np.zeros(len(known), dtype=bool)
        self._tables: list[Tensor] = []
        self._filling = Lock()

    def look_up(self, bags: Bags, items: Ints) -> list[Tensor]:
        """The tables of some distinct items, float32 [items, width of the table].

        Args:
            bags: which the items are of; their known ones are those of this cache.
            items: in order.
        """
        first_extra = int(np.searchsorted(items, len(self.known)))
        known, extra = items[:first_extra], items[first_extra:]
        if not (self._tables and self._filled[known].all()):
            with self._filling:
                self._fill(bags, known[~self._filled[known]])
        found = [table.index_select(0, torch.from_numpy(known)) for table in self._tables]
        if not len(extra):
            return found
        return [torch.cat(pair) for pair in zip(found, self._compute(take_apart(bags, extra)), strict=True)]

    def _fill(self, bags: Bags, items: Ints) -> None:
        tables = self._compute(take_apart(bags, items))
        if not self._tables:
            # One row for each known item: memory that is never written to is never allocated.
            self._tables = [table.new_empty(len(self.known), table.shape[1]) for table in tables]
        for kept, table in zip(self._tables, tables, strict=True):
            kept[torch.from_numpy(items)] = table
        self._filled[items] = True

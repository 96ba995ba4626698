"""Batches of rows of similar length, so that little is padded, and what is in each is still drawn."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Sampler

from libelle.features import Ints

#: Batches whose rows are sorted together. Among more, the longest rows would meet each other in every epoch.
_WINDOW = 50


class LengthBuckets(Sampler[list[int]]):
    """Batches of all rows, in another order each epoch: rows are shuffled, and sorted by length within windows.

    Attributes:
        lengths: int64 [rows].
        size: rows of a batch; the last one of an epoch may have fewer.
        generator: of the order.
    """

    def __init__(self, lengths: Ints, size: int, generator: torch.Generator) -> None:
        self.lengths, self.size, self.generator = lengths, size, generator

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.size)

    def __iter__(self) -> Iterator[list[int]]:
        rows = torch.randperm(len(self.lengths), generator=self.generator).numpy()
        window = _WINDOW * self.size
        batches = [batch for start in range(0, len(rows), window) for batch in self._cut(rows[start : start + window])]
        for number in torch.randperm(len(batches), generator=self.generator).tolist():
            yield batches[number].tolist()

    def _cut(self, rows: Ints) -> list[Ints]:
        ordered = rows[np.argsort(self.lengths[rows], kind="stable")]
        return [ordered[start : start + self.size] for start in range(0, len(ordered), self.size)]

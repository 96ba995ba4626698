"""Ragged rows without shared ones."""

import numpy as np

from libelle.features import Ragged, gather


def flatten(block: Ragged) -> Ragged:
    """Copy the items so that row `i` is stored row `i`."""
    ids, offsets, weights = gather(block.ids, block.offsets, block.weights, block.index)
    return Ragged(ids, offsets, block.size, weights, np.arange(len(block), dtype=np.int32))

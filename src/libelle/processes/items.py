"""Items of bags, from what they are made of."""

import numpy as np

from libelle.features import Ints, Items, gather


def assemble(own: Ints, owners: Ints, spelled: Items) -> Items:
    """Items from their own numbers and the n-grams of their words, each -1 where there is none."""
    offsets = np.append(spelled.offsets, spelled.offsets[-1:])  # one more word, without n-grams
    parts, ends, weights = gather(spelled.parts, offsets, spelled.weights, np.where(owners < 0, len(spelled), owners))
    numbered = own >= 0
    starts = np.concatenate(([0], np.cumsum(numbered + np.diff(ends))))
    first = starts[:-1][numbered]
    others = np.ones(starts[-1], dtype=bool)
    others[first] = False
    all_parts, all_weights = np.empty(starts[-1], np.int32), np.ones(starts[-1], np.float32)
    all_parts[first], all_parts[others] = own[numbered], parts
    all_weights[others] = weights
    return Items(all_parts, starts, all_weights)

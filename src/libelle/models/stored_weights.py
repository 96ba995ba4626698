"""A network's weights as they are saved: large tables in half precision, dense layers in full."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

#: Weights by the names of the network's state.
Weights = Mapping[str, npt.NDArray[np.floating]]

#: Tables with a row for each word or n-gram, which are nearly all of a network. Rounding moves scores by some 1e-4.
_TABLES = ("ngrams.weight", "wide.weight", "words.table.weight", "words.words.weight")


def rounded(weights: Weights) -> dict[str, npt.NDArray[np.floating]]:
    """The weights in the precision in which they are saved, float16 or float32.

    A run scores with these, too, so that its scores are those of what it saves.
    """
    return {name: array.astype(np.float16) if name in _TABLES else array for name, array in weights.items()}

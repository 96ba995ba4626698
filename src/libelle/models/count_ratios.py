"""What an n-gram says of a class by itself: how much the linear path lets each class make of it.

A linear model on n-grams is better where each is multiplied, before it is solved, by the logarithm of how much more
often it stands in records of a class than in others (Wang and Manning 2012, "Baselines and Bigrams: Simple, Good
Sentiment and Topic Classification"): what tells classes apart then costs less penalty. Half of a scale is that
logarithm and half is 1; the sign, which a solution finds itself, is left out. Counts are moved towards those
of an n-gram that says nothing, since one that few records hold says little.
"""

import numpy as np
import numpy.typing as npt

from libelle.features import Doubles, Floats
from libelle.models.linear_rows import Rows

#: How much of a scale is the logarithm.
_SHARE = 0.5
#: Occurrences that each n-gram is given beside its own, in the classes' own shares.
_SMOOTHING = 4.0
_TINY = 1e-12


def squared_scales(rows: Rows, signs: Floats, weights: npt.NDArray[np.floating]) -> Floats:
    """The squares of the scales of all parts, float32 [parts, columns]; 1 for categories and numbers.

    The logarithms are divided by their root mean square over what the rows hold, so that rows nearly keep their length.

    Args:
        rows: the training rows.
        signs: float32 [rows, columns], 1 where a row is of the column's class, else -1.
        weights: [rows], what each row counts for.
    """
    each = weights.astype(np.float32)[:, None]
    counted = rows.occurrences()
    squares = rows.squared().transposed_times(each)[: rows.ngrams]
    scales = np.ones((rows.parts.shape[1], signs.shape[1]), np.float32)
    if not squares.any():  # none of the rows holds an n-gram that is known
        return scales
    inside, total = (counted.transposed_times(each * chosen)[: rows.ngrams] for chosen in (signs > 0, 1))
    share = _sum(inside) / _sum(total)
    ratios = np.log(inside / _positive(share) + _SMOOTHING)
    ratios -= np.log((total - inside) / _positive(1 - share) + _SMOOTHING)
    length = np.sqrt(_sum(ratios**2 * squares) / _sum(squares))
    scales[: rows.ngrams] += _SHARE * (np.abs(ratios) / _positive(length) - 1)
    return np.square(scales, out=scales)


def _sum(values: Floats) -> Doubles:
    """The sum of each column: one after the other, many float32 lose what is added."""
    sums: Doubles = values.sum(axis=0, dtype=np.float64)
    return sums


def _positive(values: Doubles) -> Floats:
    return np.maximum(values, _TINY).astype(np.float32)

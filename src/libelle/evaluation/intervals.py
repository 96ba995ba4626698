"""Confidence intervals and bounds of a share."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:  # commands that only list what there is need no pandas
    from libelle.features import Doubles

    Flags: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

#: Of the intervals that are reported.
LEVEL = 0.95


def wilson(part: float, whole: float, level: float) -> tuple[float, float]:
    """Two-sided interval of a share at a confidence level (Wilson 1927).

    Of none of the rows the lower bound is 0, and of all of them the upper one is 1: exactly, since a bound that misses
    them by rounding would exclude the share itself, and refute precision=1 where all rows are right.
    """
    from scipy.stats import norm

    z2 = float(norm.ppf((1 + level) / 2)) ** 2
    middle = (part + z2 / 2) / (whole + z2)
    half = math.sqrt(z2) / (whole + z2) * math.sqrt(part * (whole - part) / whole + z2 / 4)
    return max(0.0, middle - half) if part > 0 else 0.0, min(1.0, middle + half) if part < whole else 1.0


@dataclass(frozen=True)
class Interval:
    """A figure and the bounds of its 95 % confidence interval; bounds are NaN where they cannot be known."""

    value: float
    low: float
    high: float


def digits_apart(bound: float, target: float, fewest: int) -> int:
    """Digits after the point that show on which side of a number a bound is: 0.9496 is not 0.95."""
    rounded = ((digits, round(bound, digits)) for digits in range(fewest, 8))
    return next((digits for digits, shown in rounded if shown != target and (shown < target) == (bound < target)), 8)


def share(successes: float, rows: int) -> Interval:
    """A share with Wilson's score interval (Wilson 1927; Brown, Cai and DasGupta 2001 recommend it)."""
    if not rows:
        return Interval(np.nan, np.nan, np.nan)
    return Interval(successes / rows, *wilson(successes, rows, LEVEL))


def share_of(part: "Flags", whole: "Flags", weights: "Doubles | None" = None) -> Interval:
    """The share of some rows that are among others, too, with Wilson's score interval.

    Of weighted rows, the interval is that of as many rows of equal weight as would tell as much (Kish 1965, "Survey
    Sampling"; Franco et al. 2019 find Wilson's interval with that number to hold what it promises).

    Args:
        part: bool [rows].
        whole: bool [rows].
        weights: how many units each row stands for, float64 [rows]; None where all count the same.
    """
    among = part[whole]
    if weights is None:
        return share(int(among.sum()), len(among))
    units = weights[whole]
    total = float(units.sum())
    if not total:
        return Interval(np.nan, np.nan, np.nan)
    rows, value = total**2 / float((units**2).sum()), float(units[among].sum()) / total
    return Interval(value, *wilson(value * rows, rows, LEVEL))


def lower_bound(part: Any, whole: Any, delta: float) -> "Doubles":
    """One-sided lower bound of shares, missed with probability at most `delta` (Clopper and Pearson 1934)."""
    from scipy.stats import beta

    part, whole = np.broadcast_arrays(np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64))
    bound = beta.ppf(delta, np.maximum(part, 1), whole - np.maximum(part, 1) + 1)
    return np.where(part > 0, bound, 0.0)


def upper_bound(part: Any, whole: Any, delta: float) -> "Doubles":
    """One-sided upper bound of shares, missed with probability at most `delta` (Clopper and Pearson 1934)."""
    return 1 - lower_bound(np.asarray(whole) - np.asarray(part), whole, delta)

"""Are scores what they say? The bins behind a reliability diagram."""

from dataclasses import dataclass

import numpy as np

from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.intervals import Interval, share
from libelle.features import Doubles, Floats, Ints

#: Bins of equal width from 0 to 1; one with fewer records is joined with the next, since it would show chance alone.
BINS, FEWEST_RECORDS = 10, 20


@dataclass(frozen=True)
class Bin:
    """Records with similar scores: their mean score, and the share that is positive (multiclass: right)."""

    score: float
    rows: int
    rate: Interval


def reliability(targets: Ints, scores: Floats, rule: DecisionRule) -> tuple[list[Bin], Doubles]:
    """The bins of a reliability diagram (Niculescu-Mizil and Caruana 2005), of equal width.

    A bin of fewer than `FEWEST_RECORDS` records is joined with those above it until they are enough; what is left over
    at the top, with the last one.

    Args:
        targets: int64 [rows].
        scores: float32 [rows, classes].
        rule: the decision rule.

    Returns:
        The bins, and the scores that they are made of, float64 [rows], see `DecisionRule.decisive`.
    """
    confidence = rule.decisive(scores)
    hits = targets == (1 if rule.is_binary else rule.decide(scores))
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    bins = []
    for first, last in _joined(np.bincount(places, minlength=BINS)):
        inside = (places >= first) & (places <= last)
        bins.append(
            Bin(float(confidence[inside].mean()), int(inside.sum()), share(int(hits[inside].sum()), int(inside.sum())))
        )
    return bins, confidence


def _joined(counts: Ints) -> list[tuple[int, int]]:
    """First and last bin of each group of bins that hold enough records together, given the records of each."""
    groups: list[tuple[int, int]] = []
    first, records = 0, 0
    for place, rows in enumerate(counts.tolist()):
        records += rows
        if records >= FEWEST_RECORDS:
            groups.append((first, place))
            first, records = place + 1, 0
    if records:
        start = groups.pop()[0] if groups else 0
        groups.append((start, len(counts) - 1))
    return groups

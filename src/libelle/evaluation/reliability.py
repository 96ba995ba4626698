"""Are scores what they say? The bins behind a reliability diagram."""

from dataclasses import dataclass

import numpy as np

from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.intervals import Interval, share
from libelle.features import Doubles, Floats, Ints

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Records with similar scores: their mean score, and the share that is positive (multiclass: right)."""

    score: float
    rows: int
    rate: Interval


def reliability(targets: Ints, scores: Floats, rule: DecisionRule) -> tuple[list[Bin], Doubles]:
    """The bins of a reliability diagram (Niculescu-Mizil and Caruana 2005), of equal width, empty ones left out.

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
    for place in np.unique(places):
        inside = places == place
        bins.append(
            Bin(float(confidence[inside].mean()), int(inside.sum()), share(int(hits[inside].sum()), int(inside.sum())))
        )
    return bins, confidence

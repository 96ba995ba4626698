"""Curves behind the figures: exact over all distinct scores, not on a grid."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from libelle.evaluation.intervals import Interval, share
from libelle.features import Floats, Ints

Doubles = npt.NDArray[np.float64]
BINS = 10


@dataclass(frozen=True)
class Thresholds:
    """What each distinct score would do as the threshold; all float64 [distinct scores], thresholds falling.

    Attributes:
        threshold: records with at least this score are flagged.
        precision: share of the flagged that are positive.
        recall: share of the positives that are flagged; NaN without positives.
        flagged: share of all records that are flagged.
    """

    threshold: Doubles
    precision: Doubles
    recall: Doubles
    flagged: Doubles

    @classmethod
    def of(cls, targets: Ints, scores: Floats) -> "Thresholds":
        """Compute the curve from targets, 0 or 1 [rows], and scores of the positive class, float32 [rows]."""
        order = np.argsort(-scores, kind="stable")
        ordered = scores[order].astype(np.float64)
        last = np.flatnonzero(np.append(np.diff(ordered) != 0, True))  # equal scores are flagged together
        caught = np.cumsum(targets[order])[last].astype(np.float64)
        flagged = last + 1.0
        positives = targets.sum()
        recall = caught / positives if positives else np.full(len(last), np.nan)
        return cls(ordered[last], caught / flagged, recall, flagged / len(targets))


def automatic_coding(targets: Ints, scores: Floats) -> tuple[Doubles, Doubles, Doubles]:
    """Code the most certain records automatically: what share, how accurately, from what score on.

    Args:
        targets: int64 [rows].
        scores: float32 [rows, classes].

    Returns:
        Share of records coded, accuracy on them, and the lowest of their scores, each float64 [distinct scores].
    """
    best = scores.max(axis=1)
    right = (scores.argmax(axis=1) == targets).astype(np.int64)
    curve = Thresholds.of(right, best)
    return curve.flagged, curve.precision, curve.threshold


@dataclass(frozen=True)
class Bin:
    """Records with scores alike: their mean score, and the share that is positive (of many classes: right)."""

    score: float
    rows: int
    rate: Interval


def reliability(targets: Ints, scores: Floats) -> tuple[list[Bin], Floats]:
    """The bins of a reliability diagram (Niculescu-Mizil and Caruana 2005), of equal width, empty ones left out.

    Returns:
        The bins, and the scores that they are made of: of the positive class, of many classes of the decision.
    """
    if scores.shape[1] == 2:
        confidence, hits = scores[:, 1], targets == 1
    else:
        confidence, hits = scores.max(axis=1), scores.argmax(axis=1) == targets
    places = np.minimum((confidence.astype(np.float64) * BINS).astype(int), BINS - 1)
    bins = []
    for place in np.unique(places):
        inside = places == place
        bins.append(
            Bin(float(confidence[inside].mean()), int(inside.sum()), share(int(hits[inside].sum()), int(inside.sum())))
        )
    return bins, confidence

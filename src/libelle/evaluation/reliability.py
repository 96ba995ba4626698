"""Are scores what they say? The bins behind a reliability diagram."""

from dataclasses import dataclass

import numpy as np

from libelle.evaluation.intervals import Interval, share
from libelle.features import Floats, Ints

BINS = 10


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

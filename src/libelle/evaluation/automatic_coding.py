"""Which records of many classes are coded automatically, without a clerk: one rule to choose, decide and report by.

A record's label is the most probable one, whatever the threshold. It is coded automatically where the score of that
label reaches a threshold: one for all labels, or the label's own. A label without one of its own, where others have
theirs, is never coded automatically: nobody has said from which score on it may be.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from libelle.features import Doubles, Ints


def top(scores: npt.NDArray[np.floating]) -> tuple[Ints, Doubles]:
    """Positions of the most probable labels, int64 [rows], and their scores, float64 [rows].

    Args:
        scores: [rows, classes].
    """
    chosen = scores.argmax(axis=1).astype(np.int64)
    return chosen, scores[np.arange(len(scores)), chosen].astype(np.float64)


def limits(
    labels: Sequence[str], threshold: float | None, class_thresholds: Mapping[str, float | None] | None
) -> Doubles | None:
    """The score from which each label is coded automatically, float64 [labels]; NaN where none is enough.

    Args:
        labels: in the order of the score columns.
        threshold: for all labels.
        class_thresholds: label → its own, which count instead; None, or left out, where it has none.

    Returns:
        None where no threshold was chosen.
    """
    if class_thresholds is not None:
        return np.array([class_thresholds.get(label) for label in labels], dtype=np.float64)
    return None if threshold is None else np.full(len(labels), threshold, dtype=np.float64)


def automatic(chosen: Ints, scores: npt.NDArray[np.floating], limits: Doubles) -> npt.NDArray[np.bool_]:
    """Whether records are coded automatically, bool [rows]; scores are compared unrounded.

    Args:
        chosen: positions of their labels, [rows].
        scores: of these labels, [rows].
        limits: by label, see `limits`.
    """
    return np.asarray(scores.astype(np.float64) >= limits[chosen])

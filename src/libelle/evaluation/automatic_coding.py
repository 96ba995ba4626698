"""What automatic coding achieves: how accurate it is, and how many records need no clerk.

Which records are coded automatically is decided in `libelle.evaluation.decision_rule`.
"""

from typing import Any

import numpy as np

from libelle.evaluation.curve import Curve
from libelle.evaluation.decision_rule import DecisionRule, reaches
from libelle.evaluation.intervals import Interval, share
from libelle.features import Doubles, Floats, Ints

#: Accuracies for which reports show automatic coding.
ACCURACIES = (0.9, 0.95, 0.99)
#: Accuracies that are proposed for automatic coding, the first that is reached.
PROPOSED = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5)


def by_accuracy(validation: tuple[Ints, Floats], test: tuple[Ints, Floats], rule: DecisionRule) -> list[dict[str, Any]]:
    """For a few accuracies: the threshold that reaches each on validation rows, and its results on test rows.

    Args:
        validation: targets, int64 [rows], and scores, float32 [rows, classes].
        test: the same for the test rows.
        rule: the decision rule.

    Returns:
        `accuracy_wanted`, `threshold` (the lowest that reaches it; None where none does), `share` and `accuracy` on
        test rows.
    """
    curve = Curve.of(*_right(*validation, rule))
    right, scores = _right(*test, rule)
    table: list[dict[str, Any]] = []
    for wanted in ACCURACIES:
        reached = np.flatnonzero(curve.precision >= wanted)
        if not len(reached):
            nothing = {"threshold": None, "share": share(0, 0), "accuracy": share(0, 0)}
            table.append({"accuracy_wanted": wanted, **nothing})
            continue
        threshold = float(curve.thresholds[reached[-1]])
        coded = reaches(scores, threshold)
        table.append(
            {
                "accuracy_wanted": wanted,
                "threshold": threshold,
                "share": share(int(coded.sum()), len(coded)),
                "accuracy": share(int(right[coded].sum()), int(coded.sum())),
            }
        )
    return table


def reachable_wish(targets: Ints, scores: Floats, rule: DecisionRule) -> str:
    """What a threshold can be chosen by on these validation rows, as an argument of `threshold`.

    Args:
        targets: int64 [rows].
        scores: float32 [rows, classes].
        rule: the decision rule.
    """
    if rule.is_binary:
        return "f=0.5" if (targets == 1).any() else "value=0.5"
    precision = Curve.of(*_right(targets, scores, rule)).precision
    reached = (wanted for wanted in PROPOSED if (precision >= wanted).any())
    return next((f"accuracy={wanted:g}" for wanted in reached), "value=0.5")


def surest_half(targets: Ints, scores: Floats, rule: DecisionRule) -> Interval:
    """Share of right decisions among the half of the rows with the highest scores.

    Of rows with equal scores, of which some are in the half and some are not, all count in part: none is surer.
    """
    right, decisive = _right(targets, scores, rule)
    half = (len(decisive) + 1) // 2
    if not half:
        return share(0, 0)
    last = np.sort(decisive)[-half]
    above, equal = decisive > last, decisive == last
    found = float(right[above].sum() + right[equal].mean() * (half - above.sum()))
    return share(found, half)


def _right(targets: Ints, scores: Floats, rule: DecisionRule) -> tuple[np.ndarray, Doubles]:
    """Whether each decision is right, and its score."""
    return rule.decide(scores) == targets, rule.decisive(scores)

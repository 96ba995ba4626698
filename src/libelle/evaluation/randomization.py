"""Whether a difference between two runs is more than chance, by a randomization test beside the bootstrap.

Where two runs differ on a few records alone, as runs with the same scores for most records do, many resamples hold none
of these, and a bootstrap interval takes a single record for evidence. The test asks instead how often so large a
difference comes about where it is left to chance, for each record, which run gave which of the two answers (Noreen
1989, "Computer-Intensive Methods for Testing Hypotheses"; Yeh 2000, "More Accurate Tests for the Statistical
Significance of Result Differences").
"""

from collections.abc import Mapping, Sequence

import numpy as np

from libelle.evaluation.bootstrap import metrics_of, row_statistics
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.intervals import LEVEL, Interval
from libelle.features import Doubles, Floats, Ints

#: Metrics of the order of the scores alone. Runs whose scores are calibrated differently exchange ranks, not scores.
_OF_ORDER = frozenset({"average_precision", "roc_auc"})
#: How often chance is asked: a p-value of 0.05 is then known to 0.015, its standard error.
_DRAWS = 200
#: Differences that are equal but for rounding.
_EQUAL = 1e-12


def reach_zero_by_chance(
    differences: Mapping[str, Interval],
    targets: Ints,
    scores: tuple[Floats, Floats],
    rules: tuple[DecisionRule, DecisionRule],
    seed: int = 0,
    weights: Doubles | None = None,
) -> dict[str, Interval]:
    """Let the intervals of differences hold zero where the randomization test does not speak against it.

    Args:
        differences: by metric, as `bootstrap.paired_bootstrap` finds them.
        targets: int64 [rows].
        scores: of the first run and of the second, float32 [rows, classes].
        rules: their decision rules.
        seed: of the test.
        weights: how many units each row stands for, float64 [rows]; None where all count the same.
    """
    doubtful = [name for name, found in differences.items() if found.low > 0 or found.high < 0]
    p_values = randomization_test(doubtful, targets, scores, rules, seed, weights) if doubtful else {}
    return {
        name: Interval(found.value, min(found.low, 0.0), max(found.high, 0.0))
        if p_values.get(name, 0) > 1 - LEVEL
        else found
        for name, found in differences.items()
    }


def randomization_test(
    names: Sequence[str],
    targets: Ints,
    scores: tuple[Floats, Floats],
    rules: tuple[DecisionRule, DecisionRule],
    seed: int = 0,
    weights: Doubles | None = None,
) -> dict[str, float]:
    """Two-sided p-values of the differences of some metrics; other arguments as of `reach_zero_by_chance`.

    They are never 0: the difference itself counts as one of those drawn (Phipson and Smyth 2010). A metric that is not
    defined where answers are exchanged counts as a difference as large.
    """
    if weights is not None:
        counted = weights > 0
        targets, scores, weights = targets[counted], (scores[0][counted], scores[1][counted]), weights[counted]
    metrics = metrics_of(rules[0])
    first, second = (row_statistics(targets, *judged) for judged in zip(scores, rules, strict=True))
    by_order = tuple(_ranked(rows) for rows in (first, second)) if _OF_ORDER & set(names) else (first, second)

    def differences(exchanged: np.ndarray) -> Doubles:
        found = []
        for name in names:
            before, after = by_order if name in _OF_ORDER else (first, second)
            one, other = np.where(exchanged, after, before), np.where(exchanged, before, after)
            found.append(metrics[name](targets, other, weights) - metrics[name](targets, one, weights))
        return np.abs(found)

    generator = np.random.default_rng(seed)
    observed = differences(np.zeros((len(targets), 1), dtype=bool))
    as_large, drawn = np.ones(len(names)), 0
    # Whether a p-value is above 0.05 is known once enough were as large (Besag and Clifford 1991).
    while drawn < _DRAWS and (as_large <= (1 - LEVEL) * (_DRAWS + 1)).any():
        as_large += ~(differences(generator.random((len(targets), 1)) < 1 / 2) < observed - _EQUAL)
        drawn += 1
    return dict(zip(names, (as_large / (drawn + 1)).tolist(), strict=True))


def _ranked(rows: Doubles) -> Doubles:
    """Row statistics of two labels, with ranks instead of scores."""
    from scipy.stats import rankdata  # importing it takes half a second

    return np.column_stack([rankdata(rows[:, 0]), rows[:, 1:]])

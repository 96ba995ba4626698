"""Differences that rest on a few records are no evidence, and those that rest on many are."""

import numpy as np
import pytest
from scipy import stats

from libelle.evaluation.bootstrap import paired_bootstrap
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.randomization import randomization_test, reach_zero_by_chance
from libelle.features import Floats, Ints

RULE = DecisionRule(["0", "1"])


def scores_of(positive: np.ndarray) -> Floats:
    return np.stack([1 - positive, positive], axis=1).astype(np.float32)


def compared(targets: Ints, first: Floats, second: Floats) -> dict[str, tuple[float, float, float]]:
    found = paired_bootstrap(targets, first, second, (RULE, RULE))
    guarded = reach_zero_by_chance(found, targets, (first, second), (RULE, RULE))
    return {name: (value.value, value.low, value.high) for name, value in guarded.items()}


def a_run(rows: int, positives: int) -> tuple[Ints, np.ndarray]:
    generator = np.random.default_rng(1)
    targets = (np.arange(rows) < positives).astype(np.int64)
    return targets, 1 / (1 + np.exp(-(generator.normal(size=rows) + 3 * targets - 2)))


def test_one_more_positive_missed_may_be_chance() -> None:
    targets, first = a_run(1000, 100)
    second = first.copy()
    second[np.flatnonzero((targets == 1) & (first > 0.6))[0]] = 0.1
    for value, low, high in compared(targets, scores_of(first), scores_of(second)).values():
        assert value != 0
        assert low <= 0 <= high


def test_many_positives_missed_are_more_than_chance() -> None:
    targets, first = a_run(1000, 100)
    second = first.copy()
    second[np.flatnonzero((targets == 1) & (first > 0.6))[:20]] = 0.1
    found = compared(targets, scores_of(first), scores_of(second))
    for name in ("average_precision", "roc_auc", "recall", "f1", "accuracy"):
        value, low, high = found[name]
        assert low < value < high < 0, name


def test_scores_on_another_scale_are_no_difference_in_order() -> None:
    targets, first = a_run(400, 60)
    found = compared(targets, scores_of(first), scores_of(first**2))
    assert found["average_precision"] == found["roc_auc"] == (0, 0, 0)
    p_values = randomization_test(
        ["average_precision", "log_loss"], targets, (scores_of(first), scores_of(first**20)), (RULE, RULE)
    )
    assert p_values["average_precision"] == 1
    assert p_values["log_loss"] < 0.05


@pytest.mark.parametrize(("only_first", "only_second"), [(1, 0), (6, 0), (9, 2), (30, 12)])
def test_of_decisions_it_is_the_exact_test_of_signs(only_first: int, only_second: int) -> None:
    targets = np.ones(200, np.int64)
    targets[:50] = 0
    first = np.where(targets == 1, 0.9, 0.1)
    second = first.copy()
    first[50 : 50 + only_second] = 0.2
    second[100 : 100 + only_first] = 0.2
    p_value = randomization_test(["accuracy"], targets, (scores_of(first), scores_of(second)), (RULE, RULE))["accuracy"]
    expected = stats.binomtest(only_first, only_first + only_second).pvalue
    assert p_value == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 200) + 1 / 200)

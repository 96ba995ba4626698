"""Metrics against scikit-learn and by hand, also where they are not defined."""

import json

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from helpers.scores import sample
from libelle.evaluation.answers import best
from libelle.evaluation.automatic_coding import surest_half
from libelle.evaluation.bootstrap import average_precision, metric_intervals, roc_auc
from libelle.evaluation.calibration import Beta
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.intervals import share_of
from libelle.evaluation.metrics import among_best, calibration_error, evaluate
from libelle.reports.run_sentences import headline

BINARY = ["codable", "non"]
MANY = ["a", "b", "c", "d"]


def two_columns(positive) -> np.ndarray:
    positive = np.asarray(positive, dtype=np.float32)
    return np.stack([1 - positive, positive], axis=1)


@pytest.fixture(scope="module")
def binary() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    targets = (generator.random(400) < 0.3).astype(np.int64)
    return targets, two_columns(np.clip(0.3 * targets + 0.7 * generator.random(400), 0, 1))


@pytest.fixture(scope="module")
def many() -> tuple[np.ndarray, np.ndarray]:
    """Four classes, the last without rows."""
    generator = np.random.default_rng(2)
    targets = generator.integers(0, 3, size=300)
    logits = generator.normal(size=(300, 4)) + 1.5 * np.eye(4)[targets]
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return targets, scores.astype(np.float32)


@pytest.mark.parametrize("threshold", [0.5, 0.8])
def test_binary_metrics_are_scikit_learns(binary, threshold):
    targets, scores = binary
    positive = scores[:, 1].astype(np.float64)
    decisions = positive >= threshold
    expected = {
        "average_precision": sk.average_precision_score(targets, positive),
        "roc_auc": sk.roc_auc_score(targets, positive),
        "log_loss": sk.log_loss(targets, positive),
        "brier": sk.brier_score_loss(targets, positive),
        "expected_calibration_error": binned_error(targets == 1, positive),
        "accuracy": sk.accuracy_score(targets, decisions),
        "balanced_accuracy": sk.balanced_accuracy_score(targets, decisions),
        "precision": sk.precision_score(targets, decisions),
        "recall": sk.recall_score(targets, decisions),
        "f1": sk.f1_score(targets, decisions),
        "fbeta_0.5": sk.fbeta_score(targets, decisions, beta=0.5),
        "fbeta_2": sk.fbeta_score(targets, decisions, beta=2),
        "cohen_kappa": sk.cohen_kappa_score(targets, decisions),
        "matthews_corrcoef": sk.matthews_corrcoef(targets, decisions),
        "npv": sk.precision_score(targets, decisions, pos_label=0),
        "fdr": 1 - sk.precision_score(targets, decisions),
    }
    found = evaluate(targets, scores, DecisionRule(BINARY, threshold))
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert found["rows"] == 400
    assert found["threshold"] == threshold


def test_binary_counts_and_rates_by_hand():
    targets = np.array([1, 1, 1, 0, 0, 0, 0])
    found = evaluate(targets, two_columns([0.9, 0.5, 0.2, 0.7, 0.1, 0.1, 0.1]), DecisionRule(BINARY))
    assert {name: found[name] for name in ("tn", "fp", "fn", "tp")} == {"tn": 3, "fp": 1, "fn": 1, "tp": 2}
    rates = {name: found[name] for name in ("tnr", "fpr", "fnr", "tpr", "npv", "fdr", "precision", "recall")}
    assert rates == pytest.approx(
        {
            "tnr": 3 / 4,
            "fpr": 1 / 4,
            "fnr": 1 / 3,
            "tpr": 2 / 3,
            "npv": 3 / 4,
            "fdr": 1 / 3,
            "precision": 2 / 3,
            "recall": 2 / 3,
        }
    )


def test_a_score_equal_to_the_threshold_is_positive():
    found = evaluate(np.array([1, 0]), two_columns([0.75, 0.25]), DecisionRule(BINARY, 0.75))
    assert (found["tp"], found["tn"]) == (1, 1)


def test_average_precision_needs_the_scores_and_not_the_decisions():
    targets = np.array([0, 0, 1, 1])
    found = evaluate(targets, two_columns([0.1, 0.2, 0.3, 0.4]), DecisionRule(BINARY))
    assert found["average_precision"] == found["roc_auc"] == 1
    assert found["recall"] == 0
    assert found["precision"] is None


@pytest.mark.parametrize("label", [0, 1])
def test_binary_with_one_class_leaves_out_what_is_not_defined(label):
    found = evaluate(np.full(5, label), two_columns([0.9, 0.8, 0.1, 0.2, 0.6]), DecisionRule(BINARY))
    assert found["average_precision"] is None
    assert found["roc_auc"] is None
    assert found["accuracy"] == pytest.approx([0.4, 0.6][label])
    json.dumps(found, allow_nan=False)


def test_multiclass_metrics_are_scikit_learns(many):
    targets, scores = many
    decisions = scores.argmax(axis=1)
    present = [0, 1, 2]
    wide = scores.astype(np.float64) / scores.astype(np.float64).sum(axis=1, keepdims=True)
    expected = {
        "accuracy": sk.accuracy_score(targets, decisions),
        "balanced_accuracy": sk.recall_score(targets, decisions, labels=present, average="macro"),
        "f1_macro": sk.f1_score(targets, decisions, labels=present, average="macro"),
        "precision_macro": sk.precision_score(targets, decisions, labels=present, average="macro"),
        "recall_macro": sk.recall_score(targets, decisions, labels=present, average="macro"),
        "top_k_accuracy": sk.top_k_accuracy_score(targets, scores, k=3, labels=range(4)),
        "log_loss": sk.log_loss(targets, wide, labels=range(4)),
        "cohen_kappa": sk.cohen_kappa_score(targets, decisions),
        "matthews_corrcoef": sk.matthews_corrcoef(targets, decisions),
        "brier": np.mean(np.sum((wide - np.eye(4)[targets]) ** 2, axis=1)),
        "expected_calibration_error": binned_error(decisions == targets, wide.max(axis=1)),
        "average_precision_macro": np.mean([sk.average_precision_score(targets == c, wide[:, c]) for c in present]),
        "roc_auc_macro": np.mean([sk.roc_auc_score(targets == c, wide[:, c]) for c in present]),
    }
    found = evaluate(targets, scores, DecisionRule(MANY))
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert found["top_k"] == 3


def test_each_class_has_its_own_metrics(many):
    targets, scores = many
    found = evaluate(targets, scores, DecisionRule(MANY))["classes"]
    assert list(found) == MANY
    assert [found[label]["rows"] for label in MANY] == np.bincount(targets, minlength=4).tolist()
    assert found["b"]["recall"] == pytest.approx(np.mean(scores[targets == 1].argmax(axis=1) == 1))
    assert found["d"]["average_precision"] is None
    assert found["d"]["roc_auc"] is None


def test_top_k_counts_five_labels_where_there_are_more():
    scores = np.tile(np.linspace(0.3, 0.01, 12, dtype=np.float32), (12, 1))
    found = evaluate(np.arange(12), scores, DecisionRule([f"{label:02}" for label in range(12)]))
    assert found["top_k"] == 5
    assert found["top_k_accuracy"] == pytest.approx(5 / 12)


def test_multiclass_with_rows_of_one_class():
    scores = np.full((3, 4), 0.25, dtype=np.float32)
    found = evaluate(np.array([2, 2, 2]), scores, DecisionRule(MANY))
    assert found["average_precision_macro"] is None
    assert found["roc_auc_macro"] is None
    assert found["accuracy"] == 0


def test_metrics_are_plain_json(binary, many):
    for targets, scores, labels in ((*binary, BINARY), (*many, MANY)):
        found = evaluate(targets, scores, DecisionRule(labels))
        assert json.loads(json.dumps(found, allow_nan=False)) == found


def binned_error(happened, scores):
    total = 0.0
    for b in range(15):
        inside = (scores > b / 15) & (scores <= (b + 1) / 15)
        if inside.any():
            total += inside.mean() * abs(happened[inside].mean() - scores[inside].mean())
    return total


def test_calibration_error_by_hand():
    # One bin holds 0.9 and 0.9, of which one happened; another 0.1, which did not.
    happened, scores = np.array([True, False, False]), np.array([0.9, 0.9, 0.1])
    assert calibration_error(happened, scores) == pytest.approx((2 * abs(0.5 - 0.9) + 0.1) / 3)
    assert calibration_error(happened[:0], scores[:0]) is None


def test_the_bootstrap_is_scipys():
    targets, scores = sample(2, 300)
    error = (scores[:, 1] - targets) ** 2
    found = metric_intervals(targets, scores, DecisionRule(["0", "1"]))["brier"]
    expected = stats.bootstrap((error,), np.mean, n_resamples=5000, method="percentile", rng=1).confidence_interval
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.01)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9)), min_size=2, max_size=40))
def test_ranking_metrics_of_resamples_are_scikit_learns(rows):
    targets, scores = np.array([row[0] for row in rows]), np.array([row[1] / 9 for row in rows])
    assume(0 < targets.sum() < len(targets))
    assert average_precision(targets, scores) == pytest.approx(sk.average_precision_score(targets, scores))
    assert roc_auc(targets, scores) == pytest.approx(sk.roc_auc_score(targets, scores))


def test_a_weighted_share_is_as_sure_as_its_weights_allow() -> None:
    targets, every = np.array([1] * 6 + [0] * 14), np.ones(20, dtype=bool)
    caught = targets == 1
    equal, none = share_of(caught, caught, np.full(20, 2.0)), share_of(caught, caught)
    assert (equal.value, equal.low, equal.high) == pytest.approx((none.value, none.low, none.high))
    assert none.low == pytest.approx(0.61, abs=0.01)
    unequal = share_of(caught, every, np.linspace(0.1, 3, 20))
    assert unequal.value == pytest.approx(np.average(caught, weights=np.linspace(0.1, 3, 20)))
    flat = share_of(np.arange(20) < 3, every)
    assert unequal.high - unequal.low > flat.high - flat.low
    assert np.isnan(share_of(caught, caught, np.zeros(20)).value)


def test_among_the_best_is_what_answers_list_also_where_scores_are_equal() -> None:
    generator = np.random.default_rng(1)
    scores = (generator.integers(3, size=(200, 6)) / 4).astype(np.float32)
    scores[:, 0] += 1e-3
    scores /= scores.sum(axis=1, keepdims=True)
    targets = generator.integers(6, size=200)
    for count in (1, 2, 5):
        listed = np.stack(list(best(scores, count)), axis=1)
        assert (among_best(targets, scores, count) == (listed == targets[:, None]).any(axis=1)).all()
    rule = DecisionRule([*"abcdef"])
    expected = among_best(targets, scores, 5).mean()
    assert evaluate(targets, scores, rule)["top_k_accuracy"] == pytest.approx(expected)
    assert metric_intervals(targets, scores, rule)["top_k_accuracy"].value == pytest.approx(expected)
    assert f"For {100 * expected:.0f} (" in headline(targets, scores, rule)[1]


def test_the_surest_half_does_not_depend_on_the_order_of_equal_scores() -> None:
    targets, rule = np.array([0] * 50 + [1] * 50), DecisionRule(MANY)
    scores = np.tile(np.float32([0.7, 0.1, 0.1, 0.1]), (100, 1))
    assert surest_half(targets, scores, rule).value == surest_half(targets[::-1], scores, rule).value == 0.5
    scores[:10] = [0.8, 0.1, 0.1, 0]
    assert surest_half(targets, scores, rule).value == pytest.approx((10 + 40 * 40 / 90) / 50)


@pytest.mark.parametrize("labels", [BINARY, MANY])
def test_rows_that_weigh_nothing_are_as_if_they_were_not_there(labels: list[str]) -> None:
    targets, scores = sample(len(labels), 60)
    weights = np.where(targets == 1, 0.0, np.linspace(0.5, 2, 60))
    kept, rule = weights > 0, DecisionRule(labels)
    found, expected = (
        evaluate(targets, scores, rule, weights),
        evaluate(targets[kept], scores[kept], rule, weights[kept]),
    )
    for counted in (found, expected):  # rows are rows all the same
        del counted["rows"]
        for label in counted.get("classes", {}).values():
            del label["rows"]
    assert found == expected
    with_them, without = (
        metric_intervals(targets, scores, rule, weights=weights),
        metric_intervals(targets[kept], scores[kept], rule, weights=weights[kept]),
    )
    for name, value in without.items():
        assert vars(with_them[name]) == pytest.approx(vars(value), nan_ok=True)
    calibrations = [Beta().fit(scores, targets, weights), Beta().fit(scores[kept], targets[kept], weights[kept])]
    np.testing.assert_array_equal(*(calibration.transform(scores) for calibration in calibrations))

"""Row weights in training: a row of weight 2 is two rows, and one of weight 0 is none."""

from pathlib import Path

import numpy as np
import pytest

from helpers.households import encoding_of, make_households
from libelle.data.columns import from_frame
from libelle.evaluation.bootstrap import metrics_of, paired_bootstrap, row_statistics
from libelle.evaluation.calibration import Beta, Calibration, Isotonic, Temperature
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.metrics import evaluate
from libelle.features import Dataset, Features
from libelle.models.base import Training
from libelle.models.linear import LinearSVM, LogisticRegression, NaiveBayes
from libelle.models.linear_path import solve
from libelle.models.linear_rows import Rows
from libelle.models.mlp import MLP
from libelle.models.network import LossConfig
from libelle.models.transformer import Transformer
from libelle.models.trees import DecisionTree, XGBoost
from libelle.processes.tfidf import Tfidf
from libelle.processes.tokens import Tokens

ROWS = 300
TABLE = make_households(ROWS)
TARGETS = TABLE["label"].astype("int64").to_numpy()
COUNTS = np.random.default_rng(0).integers(0, 4, size=ROWS)
REPEATED = np.arange(ROWS).repeat(COUNTS)
WEIGHTS = COUNTS.astype(np.float64)
MODELS = {
    "logreg": lambda balanced: LogisticRegression(class_weights=balanced, C=0.1, max_iter=5000),
    "naive_bayes": lambda balanced: NaiveBayes(class_weights=balanced),
    "tree": lambda balanced: DecisionTree(class_weights=balanced, max_depth=3, min_samples_leaf=1),
    "xgboost": lambda balanced: XGBoost(class_weights=balanced, rounds=5, min_child_weight=0),
}


def features_of(process: Tfidf | Tokens) -> Features:
    return encoding_of(process, TABLE).transform(from_frame(TABLE[["job", "region", "age"]]))


@pytest.mark.parametrize("balanced", ["none", "balanced"])
@pytest.mark.parametrize("name", MODELS)
def test_a_row_of_weight_two_is_two_rows(name: str, balanced: str, tmp_path: Path) -> None:
    features = features_of(Tfidf())
    weighted = Dataset(features, TARGETS, WEIGHTS)
    repeated = Dataset(features, TARGETS).take(REPEATED)
    empty = weighted.take(np.empty(0, np.int64))
    scores = [MODELS[name](balanced).fit(data, empty, 2, Training(tmp_path)).predict_proba(features)
              for data in (weighted, repeated)]  # fmt: skip
    np.testing.assert_allclose(*scores, atol=2e-3)


def test_the_svm_and_its_calibration_follow_the_weights(tmp_path: Path) -> None:
    features = features_of(Tfidf())
    weighted, repeated = Dataset(features, TARGETS, WEIGHTS), Dataset(features, TARGETS).take(REPEATED)
    scores = [LinearSVM().fit(data, data, 2, Training(tmp_path)).predict_proba(features)
              for data in (weighted, repeated)]  # fmt: skip
    np.testing.assert_allclose(*scores, atol=0.02)


def test_the_linear_path_is_solved_by_weights() -> None:
    features = features_of(Tokens())
    signs = np.where(TARGETS == 1, np.float32(1), np.float32(-1))[:, None]
    weighted, constant = solve(Rows.of(features), signs, WEIGHTS, 0.5)
    again, other = solve(Rows.of(features.take(REPEATED)), signs[REPEATED], np.ones(len(REPEATED)), 0.5)
    matrix = (Rows.of(features).items @ Rows.of(features).parts).toarray()
    np.testing.assert_allclose(matrix @ weighted + constant, matrix @ again + other, atol=0.02)


@pytest.mark.parametrize("balanced", ["none", "balanced"])
@pytest.mark.parametrize("model", [MLP, Transformer])
def test_rows_of_weight_zero_teach_a_network_nothing(model: type[MLP], balanced: str, tmp_path: Path) -> None:
    features = features_of(Tokens())
    wrong = np.random.default_rng(1).random(ROWS) < 0.7
    data = Dataset(features, np.where(wrong, 1 - TARGETS, TARGETS), np.where(wrong, 0, 1 / (1 - wrong.mean())))
    fitted = model(loss=LossConfig(class_weights=balanced))  # type: ignore[arg-type]
    fitted.fit(data, data, 2, Training(tmp_path, trainer={"max_epochs": 8, "accelerator": "cpu"}))
    assert (fitted.predict_proba(features).argmax(axis=1) == TARGETS).mean() > 0.8


@pytest.mark.parametrize("method", [Temperature, Beta, Isotonic])
def test_calibration_is_weighted(method: type[Calibration]) -> None:
    generator = np.random.default_rng(2)
    scores = np.clip(generator.random(ROWS) * 0.4 + TARGETS * 0.4, 0.01, 0.99).astype(np.float32)
    probabilities = np.stack([1 - scores, scores], axis=1)
    weighted = method().fit(probabilities, TARGETS, WEIGHTS).transform(probabilities)
    repeated = method().fit(probabilities[REPEATED], TARGETS[REPEATED]).transform(probabilities)
    np.testing.assert_allclose(weighted[COUNTS > 0], repeated[COUNTS > 0], atol=1e-3)


def scored(labels: int) -> tuple[np.ndarray, np.ndarray, DecisionRule]:
    generator = np.random.default_rng(3)
    targets = generator.integers(labels, size=ROWS)
    scores = generator.random((ROWS, labels)) + np.eye(labels)[targets] * 0.5
    scores = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    return targets, scores, DecisionRule([str(label) for label in range(labels)])


@pytest.mark.parametrize("labels", [2, 7])
def test_every_metric_is_that_of_the_repeated_rows(labels: int) -> None:
    targets, scores, rule = scored(labels)
    weighted = evaluate(targets, scores, rule, WEIGHTS)
    repeated = evaluate(targets[REPEATED], scores[REPEATED], rule)
    assert (weighted.pop("rows"), weighted.pop("weight")) == (ROWS, repeated.pop("rows"))
    classes, others = weighted.pop("classes", {}), repeated.pop("classes", {})
    assert weighted == pytest.approx(repeated)
    for label, values in classes.items():
        assert values.pop("rows") == (targets == int(label)).sum()
        others[label].pop("rows")
        assert values == pytest.approx(others[label])


@pytest.mark.parametrize("labels", [2, 7])
def test_the_metrics_of_the_intervals_are_the_weighted_ones(labels: int) -> None:
    targets, scores, rule = scored(labels)
    values = evaluate(targets, scores, rule, WEIGHTS)
    rows = row_statistics(targets, scores, rule)
    for name, metric in metrics_of(rule).items():
        assert metric(targets, rows, WEIGHTS) == pytest.approx(values[name], abs=1e-6), name
    none = paired_bootstrap(targets, scores, scores, (rule, rule), weights=WEIGHTS)
    assert {(found.value, found.low, found.high) for found in none.values()} == {(0, 0, 0)}

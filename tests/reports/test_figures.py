"""What the figures of reports show, against scikit-learn or counts by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from helpers.scores import sample
from libelle.evaluation.calibration import Isotonic
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.intervals import share


def rule_of(classes):
    return DecisionRule([str(label) for label in range(classes)])


def lines(axes):
    return {line.get_label(): np.array(line.get_xydata()) for line in axes.lines}


def test_ranking_curves_are_scikit_learns(drawn):
    targets, scores = sample(2)
    left, right = drawn.ranking({"test": (targets, scores)}).axes
    precision, recall, _ = sk.precision_recall_curve(targets, scores[:, 1])
    np.testing.assert_allclose(lines(left)["test"], np.stack([recall, precision], axis=1))
    assert lines(left)["set aside at random"][0, 1] == targets.mean()
    false, true, _ = sk.roc_curve(targets, scores[:, 1])
    np.testing.assert_allclose(lines(right)["test"], np.stack([false, true], axis=1))


def test_threshold_and_workload_curves_are_those_of_each_threshold(drawn):
    targets, scores = sample(2)
    left, right = drawn.thresholds({"test": (targets, scores)}, 0.5).axes
    for threshold, precision in lines(left)["precision"]:
        flagged = scores[:, 1] >= threshold
        assert precision == pytest.approx(sk.precision_score(targets, flagged))
    for threshold, recall in lines(left)["recall"]:
        assert recall == pytest.approx(sk.recall_score(targets, scores[:, 1] >= threshold))
    shares = [np.mean(scores[:, 1] >= threshold) for threshold, _ in lines(left)["precision"]]
    np.testing.assert_allclose(lines(right)["set aside rightly"][:, 0], shares)
    np.testing.assert_allclose(lines(right)["set aside rightly"][:, 1], lines(left)["precision"][:, 1])
    np.testing.assert_allclose(lines(right)["caught"][:, 1], lines(left)["recall"][:, 1])
    assert lines(left)["threshold 0.5"][0, 0] == 0.5


def test_automatic_coding_is_accuracy_on_the_share_that_is_coded(drawn):
    targets, scores = sample(5)
    left, right = drawn.automatic_coding({"test": (targets, scores)}, rule_of(5)).axes
    decisions, surest = scores.argmax(axis=1), scores.max(axis=1)
    accuracies, shares = (np.array(line.get_xydata()) for line in right.lines[:2])
    for threshold, accuracy in accuracies:
        coded = surest >= threshold
        assert accuracy == pytest.approx(sk.accuracy_score(targets[coded], decisions[coded]))
    for threshold, part in shares:
        assert part == pytest.approx(np.mean(surest >= threshold))
    np.testing.assert_allclose(lines(left)["test"], np.stack([shares[:, 1], accuracies[:, 1]], axis=1))


def joined(places):
    """The group of each row: bins from the lowest on, until they hold 20 rows; the rest with the last."""
    groups, rows, group = np.zeros(10, dtype=int), 0, 0
    for place in range(10):
        groups[place] = group
        rows += (places == place).sum()
        if rows >= 20:
            group, rows = group + 1, 0
    return np.minimum(groups, group - 1)[places]


@pytest.mark.parametrize("classes", [2, 4])
def test_reliability_is_drawn_before_and_after_calibration(drawn, classes):
    before = {"validation": sample(classes, 2000, seed=1), "test": sample(classes, 2000, seed=2)}
    fitted = Isotonic().fit(before["validation"][1], before["validation"][0])
    after = {name: (targets, fitted.transform(scores)) for name, (targets, scores) in before.items()}
    panels = drawn.calibration(after, rule_of(classes), before).axes
    assert [axes.get_title(loc="left") for axes in panels[::2]] == ["before calibration", "after calibration"]
    for axes, below, runs in zip(panels[::2], panels[1::2], (before, after), strict=True):
        bars = {container.get_label(): container for container in axes.containers}
        for (name, (targets, scores)), counted in zip(runs.items(), below.patches, strict=True):
            happened = targets == 1 if classes == 2 else scores.argmax(axis=1) == targets
            decisive = scores[:, 1] if classes == 2 else scores.max(axis=1)
            groups = joined(np.minimum((decisive.astype(float) * 10).astype(int), 9))
            points = [
                (decisive[groups == group].mean(), happened[groups == group].mean())
                for group in range(groups.max() + 1)
            ]
            line, _, (whiskers,) = bars[name]
            np.testing.assert_allclose(line.get_xydata(), points, atol=1e-6)
            for group, whisker in enumerate(whiskers.get_segments()):
                interval = share(int(happened[groups == group].sum()), int((groups == group).sum()))
                assert whisker[:, 1] == pytest.approx([interval.low, interval.high])
            heights = counted.get_xy()[:, 1].max()
            assert heights == np.histogram(decisive, bins=40, range=(0, 1))[0].max()


def test_confusion_is_scikit_learns(drawn):
    targets, scores = sample(4)
    counts = sk.confusion_matrix(targets, scores.argmax(axis=1))
    (axes,) = drawn.confusion(counts, list("abcd")).axes
    shown = {text.get_position(): int(text.get_text() or 0) for text in axes.texts}
    assert shown == {(column, row): counts[row, column] for row, column in np.ndindex(4, 4)}


def test_curves_by_epoch_are_the_loggers(drawn):
    epochs = pd.DataFrame(
        {"epoch": [0, 0, 1, 1], "train_loss": [0.5, None, 0.3, None], "validation_loss": [None, 0.6, None, 0.4],
         "validation_accuracy": [None, 0.7, None, 0.8]}
    )  # fmt: skip
    left, right = drawn.history(epochs).axes
    assert lines(left)["train loss"].tolist() == [[1, 0.5], [2, 0.3]]
    assert lines(left)["validation loss"].tolist() == [[1, 0.6], [2, 0.4]]
    assert lines(right)["validation accuracy"].tolist() == [[1, 0.7], [2, 0.8]]


@pytest.mark.parametrize("runs", [2, 6])
@pytest.mark.parametrize("name", ["ranking", "thresholds", "automatic_coding", "calibration"])
def test_no_legend_covers_what_is_drawn(drawn: Any, name: str, runs: int) -> None:
    generator = np.random.default_rng(1)
    classes = 3 if name == "automatic_coding" else 2
    targets = generator.integers(classes, size=200)
    scored = {}
    for number in range(runs):
        scores = generator.dirichlet(np.ones(classes), size=200).astype(np.float32)
        scored[f"2026-11-23_{number} LogisticRegression"] = (targets, scores)
    more = {"ranking": [], "thresholds": [None]}.get(name, [rule_of(classes)])
    for figure in getattr(drawn, name)(scored, *more).figures:
        figure.draw_without_rendering()
        (legend,) = figure.legends
        texts = [text.get_text() for text in legend.get_texts()]
        assert set(scored) <= set(texts)
        assert legend.get_window_extent().x0 >= 0
        assert legend.get_window_extent().x1 <= figure.bbox.x1
        for axes in figure.axes:
            assert axes.get_legend() is None
            assert not axes.get_tightbbox().overlaps(legend.get_window_extent())

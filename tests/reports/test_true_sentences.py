"""What pages say is so: one interval for one figure, words that are words, points where their values are."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.page_texts import texts_of
from helpers.run_pages import page_of
from helpers.scores import sample
from helpers.sweep_folders import draw, write_sweep
from helpers.tiny import make_forms, tiny_plan
from libelle.evaluation.bootstrap import metric_intervals, paired_bootstrap, resamples
from libelle.evaluation.curve import figures as threshold_figures
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.field_worth import is_word
from libelle.evaluation.reliability import FEWEST_RECORDS, reliability
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.reports import sweep_figures
from libelle.reports.run_sentences import headline
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.training.workflow import full
from libelle.tuning.sweep import Sweep


def test_an_interval_holds_its_figure_also_where_most_labels_are_rare() -> None:
    generator = np.random.default_rng(3)
    labels = 400
    for seed in range(5):
        targets = np.concatenate([generator.integers(labels, size=500), np.zeros(300, dtype=np.int64)])
        scores = generator.random((800, labels)).astype(np.float32)
        scores[np.arange(800), targets] += generator.random(800) < 0.6
        scores /= scores.sum(axis=1, keepdims=True)
        rule = DecisionRule([str(label) for label in range(labels)])
        for name, interval in metric_intervals(targets, scores, rule, seed=seed).items():
            assert interval.low <= interval.value <= interval.high, name


@pytest.mark.parametrize("weighted", [False, True])
def test_rows_without_a_mistake_do_not_show_that_others_have_none(weighted: bool) -> None:
    targets = np.arange(30) % 2
    positive = np.where(targets == 1, np.linspace(0.6, 0.9, 30), np.linspace(0.1, 0.4, 30)).astype(np.float32)
    scores, rule = np.stack([1 - positive, positive], axis=1), DecisionRule(["0", "1"])
    weights = np.linspace(0.1, 3, 30) if weighted else None
    found = metric_intervals(targets, scores, rule, weights=weights)
    for name in ("average_precision", "roc_auc", "f1"):
        assert found[name].value == pytest.approx(1)
        assert np.isnan([found[name].low, found[name].high]).all()
    assert found["accuracy"].low < 0.9
    assert found["brier"].low < found["brier"].high
    difference = paired_bootstrap(targets, scores, scores, (rule, rule), weights=weights)["roc_auc"]
    assert (difference.value, difference.low, difference.high) == (0, 0, 0)


def test_an_interval_does_not_depend_on_the_order_of_the_rows() -> None:
    for classes in (2, 4):
        targets, scores = sample(classes, 300)
        rule = DecisionRule([str(label) for label in range(classes)])
        order = np.random.default_rng(1).permutation(300)
        first, second = metric_intervals(targets, scores, rule), metric_intervals(targets[order], scores[order], rule)
        for name, interval in first.items():
            assert (interval.low, interval.high) == pytest.approx((second[name].low, second[name].high), abs=1e-12)


def test_precision_has_one_interval_in_the_headline_the_table_and_the_threshold() -> None:
    targets, scores = sample(2, 300)
    rule = DecisionRule(["no", "yes"])
    found = metric_intervals(targets, scores, rule)
    for request in (ThresholdRequest(value=0.5), ThresholdRequest(precision=0.5, confidence=0.99)):
        chosen = threshold_figures(targets == 1, scores[:, 1], 0.5, request)
        for name in ("precision", "recall"):
            assert chosen[name] == pytest.approx(vars(found[name]))
    precision = found["precision"]
    said = f"{precision.value * 100:.0f} ({precision.low * 100:.0f}–{precision.high * 100:.0f})"
    assert f"set aside as label yes, {said} truly are" in headline(targets, scores, rule)[0]


def test_punctuation_and_markers_are_no_words() -> None:
    assert [
        text for text in ("pain", "l'été", "75012", "(chef)", ",", "-", "<missing>", "…", "&") if is_word(text)
    ] == [
        "pain",
        "l'été",
        "75012",
        "(chef)",
    ]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of a run on forms whose texts hold punctuation."""
    folder = tmp_path_factory.mktemp("words")
    forms = make_forms(1000)
    forms["job"] = forms["job"] + " , ; (e) <missing> -"
    forms.to_csv(folder / "forms.csv", index=False)
    plan = tiny_plan(folder)
    plan.source.name = "bulletins"
    return page_of(Run.open(plan.store, RunId.parse(full(plan).run_id)))


def test_words_of_the_page_stand_in_the_order_of_their_numbers(page: str) -> None:
    cell = re.findall(r"<tr><td>job</td><td>(.*?)</td></tr>", page)[0]
    words = re.findall(r"<code>(.*?)</code>", cell)
    numbers = [abs(float(text.replace("−", "-"))) for text in re.findall(r"</code> ([+−][\d.]+)", cell)]
    assert len(words) == len(numbers) > 3
    assert numbers == sorted(numbers, reverse=True)
    assert not {",", ";", "-", "&lt;missing&gt;"} & set(words)
    # Most words are left out of 20 of the records that hold them, and the page says of how many.
    counts = [tuple(map(int, found)) for found in re.findall(r"\((\d+) of (\d+)\)", cell)]
    assert counts
    assert all(some == 20 < held for some, held in counts)


def test_the_page_says_what_it_is_about_and_on_what_its_intervals_rest(page: str) -> None:
    heading = re.findall(r"<h1>(.*?)</h1>", page)[0]
    assert "on bulletins, label 1 or 0" in heading
    assert f"on {resamples(150)} resamples of the test records" in page
    assert "score of label 1" in page
    assert "flagged" not in page
    assert re.search(r"<details>\s*<summary>The whole config</summary>\s*<pre", page)


def test_the_page_says_nothing_of_zero_records(page: str) -> None:
    said = [text for text in texts_of(page) if re.search(r"(?<![\d.,])0 (\w+ )?records?\b", text)]
    assert said == []


def test_a_point_of_the_reliability_diagram_stands_for_enough_records() -> None:
    targets, scores = sample(2, 300)
    scores[:, 1] **= 4
    scores[:, 0] = 1 - scores[:, 1]
    bins, _ = reliability(targets, scores, DecisionRule(["0", "1"]))
    assert len(bins) > 2
    assert min(item.rows for item in bins) >= FEWEST_RECORDS
    assert sum(item.rows for item in bins) == 300
    few, _ = reliability(targets[:7], scores[:7], DecisionRule(["0", "1"]))
    assert [item.rows for item in few] == [7]


def test_points_of_a_sweep_stand_at_their_values(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    trials = draw(60)
    trials[7]["value"] = 500.0
    sweep = Sweep.read(write_sweep(tmp_path / "s", trials))
    drawn: list[Any] = []
    monkeypatch.setattr(sweep_figures, "side_by_side", lambda *figures: drawn.extend(figures) or "")
    sweep_figures.slices(sweep, sweep.parameters)
    panels = {figure.axes[0].get_xlabel(): figure.axes[0] for figure, _ in drawn}
    for parameter in sweep.parameters:
        axes = panels[parameter.key]
        shown = sorted((float(x), float(y)) for part in axes.collections[:2] for x, y in part.get_offsets())
        expected = [(parameter.position(trial), float(trial.value or 0)) for trial in sweep.ranked]
        # One value is off the scale: a hollow point at the edge.
        edge = max(y for _, y in shown)
        assert edge < 100
        assert np.isclose(shown, sorted((x, min(y, edge)) for x, y in expected if not np.isnan(x))).all()


def test_no_label_lies_off_its_axis_where_a_category_only_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trials = draw(20)
    for trial in trials:
        if trial["overrides"]["model"] == "small":
            trial |= {"status": "failed", "value": None, "error": "x"}
    sweep = Sweep.read(write_sweep(tmp_path / "s", trials))
    monkeypatch.setattr(sweep_figures, "svg", lambda figure, _: figure)
    figure: Any = sweep_figures.coordinates(sweep, sweep.parameters)
    texts = pd.DataFrame([(text.get_position()[1], text.get_text()) for text in figure.axes[0].texts])
    assert texts[0].between(-0.13, 1.001).all()
    assert "small" not in set(texts[1])

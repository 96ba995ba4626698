"""Runs compared: numbers against scipy, scikit-learn and statsmodels."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from helpers.comparing import put_predictions, runs_in
from helpers.tiny import make_forms, tiny_plan
from libelle.errors import UserError
from libelle.evaluation.comparison import compare, holm, verdict
from libelle.evaluation.intervals import Interval
from libelle.evaluation.outcomes import predictions
from libelle.evaluation.threshold import decide, save
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.reports.comparison_report import make_page
from libelle.runs.run import Run
from libelle.training.workflow import full


@pytest.fixture
def place(compared: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    shutil.copytree(compared, tmp_path / "place")
    return tmp_path / "place"


def test_numbers_are_those_of_other_libraries(compared: Path) -> None:
    first, second, _ = runs_in(compared)
    tables = [predictions(run)[1].query("split == 'test'").set_index("id") for run in (first, second)]
    comparison = compare([first, second])
    (difference,) = comparison.differences
    targets = (tables[0]["target"] == "1").to_numpy().astype(int)
    scores = [table.loc[tables[0].index, "score_1"].to_numpy(dtype=np.float64) for table in tables]
    for name, metric in (("average_precision", sk.average_precision_score), ("roc_auc", sk.roc_auc_score)):
        values = [metric(targets, score) for score in scores]
        assert [run.intervals[name].value for run in comparison.candidates] == pytest.approx(values)
        assert difference.metrics[name].value == pytest.approx(values[1] - values[0])

    right = [(score >= 0.5) == targets for score in scores]
    table = [[sum(a & b), sum(a & ~b)] for a, b in [right, [~right[0], right[1]]]]
    reference = mcnemar([[table[0][0], table[0][1]], [table[1][0], table[1][1]]], exact=True)
    assert difference.p == pytest.approx(reference.pvalue)
    assert (difference.only_first, difference.only_this) == (table[0][1], table[1][0])

    alone = f"{second.id} alone is right on {table[1][0]} of the test records, {first.id} alone on {table[0][1]}: "
    assert comparison.decisions(difference).startswith(alone)

    # The Brier score is a mean over records: its paired bootstrap is scipy's of the records' differences.
    own = (scores[1] - targets) ** 2 - (scores[0] - targets) ** 2
    interval = stats.bootstrap((own,), np.mean, method="percentile", n_resamples=5000, rng=0).confidence_interval
    found = difference.metrics["brier"]
    assert found.value == pytest.approx(own.mean(), abs=1e-7)
    width = interval.high - interval.low
    assert (found.low, found.high) == pytest.approx(tuple(interval), abs=0.15 * width)


@pytest.mark.slow
@settings(max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holms_correction_is_that_of_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))


@pytest.mark.parametrize(
    ("metric", "interval", "sentence"),
    [
        (
            "roc_auc",
            Interval(0.012, 0.004, 0.020),
            "B is better than A in roc_auc by 0.0120 (0.0040 to 0.0200): more than chance.",
        ),
        (
            "roc_auc",
            Interval(-0.012, -0.02, 0.001),
            "B is worse than A in roc_auc by 0.0120 (-0.0010 to 0.0200): may be chance.",
        ),
        (
            "log_loss",
            Interval(-0.012, -0.02, -0.004),
            "B is better than A in log_loss by 0.0120 (0.0040 to 0.0200): more than chance.",
        ),
        ("brier", Interval(0.01, 0.0, 0.02), "B is worse than A in brier by 0.0100 (0.0000 to 0.0200): may be chance."),
        (
            "roc_auc",
            Interval(0.00021, 0.00003, 0.0004),
            "B is better than A in roc_auc by 0.00021 (0.00003 to 0.00040): more than chance.",
        ),
        ("f1", Interval(0.0, 0.0, 0.0), "B and A are equal in f1."),
        ("f1", Interval(np.nan, np.nan, np.nan), "f1 is not defined on these records."),
    ],
)
def test_a_verdict_says_which_is_better_and_whether_by_chance(metric: str, interval: Interval, sentence: str) -> None:
    assert verdict(metric, interval, "B", "A") == sentence


def test_the_order_of_records_does_not_matter(place: Path) -> None:
    first, second, _ = runs_in(place)
    before = compare([first, second]).differences[0]
    put_predictions(second, predictions(second)[1].sample(frac=1, random_state=1))
    after = compare([first, Run.open(second.store, second.id)]).differences[0]
    assert (before.metrics, before.p) == (after.metrics, after.p)


def test_each_run_is_taken_at_its_own_threshold(place: Path) -> None:
    first, second, _ = runs_in(place)
    save(second, decide(second, ThresholdRequest(value=0.3)))
    comparison = compare([first, Run.open(second.store, second.id)])
    assert [run.rule.threshold for run in comparison.candidates] == [0.5, 0.3]
    scores = comparison.candidates[1].scores[:, 1].astype(np.float64)
    recall = comparison.candidates[1].intervals["recall"].value
    assert recall == pytest.approx(sk.recall_score(comparison.targets, scores >= 0.3))


def test_runs_with_different_positive_labels_are_refused(place: Path) -> None:
    first, second, _ = runs_in(place)
    about = second.read_json("data.json")
    swapped = json.dumps({**about, "labels": about["labels"][::-1]}).encode()
    second.change("data.json", lambda _: swapped)
    with pytest.raises(UserError, match=r"different positive labels \(1 and 0\); .*data\.positive"):
        compare([first, Run.open(second.store, second.id)])


def test_multiclass_runs_are_compared_by_accuracy(tmp_path: Path) -> None:
    forms = make_forms(300)
    forms["label"] += forms["town"].isin(["Lyon", "Brest"]).map({True: "a", False: "b"})
    forms.to_csv(tmp_path / "forms.csv", index=False)
    for epochs in (1, 3):
        full(tiny_plan(tmp_path, trainer={"max_epochs": epochs, "accelerator": "cpu"}))
    comparison = compare(runs_in(tmp_path))
    right = [run.right for run in comparison.candidates]
    assert next(iter(comparison.differences[0].metrics)) == "accuracy"
    assert comparison.differences[0].metrics["accuracy"].value == pytest.approx(right[1].mean() - right[0].mean())
    assert "Automatic coding" in make_page(comparison)


def test_records_of_one_class_still_make_a_page(place: Path) -> None:
    pair = runs_in(place)[:2]
    for run in pair:
        table = predictions(run)[1]
        put_predictions(run, table[(table["split"] != "test") | (table["target"] == "1")])
    page = make_page(compare([Run.open(run.store, run.id) for run in pair]))
    assert "average_precision is not defined on these records" in page

"""Runs compared: numbers against scipy and statsmodels, the command, its page and its refusals."""

import io
import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from helpers.scripts import call
from helpers.tiny import make_forms, tiny_plan
from libelle.data.source import FileSource
from libelle.errors import UserError
from libelle.evaluation.comparison import MOST_RUNS, compare, holm, verdict
from libelle.evaluation.intervals import Interval
from libelle.evaluation.threshold import decide, predictions, save
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.reports import figures
from libelle.reports.comparison_report import make_page
from libelle.runs.ids import RunId
from libelle.runs.run import FAILED, Run
from libelle.stores.local import LocalStore
from libelle.training.plan import Provenance
from libelle.training.workflow import full


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with three runs on the same forms."""
    folder = tmp_path_factory.mktemp("compared")
    make_forms(400).to_csv(folder / "forms.csv", index=False)
    for epochs, seed in ((1, 1), (4, 1), (3, 2)):
        trainer = {"max_epochs": epochs, "accelerator": "cpu"}
        provenance = Provenance(config={"seed": seed, "trainer": trainer})
        full(tiny_plan(folder, trainer=trainer, seed=seed, provenance=provenance))
    return folder


@pytest.fixture
def place(folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    shutil.copytree(folder, tmp_path / "place")
    return tmp_path / "place"


def runs_in(place: Path) -> list[Run]:
    store = LocalStore(root=str(place / "store"))
    (day,) = store.folders("runs/")
    ids = sorted(RunId.parse(f"{day}_{number}") for number in store.folders(f"runs/{day}/"))
    return [Run.open(store, run_id) for run_id in ids]


def put_predictions(run: Run, table: pd.DataFrame) -> None:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    run.change("predictions.parquet", lambda _: buffer.getvalue())


def test_numbers_are_those_of_other_libraries(folder: Path) -> None:
    first, second, _ = runs_in(folder)
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

    # The Brier score is a mean over records: its paired bootstrap is scipy's of the records' differences.
    own = (scores[1] - targets) ** 2 - (scores[0] - targets) ** 2
    interval = stats.bootstrap((own,), np.mean, method="percentile", n_resamples=5000, rng=0).confidence_interval
    found = difference.metrics["brier"]
    assert found.value == pytest.approx(own.mean(), abs=1e-7)
    width = interval.high - interval.low
    assert (found.low, found.high) == pytest.approx(tuple(interval), abs=0.15 * width)


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


def test_runs_of_many_classes_are_compared_by_accuracy(tmp_path: Path) -> None:
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


def test_the_command_writes_a_page_that_needs_no_other_file(folder: Path, tmp_path: Path) -> None:
    ids = [str(run.id) for run in runs_in(folder)]
    answer = call("runs.py", "compare", *ids, f"store.root={folder / 'store'}", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    for run_id in ids[1:]:
        assert re.search(rf"{run_id} (is (better|worse) than|and) {ids[0]} .*in average_precision", answer.stdout)
    assert "corrected for 2 comparisons" in answer.stdout
    assert answer.stdout.rstrip().endswith("comparison.html")
    page = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["comparison.html"]
    assert not re.search(r"""(src|href)=["']?(https?:)?//|<script|@import|url\(http""", page)
    assert len(page) < 1_000_000
    assert page.count("<svg") == 3
    for words in (*ids, "trainer.max_epochs", "Holm", "may be chance", "duration"):
        assert words in page
    assert "metrics.test" not in page


def test_programs_get_the_comparison_as_json(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("libelle.evaluation.bootstrap.RESAMPLES", 20)
    first, second, third = runs_in(place)
    save(second, decide(second, ThresholdRequest(value=0.3)))
    ids = [str(run.id) for run in (first, second, third)]
    answer = call("runs.py", "compare", *ids, "format=json", cwd=place)
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    comparison = compare([Run.open(run.store, run.id) for run in (first, second, third)])
    assert [run["run_id"] for run in told["runs"]] == ids
    assert [run["threshold"] for run in told["runs"]] == [0.5, 0.3, 0.5]
    for run, candidate in zip(told["runs"], comparison.candidates, strict=True):
        assert run["metrics"] == {name: asdict(interval) for name, interval in candidate.intervals.items()}
    for found, difference in zip(told["differences"], comparison.differences, strict=True):
        assert (found["run_id"], found["from"]) == (difference.candidate.run_id, ids[0])
        assert (found["p"], found["p_holm"]) == (difference.p, difference.p_holm)
        assert {name: metric.pop("verdict") for name, metric in found["metrics"].items()} == comparison.verdicts(
            difference
        )
        assert found["metrics"] == {name: asdict(interval) for name, interval in difference.metrics.items()}
        assert found["decisions"] == comparison.decisions(difference)
    assert told["records"] == len(comparison.targets)
    assert told["config"]["config.trainer.max_epochs"] == dict(zip(ids, (1, 4, 3), strict=True))
    assert (place / told["report"]).exists()


def test_a_metric_that_is_not_defined_is_null_in_json(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("libelle.evaluation.bootstrap.RESAMPLES", 20)
    pair = runs_in(place)[:2]
    for run in pair:
        table = predictions(run)[1]
        put_predictions(run, table[(table["split"] != "test") | (table["target"] == "1")])
    told = json.loads(call("runs.py", "compare", *(str(run.id) for run in pair), "format=json", cwd=place).stdout)
    assert told["runs"][0]["metrics"]["roc_auc"] == {"value": None, "low": None, "high": None}


def test_other_verbs_speak_json_too(place: Path) -> None:
    ids = [str(run.id) for run in runs_in(place)]

    def ask(*words: str) -> Any:
        answer = call("runs.py", *words, "format=json", cwd=place)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    assert [run["run_id"] for run in ask("list", "sort=run_id")] == ids
    assert [run["run_id"] for run in ask("list", "seed=2")] == ids[2:]
    shown = ask("show", ids[1])
    assert (shown["status"], shown["seed"]) == ("completed", 1)
    assert shown["metrics"]["test"]["rows"] == 60
    assert ask("diff", ids[0], ids[2])["config.seed"] == {ids[0]: 1, ids[2]: 2}
    assert "format=xml" in refused(place, ids[0], ids[1], "format=xml")


@pytest.mark.parametrize("runs", [2, 6])
@pytest.mark.parametrize("name", ["ranking", "thresholds", "coding", "calibration"])
def test_no_legend_covers_what_is_drawn(monkeypatch: pytest.MonkeyPatch, name: str, runs: int) -> None:
    generator = np.random.default_rng(1)
    classes = 3 if name == "coding" else 2
    targets = generator.integers(classes, size=200)
    scored = {}
    for number in range(runs):
        scores = generator.dirichlet(np.ones(classes), size=200).astype(np.float32)
        scored[f"2026-11-23_{number} LogisticRegression"] = (targets, scores)
    monkeypatch.setattr(figures, "svg", lambda figure, description: figure)
    figure = getattr(figures, name)(scored, *([None] if name == "thresholds" else []))
    figure.draw_without_rendering()
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert set(scored) <= set(texts)
    assert legend.get_window_extent().x0 >= 0
    assert legend.get_window_extent().x1 <= figure.bbox.x1
    for axes in figure.axes:
        assert axes.get_legend() is None
        assert not axes.get_tightbbox().overlaps(legend.get_window_extent())


def test_the_page_goes_where_it_is_told(folder: Path, tmp_path: Path) -> None:
    ids = [str(run.id) for run in runs_in(folder)][:2]
    store = f"store.root={folder / 'store'}"
    assert call("runs.py", "compare", *ids, "output=a b=c.html", store, cwd=tmp_path).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a b=c.html"]


def refused(place: Path, *words: str) -> str:
    (place / "comparison.html").write_text("before")
    answer = call("runs.py", "compare", *words, cwd=place)
    assert answer.returncode == 2, answer.stderr
    assert answer.stdout == ""
    assert len(answer.stderr.strip().splitlines()) == 1
    assert (place / "comparison.html").read_text() == "before"
    assert not list(place.glob(".tmp-*"))
    return answer.stderr


def test_what_cannot_be_compared_is_refused_in_a_sentence(place: Path) -> None:
    first, second, third = (str(run.id) for run in runs_in(place))
    assert "1 were given" in refused(place, first)
    assert "0 were given" in refused(place)
    assert f"{MOST_RUNS}" in refused(place, *[first] * 7)
    assert f"run_id={first} is given twice" in refused(place, first, second, first)
    assert "2020-01-01_1 is not in" in refused(place, first, "2020-01-01_1")
    assert "sort=" in refused(place, first, second, "sort=value")
    assert "output=." in refused(place, first, second, "output=.")
    assert "nowhere" in refused(place, first, second, "output=nowhere/a.html")
    assert "output=store" in refused(place, first, second, "output=store")
    run = Run.open(LocalStore(root=str(place / "store")), RunId.parse(third))
    run.finish(FAILED, "no room")
    assert f"run_id={third} is failed" in refused(place, first, third)


def test_other_test_records_are_refused(place: Path) -> None:
    make_forms(300).to_csv(place / "other.csv", index=False)
    source = FileSource(
        path=str(place / "other.csv"), id="form", columns=["employer", "job", "town"], target="label"
    )  # fmt: skip
    full(tiny_plan(place, source=source))
    first, *_, last = (str(run.id) for run in runs_in(place))
    assert f"runs {first} and {last} have different test records" in refused(place, first, last)


def test_other_labels_are_refused(place: Path) -> None:
    first, second, third = runs_in(place)
    labels, table = predictions(second)
    row = table.index[(table["split"] == "test").to_numpy()][0]
    changed = table.copy()
    changed.loc[row, "target"] = next(label for label in labels if label != table.loc[row, "target"])
    put_predictions(second, changed)
    message = refused(place, str(first.id), str(second.id))
    assert "different labels for 1 test records" in message
    assert repr(table.loc[row, "id"]) in message

    data = third.read("data.json").replace(b'"labels": [\n  "0"', b'"labels": [\n  "zero"')
    third.change("data.json", lambda _: data)
    put_predictions(third, predictions(Run.open(third.store, third.id))[1].rename(columns={"score_0": "score_zero"}))
    with pytest.raises(UserError, match=r"have different labels \(0, zero\)"):
        compare([first, Run.open(third.store, third.id)])


def test_a_run_without_test_records_is_refused(place: Path) -> None:
    first, second, _ = runs_in(place)
    put_predictions(second, predictions(second)[1].query("split != 'test'"))
    assert f"run_id={second.id} has no test records" in refused(place, str(first.id), str(second.id))


def test_records_of_one_class_still_make_a_page(place: Path) -> None:
    pair = runs_in(place)[:2]
    for run in pair:
        table = predictions(run)[1]
        put_predictions(run, table[(table["split"] != "test") | (table["target"] == "1")])
    page = make_page(compare([Run.open(run.store, run.id) for run in pair]))
    assert "average_precision is not defined on these records" in page

"""Runs compared from the command line: the page, the JSON and the refusals."""

import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from helpers.comparing import put_predictions, runs_in
from helpers.scripts import call
from helpers.tiny import make_forms, tiny_plan
from libelle.data.file_source import FileSource
from libelle.errors import UserError
from libelle.evaluation.comparison import MOST_RUNS, compare
from libelle.evaluation.outcomes import predictions
from libelle.evaluation.threshold import decide, save
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.runs.ids import RunId
from libelle.runs.run import FAILED, Run
from libelle.stores.local import LocalStore
from libelle.training.workflow import full


@pytest.fixture
def place(compared: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    shutil.copytree(compared, tmp_path / "place")
    return tmp_path / "place"


def refused(place: Path, *words: str) -> str:
    (place / "comparison.html").write_text("before")
    answer = call("runs.py", "compare", *words, cwd=place)
    assert answer.returncode == 2, answer.stderr
    assert answer.stdout == ""
    assert len(answer.stderr.strip().splitlines()) == 1
    assert (place / "comparison.html").read_text() == "before"
    assert not list(place.glob(".tmp-*"))
    return answer.stderr


def test_the_command_writes_a_page_that_needs_no_other_file(compared: Path, tmp_path: Path) -> None:
    ids = [str(run.id) for run in runs_in(compared)]
    answer = call("runs.py", "compare", *ids, f"store.root={compared / 'store'}", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    for run_id in ids[1:]:
        assert re.search(rf"{run_id} (is (better|worse) than|and) {ids[0]} .*in average_precision", answer.stdout)
    assert "corrected for 2 comparisons" in answer.stdout
    assert answer.stdout.rstrip().endswith("comparison.html")
    page = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["comparison.html"]
    assert not re.search(r"""(src|href)=["']?(https?:)?//|<script|@import|url\(http""", page)
    assert len(page) < 1_000_000
    assert page.count("<svg") == 6
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
    printed = json.loads(answer.stdout)
    comparison = compare([Run.open(run.store, run.id) for run in (first, second, third)])
    assert [run["run_id"] for run in printed["runs"]] == ids
    assert [run["threshold"] for run in printed["runs"]] == [0.5, 0.3, 0.5]
    for run, candidate in zip(printed["runs"], comparison.candidates, strict=True):
        assert run["metrics"] == {name: asdict(interval) for name, interval in candidate.intervals.items()}
    for found, difference in zip(printed["differences"], comparison.differences, strict=True):
        assert (found["run_id"], found["from"]) == (difference.candidate.run_id, ids[0])
        assert (found["p"], found["p_holm"]) == (difference.p, difference.p_holm)
        assert {name: metric.pop("verdict") for name, metric in found["metrics"].items()} == comparison.verdicts(
            difference
        )
        assert found["metrics"] == {name: asdict(interval) for name, interval in difference.metrics.items()}
        assert found["decisions"] == comparison.decisions(difference)
    assert printed["records"] == len(comparison.targets)
    assert printed["config"]["config.trainer.max_epochs"] == dict(zip(ids, (1, 4, 3), strict=True))
    assert (place / printed["report"]).exists()


def test_a_metric_that_is_not_defined_is_null_in_json(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("libelle.evaluation.bootstrap.RESAMPLES", 20)
    pair = runs_in(place)[:2]
    for run in pair:
        table = predictions(run)[1]
        put_predictions(run, table[(table["split"] != "test") | (table["target"] == "1")])
    printed = json.loads(call("runs.py", "compare", *(str(run.id) for run in pair), "format=json", cwd=place).stdout)
    assert printed["runs"][0]["metrics"]["roc_auc"] == {"value": None, "low": None, "high": None}


def test_other_verbs_speak_json_too(place: Path) -> None:
    ids = [str(run.id) for run in runs_in(place)]

    def ask(*words: str) -> Any:
        answer = call("runs.py", *words, "format=json", cwd=place)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    assert [run["run_id"] for run in ask("list", "sort=run_id")] == ids
    assert [run["run_id"] for run in ask("list", "seed=2")] == ids[2:]
    # As the head of the list calls them.
    assert [run["run_id"] for run in ask("list", "sort=-run")] == ids[::-1]
    assert ask("list", "sort=seconds") == ask("list", "sort=duration")
    assert [run["run_id"] for run in ask("list", f"run={ids[1]}")] == [ids[1]]
    answer = call("runs.py", "list", "sort=limit", cwd=place)
    assert answer.stderr.startswith("sort=limit is not a column of runs; choose run_id, ")
    assert "limit" not in answer.stderr.partition(";")[2]
    shown = ask("show", ids[1])
    assert (shown["status"], shown["seed"]) == ("completed", 1)
    assert shown["metrics"]["test"]["rows"] == 60
    assert ask("diff", ids[0], ids[2])["config.seed"] == {ids[0]: 1, ids[2]: 2}
    assert "format=xml" in refused(place, ids[0], ids[1], "format=xml")


def test_the_page_goes_to_output(compared: Path, tmp_path: Path) -> None:
    ids = [str(run.id) for run in runs_in(compared)][:2]
    store = f"store.root={compared / 'store'}"
    assert call("runs.py", "compare", *ids, "output=a b=c.html", store, cwd=tmp_path).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a b=c.html"]


@pytest.mark.slow
def test_what_cannot_be_compared_is_refused_in_a_sentence(place: Path) -> None:
    first, second, third = (str(run.id) for run in runs_in(place))
    assert "takes 2 to 6 run ids, and 1 was given" in refused(place, first)
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

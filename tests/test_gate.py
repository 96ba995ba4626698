"""The publish gate: a worse run is held back, with the figures, and everything else is let through."""

import hashlib
import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit

from helpers.comparing import put_predictions, runs_in
from helpers.scripts import Answer, call
from helpers.tiny import make_forms, reopened, tiny_plan
from libelle.cli.publish import PublishRequest
from libelle.errors import UserError
from libelle.evaluation.comparison import compare
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.outcomes import predictions
from libelle.evaluation.threshold import decide, save
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.gate import examine
from libelle.loading import load_published
from libelle.publication import publish as publish_unexamined
from libelle.published import Publication, find, versions
from libelle.reports.comparison_report import make_page
from libelle.runs.run import Run
from libelle.training.workflow import full

WHY = "l'ancien modèle lit un champ supprimé, [voir note] ${x}"


@pytest.fixture
def place(compared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose store holds three runs, of which the second is published as `forms`."""
    monkeypatch.setattr("libelle.evaluation.bootstrap.RESAMPLES", 50)
    monkeypatch.setattr("libelle.evaluation.bootstrap.FEWEST_RESAMPLES", 50)
    monkeypatch.setattr("libelle.gate.make_page", lambda *_: "a page")  # drawing figures takes a second
    shutil.copytree(compared, tmp_path / "place")
    current = runs_in(tmp_path / "place")[1]
    publish_unexamined(current.store, current, "forms", threshold=0.5)
    return tmp_path / "place"


def publish(place: Path, run: Run, *words: str) -> Answer:
    return call("publish.py", f"run_id={run.id}", "name=forms", "threshold=0.5", *words, cwd=place)


def published(place: Path, run: Run, *words: str) -> Publication:
    """The version that the command made."""
    answer = publish(place, run, *words)
    assert answer.returncode == 0, answer.stderr
    return find(run.store, "forms")


def score_as(run: Run, other: Run, noise: float = 0.0, seed: int = 1) -> Run:
    """Give a run the scores of another, with noise in their logits."""
    table = predictions(other)[1].copy()
    if noise:
        added = np.random.default_rng(seed).normal(0, noise, len(table))
        table["score_1"] = expit(logit(table["score_1"]) + added).astype("float32")
        table["score_0"] = 1 - table["score_1"]
    put_predictions(run, table)
    return reopened(run)


def with_a_worse_one(place: Path) -> tuple[Run, Run]:
    """The run that is published, and one that is plainly worse."""
    _, current, worse = runs_in(place)
    return current, score_as(worse, current, noise=50.0)


def test_a_worse_run_is_refused_with_the_figures_and_nothing_changes(place: Path) -> None:
    current, worse = with_a_worse_one(place)
    before = {path: path.read_bytes() for path in place.glob("store/published/**/*") if path.is_file()}
    answer = publish(place, worse)
    assert (answer.returncode, answer.stdout) == (2, "")
    (sentence,) = answer.stderr.strip().splitlines()
    gate = json.loads(
        call("runs.py", "compare", str(current.id), str(worse.id), "format=json", cwd=place).stdout
    )["differences"][0]["metrics"]["average_precision"]  # fmt: skip
    figures = f"by {-gate['value']:.4f} ({-gate['high']:.4f} to {-gate['low']:.4f})"
    for words in (
        f"run_id={worse.id} is worse than forms@1",
        "average_precision",
        "60 test records",
        figures,
        "force=",
    ):
        assert words in sentence
    assert {path: path.read_bytes() for path in place.glob("store/published/**/*") if path.is_file()} == before


def test_the_comparison_that_is_proposed_finds_the_runs_in_a_store_elsewhere(place: Path) -> None:
    current, worse = with_a_worse_one(place)
    (place / "store").rename(place / "another store")
    root = f"store.root={place / 'another store'}"
    answer = publish(place, worse, root)
    assert answer.returncode == 2
    proposed = re.search(r"see (python runs.py compare [^)]*)\)", answer.stderr)
    assert proposed is not None
    words = shlex.split(proposed[1])[2:]
    assert words == ["compare", str(current.id), str(worse.id), root]
    assert call("runs.py", *words, cwd=place).returncode == 0


def test_a_reason_lets_a_worse_run_through_and_is_kept_and_shown(place: Path) -> None:
    _, worse = with_a_worse_one(place)
    answer = publish(place, worse, f"force={WHY}")
    assert answer.returncode == 0, answer.stderr
    assert WHY in answer.stdout
    assert "is worse than forms@1 in average_precision" in answer.stdout
    version = find(worse.store, "forms")
    assert (version.version, version.forced) == (2, WHY)
    listed = call("publish.py", "list=true", cwd=place).stdout
    assert [line for line in listed.splitlines() if WHY in line and "current" in line]
    shown = call("runs.py", "show", str(worse.id), cwd=place).stdout
    assert f"forms@2, although it is worse: {WHY}" in " ".join(shown.split())
    (about,) = json.loads(call("runs.py", "show", str(worse.id), "format=json", cwd=place).stdout)["published"]
    assert (about["model"], about["gate"]["forced"]) == ("forms@2", WHY)


@pytest.mark.parametrize("force", ["true", "TRUE", "false", "", " \n", "1", "No"])
def test_a_reason_has_to_be_one(force: str) -> None:
    with pytest.raises(UserError, match=r"force=.* says no reason"):
        PublishRequest(run_id="2026-11-23_1", force=force)


def test_the_word_force_alone_publishes_nothing(place: Path) -> None:
    _, worse = with_a_worse_one(place)
    answer = publish(place, worse, "force=true")
    assert answer.returncode == 2
    assert "force=true says no reason" in answer.stderr
    assert find(worse.store, "forms").version == 1


@pytest.mark.parametrize("words", [["name=forms", "rollback=true"], ["list=true"]])
def test_a_reason_goes_with_a_run_alone(place: Path, words: list[str]) -> None:
    answer = call("publish.py", *words, "force=because", cwd=place)
    assert answer.returncode == 2
    assert "force=because is for run_id=" in answer.stderr


def test_a_better_run_passes_and_takes_the_comparison_along(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("libelle.gate.make_page", make_page)
    _, worse = with_a_worse_one(place)
    publish_unexamined(worse.store, worse, "forms", threshold=0.5)
    better = runs_in(place)[1]
    answer = publish(place, better)
    assert answer.returncode == 0, answer.stderr
    assert f"run {better.id} is better than forms@2 in average_precision" in answer.stdout
    assert f"run {better.id} is better than forms@2 in recall" in answer.stdout
    page = place / "store" / "published" / "forms" / "3" / "comparison.html"
    assert f"Report: {page.relative_to(place)}" in answer.stdout
    version = find(better.store, "forms")
    assert version.gate is not None
    assert version.gate.page == {"size": page.stat().st_size, "sha256": hashlib.sha256(page.read_bytes()).hexdigest()}
    assert (version.gate.replaced, version.gate.metric, version.forced) == ("forms@2", "average_precision", None)
    assert version.gate.difference is not None
    assert version.gate.difference.low > 0
    assert str(worse.id) in page.read_text(encoding="utf-8")
    # Whoever serves the model fetches what it is made of, and no page.
    assert "comparison.html" not in version.files
    assert load_published("forms", better.store).name == "forms@3"


def test_an_equal_run_passes(place: Path) -> None:
    _, current, other = runs_in(place)
    version = published(place, score_as(other, current))
    assert version.gate is not None
    assert version.gate.sentences[0] == f"run {other.id} and forms@1 are equal in average_precision."


def test_a_run_that_may_be_worse_by_chance_passes(place: Path) -> None:
    first, current, third = runs_in(place)
    pair = [score_as(run, current, noise=1.0, seed=seed) for seed, run in enumerate((first, third))]
    worse, better = sorted(
        pair, key=lambda run: compare([current, run]).candidates[1].intervals["average_precision"].value
    )
    publish_unexamined(better.store, better, "forms", threshold=0.5)
    version = published(place, worse)
    assert version.gate is not None
    assert f"run {worse.id} is worse than forms@2 in average_precision" in version.gate.sentences[0]
    assert "may be chance" in version.gate.sentences[0]


def test_a_reason_that_was_not_needed_is_not_kept(place: Path) -> None:
    _, current, other = runs_in(place)
    answer = publish(place, score_as(other, current), "force=because")
    assert answer.returncode == 0
    assert "force= was not needed" in answer.stderr
    assert find(current.store, "forms").forced is None


def test_a_first_version_is_compared_with_nothing(place: Path) -> None:
    run = runs_in(place)[0]
    answer = call("publish.py", f"run_id={run.id}", "name=first", "threshold=0.5", cwd=place)
    assert answer.returncode == 0, answer.stderr
    assert "compared" not in answer.stdout
    assert find(run.store, "first").gate is None


def test_the_same_run_with_another_threshold_passes(place: Path) -> None:
    current = runs_in(place)[1]
    answer = call("publish.py", f"run_id={current.id}", "name=forms", "threshold=0.3", cwd=place)
    assert answer.returncode == 0, answer.stderr
    assert "Nothing could be compared with forms@1 (forms@1 is a copy of the same run)" in answer.stdout


def test_other_records_cannot_be_compared_and_pass(place: Path) -> None:
    make_forms(300).to_csv(place / "forms.csv", index=False)
    full(tiny_plan(place))
    *_, other = runs_in(place)
    answer = publish(place, other)
    assert answer.returncode == 0, answer.stderr
    assert "Nothing could be compared with forms@1" in answer.stdout
    assert "have different test records" in answer.stdout
    version = find(other.store, "forms")
    assert version.gate is not None
    assert version.gate.page is None


def test_a_run_that_reads_fewer_fields_of_the_same_records_is_held_to_the_current_version(place: Path) -> None:
    plan = tiny_plan(place)
    full(replace(plan, source=replace(plan.source, columns=["town"])))
    *_, fewer = runs_in(place)
    current = runs_in(place)[1]
    answer = publish(place, fewer)
    assert answer.returncode == 2
    assert f"run_id={fewer.id} is worse than forms@1, run {current.id}, more than by chance" in answer.stderr
    version = published(place, fewer, "force=a field is gone")
    assert version.gate is not None
    assert any("fields, weights or other records differ" in said for said in version.gate.sentences)


def test_a_version_whose_run_is_gone_cannot_be_compared_and_is_replaced(place: Path) -> None:
    current, worse = with_a_worse_one(place)
    shutil.rmtree(place / "store" / current.id.folder)
    answer = publish(place, worse)
    assert answer.returncode == 0, answer.stderr
    assert f"Nothing could be compared with forms@1 (run_id={current.id} is not in" in answer.stdout


@pytest.mark.parametrize("damaged", ["current.json", "1/manifest.json"])
def test_what_is_damaged_is_replaced(place: Path, damaged: str) -> None:
    (place / "store" / "published" / "forms" / damaged).write_text("{")
    _, worse = with_a_worse_one(place)
    version = published(place, worse)
    assert version.version == 2
    assert version.gate is not None
    assert "is damaged" in version.gate.sentences[0]


def test_a_store_that_fails_lets_no_run_pass(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, worse = with_a_worse_one(place)

    def fail(*_: object) -> None:
        raise UserError("the store does not answer; try again.")

    monkeypatch.setattr("libelle.gate.compare", fail)
    monkeypatch.setattr(type(worse.store), "check", fail)
    with pytest.raises(UserError, match="the store does not answer"):
        examine(worse.store, worse, "forms", DecisionRule(predictions(worse)[0], 0.5))


def test_going_back_to_a_worse_version_is_nobodys_matter(place: Path) -> None:
    current, worse = with_a_worse_one(place)
    published(place, worse, f"force={WHY}")
    published(place, current)
    answer = call("publish.py", "name=forms", "rollback=true", cwd=place)
    assert answer.returncode == 0, answer.stderr
    assert find(current.store, "forms").version == 2


def test_decisions_are_those_of_the_thresholds_that_are_published(place: Path) -> None:
    _, current, other = runs_in(place)
    other = score_as(other, current)
    rule = DecisionRule(predictions(other)[0], 0.0)
    evidence = examine(other.store, other, "forms", rule)
    assert evidence.gate is not None
    assert any("is better than forms@1 in recall" in sentence for sentence in evidence.gate.sentences)
    assert evidence.gate.difference is not None
    assert evidence.gate.difference.value == 0


@pytest.mark.slow
def test_multiclass_runs_are_judged_by_accuracy_and_say_what_they_code(tmp_path: Path) -> None:
    forms = make_forms(300)
    forms["label"] += forms["town"].isin(["Lyon", "Brest"]).map({True: "a", False: "b"})
    forms.to_csv(tmp_path / "forms.csv", index=False)
    for epochs in (1, 3):
        full(tiny_plan(tmp_path, trainer={"max_epochs": epochs, "accelerator": "cpu"}))
    first, second = runs_in(tmp_path)
    for run in (first, second):
        save(run, decide(run, ThresholdRequest(value=0.3)))
    publish_unexamined(first.store, reopened(first), "forms")
    answer = call("publish.py", f"run_id={second.id}", "name=forms", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    (version,) = versions(first.store, "forms")[1:]
    assert version.gate is not None
    assert version.gate.metric == "accuracy"
    labels, table = predictions(second)
    test = table[table["split"] == "test"]
    coded = (test[[f"score_{label}" for label in labels]].max(axis=1) >= 0.3).mean()
    assert f"Coded automatically: {coded:.1%}".replace("%", " %") in answer.stdout

"""Ensembles: the average of runs with cleaners, processes and models of their own, whole by itself."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.tiny import make_forms, tiny_plan
from libelle import Pipeline
from libelle.cleaners.text import Lowercase
from libelle.errors import UserError
from libelle.evaluation.calibration import Temperature
from libelle.models.ensemble import Ensemble
from libelle.models.linear import LogisticRegression
from libelle.models.mlp import MLP
from libelle.processes.raw import Raw
from libelle.processes.tfidf import Tfidf
from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.training.plan import Plan
from libelle.training.workflow import full


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return tiny_plan(tmp_path_factory.mktemp("ensemble"))


@pytest.fixture(scope="module")
def runs(plan: Plan) -> list[str]:
    linear = replace(plan, process=Tfidf(), cleaners={"lowercase": Lowercase()}, model=LogisticRegression())
    return [full(replace(plan, model=MLP(word_dim=8, ngram_dim=8, hidden=[8]))).run_id, full(linear).run_id]


def ensemble_of(plan: Plan, runs: list[str], **changes: object) -> Plan:
    weights = changes.pop("weights", None)
    return replace(plan, process=Raw(), cleaners={}, model=Ensemble(runs=runs, weights=weights), **changes)


@pytest.mark.parametrize("weights", [None, [1.0, 3.0]])
def test_scores_are_the_weighted_average_from_run_and_published_place(
    plan: Plan, runs: list[str], weights: list[float] | None
) -> None:
    outcome = full(ensemble_of(plan, runs, weights=weights))
    forms = make_forms()
    members = [Pipeline.load(run, plan.store).predict(forms)["score"] for run in runs]
    expected = np.average(members, axis=0, weights=weights)
    run = Run.open(plan.store, RunId.parse(outcome.run_id))
    published = publish(plan.store, run, "both", threshold=0.5)
    for source in (outcome.run_id, str(published)):
        scores = Pipeline.load(source, plan.store).predict(forms)["score"]
        np.testing.assert_allclose(scores, expected, atol=1e-6)
    predictions = pd.read_parquet(run.store.local_path(run.key("predictions.parquet"))).set_index("id")
    positions = forms.set_index("form").index.get_indexer(predictions.index)
    np.testing.assert_allclose(predictions["score_1"], expected[positions], atol=1e-6)


@pytest.mark.slow
def test_members_bring_their_calibration_and_the_average_may_have_one(plan: Plan, runs: list[str]) -> None:
    linear = replace(plan, process=Tfidf(), model=LogisticRegression(), calibration=Temperature())
    calibrated = full(linear)
    plain = full(ensemble_of(plan, [runs[0], calibrated.run_id]))
    outcome = full(ensemble_of(plan, [runs[0], calibrated.run_id], calibration=Temperature()))
    forms = make_forms()
    members = [Pipeline.load(run, plan.store).predict(forms)["score"] for run in (runs[0], calibrated.run_id)]
    uncalibrated = full(replace(linear, calibration=None)).pipeline.predict(forms)["score"]
    assert np.abs(members[1] - uncalibrated).max() > 1e-3
    np.testing.assert_allclose(plain.pipeline.predict(forms)["score"], np.mean(members, axis=0), atol=1e-6)
    publish(plan.store, Run.open(plan.store, RunId.parse(outcome.run_id)), "calibrated", threshold=0.5)
    published = Pipeline.load("calibrated", plan.store).predict(forms)["score"]
    np.testing.assert_allclose(published, outcome.pipeline.predict(forms)["score"], atol=1e-6)
    assert np.abs(published - plain.pipeline.predict(forms)["score"]).max() > 1e-3


def test_an_ensemble_is_whole_without_its_members_and_can_be_one(plan: Plan, runs: list[str], tmp_path: Path) -> None:
    outcome = full(ensemble_of(plan, runs))
    nested = full(ensemble_of(plan, [outcome.run_id, runs[0]]))
    store = replace(plan.store, root=str(tmp_path / "store"))
    shutil.copytree(plan.store.root, store.root)
    for run_id in [*runs, outcome.run_id]:
        shutil.rmtree(Path(store.root, RunId.parse(run_id).folder))
    forms = make_forms()
    np.testing.assert_allclose(
        Pipeline.load(nested.run_id, store).predict(forms)["score"],
        nested.pipeline.predict(forms)["score"],
        atol=1e-6,
    )


def test_runs_of_other_data_are_refused_with_a_sentence(plan: Plan, runs: list[str]) -> None:
    before = len(list(plan.store.list("runs/")))
    source = plan.source
    others = {
        "another split": replace(source, split=replace(source.split, seed=2)),
        "the fields employer, job, town, and the data have employer, job": replace(source, columns=["employer", "job"]),
        "the labels 0, 1, and the data have 1, 0": replace(source, positive="0"),
    }
    for words, other in others.items():
        with pytest.raises(UserError, match=words):
            full(ensemble_of(plan, runs, source=other))
    with pytest.raises(UserError, match="fewer than two"):
        full(ensemble_of(plan, runs[:1]))
    with pytest.raises(UserError, match="2020-01-01_1"):
        full(ensemble_of(plan, [runs[0], "2020-01-01_1"]))
    assert len(list(plan.store.list("runs/"))) == before


def test_weights_and_runs_must_fit() -> None:
    with pytest.raises(UserError, match=r"model\.weights has 1 values and model\.runs 2"):
        Ensemble(runs=["a", "b"], weights=[1.0])
    with pytest.raises(UserError, match="twice"):
        Ensemble(runs=["a", "a"])

"""Choosing a threshold: exact, honest about its confidence, and safe to save."""

import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from sklearn.metrics import fbeta_score, precision_score, recall_score
from statsmodels.stats.proportion import proportion_confint

from helpers.tiny import choose, reopened
from libelle.errors import UserError
from libelle.evaluation import threshold
from libelle.evaluation.curve import Curve, figures, sentence
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.intervals import lower_bound, upper_bound, wilson
from libelle.evaluation.threshold_request import Cost, ThresholdRequest
from libelle.pipeline import Pipeline
from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore

POSITIVE = np.array([1, 1, 0, 1, 1, 0, 0, 0, 1, 0], dtype=bool)
SCORES = np.array([0.9, 0.8, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])

samples = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 1 / 3, 0.5, 0.7, 1.0])), min_size=1).filter(
    lambda rows: any(positive for positive, _ in rows)
)


@given(samples, st.sampled_from([0.3, 0.5, 0.8, 1.0]))
@settings(max_examples=60, deadline=None)
def test_targets_are_met_as_well_as_any_score_could(rows, target):
    positive, scores = (np.array(column) for column in zip(*rows, strict=True))
    outcomes = {}
    for limit in np.unique(scores):
        aside = scores >= limit
        outcomes[limit] = (
            precision_score(positive, aside),
            recall_score(positive, aside),
            aside.mean(),
            (~aside & positive).sum() + 5 * (aside & ~positive).sum(),
            fbeta_score(positive, aside, beta=0.5),
        )
    found = outcomes[choose(positive, scores, recall=target)]
    assert found[1] >= target
    assert found[0] == pytest.approx(max(o[0] for o in outcomes.values() if o[1] >= target))
    assert outcomes[choose(positive, scores, f=0.5)][4] == pytest.approx(max(o[4] for o in outcomes.values()))
    nothing = positive.sum()
    cheapest = min(o[3] for o in outcomes.values())
    # Where a score is 1, no threshold sets nothing aside.
    cost = choose(positive, scores, cost=Cost(fp=5, fn=1)) if scores.max() < 1 or cheapest < nothing else 0
    assert not cost or outcomes.get(cost, (0, 0, 0, nothing))[3] == min(nothing, cheapest)
    for name, fits, best in (
        ("precision", [o for o in outcomes.values() if o[0] >= target], 1),
        ("workload", [o for o in outcomes.values() if o[2] <= target], 2),
    ):
        if fits:
            assert outcomes[choose(positive, scores, **{name: target})][best] == max(o[best] for o in fits)
        else:
            with pytest.raises(UserError, match=f"{name}={target:g} is not reached"):
                choose(positive, scores, **{name: target})


def test_tied_scores_stand_and_fall_together():
    assert choose(POSITIVE, SCORES, precision=0.75) == 0.6
    assert choose(POSITIVE, SCORES, precision=0.9) == 0.9
    assert choose(POSITIVE, SCORES, workload=0.25) == 0.9  # 0.8 would set three aside


def test_the_nearest_value_that_an_impossible_target_gets_can_be_reached():
    positive = ~POSITIVE
    with pytest.raises(UserError) as error:
        choose(positive, SCORES, precision=0.99)
    nearest = float(str(error.value).split("ask for precision=")[1].split()[0])
    assert nearest == 0.5
    assert choose(positive, SCORES, precision=nearest) == 0.1


def test_so_it_is_with_confidence():
    generator = np.random.default_rng(1)
    positive = generator.random(300) < 0.3
    scores = generator.normal(size=300) + 2 * positive
    with pytest.raises(UserError) as error:
        choose(positive, scores, precision=0.99, confidence=0.9)
    nearest = float(str(error.value).split("ask for precision=")[1].split()[0])
    assert 0.6 < nearest < 0.99
    assert choose(positive, scores, precision=nearest, confidence=0.9) in scores


def test_prevalence_reweights_as_if_rows_were_repeated():
    # 15 positives in 100, made from 5 in 10.
    weights = np.where(POSITIVE, 3, 17)
    positive, scores = np.repeat(POSITIVE, weights), np.repeat(SCORES, weights)
    ours, theirs = Curve.of(POSITIVE, SCORES, 0.15), Curve.of(positive, scores)
    for name in ("precision", "recall", "share", "share_right"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name))
    found = figures(POSITIVE, SCORES, 0.6, ThresholdRequest(value=0.6, prevalence=0.15))
    assert found["precision"]["value"] == pytest.approx(precision_score(positive, scores >= 0.6))
    assert found["share"]["value"] == pytest.approx((scores >= 0.6).mean())
    assert found["precision"]["low"] < found["precision"]["value"] < found["precision"]["high"]


@pytest.mark.parametrize(("part", "whole"), [(0, 5), (3, 7), (80, 100), (5, 5)])
def test_intervals_are_statsmodels(part, whole):
    assert wilson(part, whole, 0.95) == pytest.approx(proportion_confint(part, whole, method="wilson"))
    exact = binomtest(part, whole).proportion_ci(0.9, method="exact")
    assert [lower_bound(part, whole, 0.05), upper_bound(part, whole, 0.05)] == pytest.approx([exact.low, exact.high])


@pytest.mark.parametrize(
    "target", [{"precision": 0.75}, {"recall": 0.7}, {"workload": 0.2}, {"precision": 0.5, "prevalence": 0.15}]
)
def test_with_confidence_the_target_holds_in_the_population(target):
    """Scores whose precision, recall and share are known: normal, with mean 2 for positives and 0 for others."""
    generator = np.random.default_rng(3)
    chosen, broken, draws = 0, {None: 0, 0.9: 0}, 300
    pi = target.get("prevalence", 0.3)
    for _ in range(draws):
        positive = generator.random(400) < 0.3
        scores = norm.cdf(generator.normal(size=400) + 2 * positive)
        for confidence in broken:
            try:
                limit = norm.ppf(choose(positive, scores, confidence=confidence, **target))
            except UserError:
                continue
            chosen += confidence is not None
            right, wrong = pi * norm.sf(limit - 2), (1 - pi) * norm.sf(limit)
            truth = {"precision": right / (right + wrong), "recall": right / pi, "workload": right + wrong}
            name = next(iter(target))
            broken[confidence] += truth[name] > target[name] if name == "workload" else truth[name] < target[name]
    assert chosen > draws / 2  # it is of use
    # Three standard errors above the level; and it takes more than the estimate to keep it.
    assert broken[0.9] / draws <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / draws)
    assert broken[None] / draws > 0.2


def test_the_sentence():
    counts = [80, 20, 420, 2813]
    positive, scores = np.repeat([True, False, True, False], counts), np.repeat([1, 1, 0, 0], counts)
    found = figures(positive, scores, 1, ThresholdRequest(value=1))
    assert sentence(found, DecisionRule(["0", "1"])) == (
        "Of 100 records set aside, 80 (71–87) are truly label 1; 3.0 % of records are set aside; "
        "16 % of label 1 are caught."
    )


@pytest.fixture
def run(trained, tmp_path):
    """A run of its own to choose on: a copy of the shared store."""
    import shutil

    store = LocalStore(str(tmp_path / "store"))
    # Other tests publish from the shared store.
    shutil.copytree(trained[0].root, store.root, ignore=shutil.ignore_patterns("published"))
    return Run.open(store, RunId.parse(trained[1]))


def test_chosen_on_validation_and_reported_on_test(run):
    choice = threshold.decide(run, ThresholdRequest(recall=0.9))
    table = pd.read_parquet(run.store.local_path(run.key("predictions.parquet")))
    for split in ("validation", "test"):
        part = table[table["split"] == split]
        aside = part["score_1"].astype("float64") >= choice["value"]
        assert choice[split]["recall"]["value"] == recall_score(part["target"] == "1", aside)
        assert choice[split]["tp"] + choice[split]["fp"] == aside.sum()
    validation = table[table["split"] == "validation"]
    assert choice["value"] == choose(validation["target"] == "1", validation["score_1"], recall=0.9)
    assert choice["rule"]["recall"] == 0.9
    assert choice["who"]


def test_a_choice_is_applied_published_and_remembered(run):
    with pytest.raises(UserError, match="no chosen threshold"):
        publish(run.store, run, "forms")
    assert not run.store.folders("published/")
    for value in (0.25, 0.75):
        threshold.save(run, threshold.decide(run, ThresholdRequest(value=value)))
    loaded = Pipeline.load(str(run.id), run.store)
    assert loaded.rule.threshold == 0.75
    assert publish(run.store, reopened(run), "forms").threshold == 0.75
    assert Pipeline.load("forms", run.store).rule.threshold == 0.75
    # What is published keeps its threshold; publishing again takes the new one, and the version before keeps its own.
    threshold.save(reopened(run), threshold.decide(run, ThresholdRequest(value=0.6)))
    assert Pipeline.load("forms", run.store).rule.threshold == 0.75
    publish(run.store, reopened(run), "forms")
    assert [Pipeline.load(name, run.store).rule.threshold for name in ("forms", "forms@1", "forms@2")] == [
        0.6,
        0.75,
        0.6,
    ]
    run = reopened(run)
    assert [item["value"] for item in run.read_threshold()["history"]] == [0.25, 0.75, 0.6]
    assert reopened(run).verify().manifest.status == "completed"


class Killed(BaseException):
    pass


@pytest.mark.parametrize("writes", [0, 1, 2])
@pytest.mark.parametrize("earlier", [[], [0.25]])
def test_a_choice_killed_at_any_write_leaves_a_whole_run(run, monkeypatch, writes, earlier):
    for value in earlier:
        threshold.save(run, threshold.decide(run, ThresholdRequest(value=value)))
    choice = threshold.decide(run, ThresholdRequest(value=0.75))
    put, left = LocalStore.put, [writes]

    def mortal(self, key, data):
        if not left[0]:
            raise Killed
        left[0] -= 1
        put(self, key, data)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "put", mortal)
        if writes < 2:
            with pytest.raises(Killed):
                threshold.save(run, choice)
        else:
            threshold.save(run, choice)
    reopened(run).verify()
    assert Pipeline.load(str(run.id), run.store).rule.threshold == (0.75 if writes == 2 else [0.5, *earlier][-1])
    threshold.save(reopened(run), choice)
    assert Pipeline.load(str(run.id), run.store).rule.threshold == 0.75


def test_choices_at_once_are_all_remembered(run):
    choices = [threshold.decide(run, ThresholdRequest(value=value / 10)) for value in range(6)]
    workers = [threading.Thread(target=threshold.save, args=(reopened(run), choice)) for choice in choices]
    stale = reopened(run)
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = reopened(run).verify().read_threshold()
    assert sorted(item["value"] for item in found["history"]) == [value / 10 for value in range(6)]
    assert found["value"] == found["history"][-1]["value"]
    assert stale.verify().read_threshold() is None


def test_a_lock_left_by_the_dead_is_taken_over(run):
    run.store.put(run.key("threshold.json.lock"), b"somebody")
    threshold.save(run, threshold.decide(run, ThresholdRequest(value=0.3)))
    assert run.read_threshold()["value"] == 0.3


def test_setting_nothing_aside_is_refused_where_no_threshold_does_it() -> None:
    positive, scores = np.array([True, False, False, False]), np.array([1.0, 1.0, 1.0, 0.2])
    with pytest.raises(UserError, match=r"cost\.fp=50 cost\.fn=1: it costs least to set nothing aside"):
        choose(positive, scores, cost=Cost(fp=50, fn=1))
    assert 0.9 < choose(positive, scores * 0.9, cost=Cost(fp=50, fn=1)) < 1

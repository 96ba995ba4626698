"""Multiclass thresholds: which records are coded automatically."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.scores import sample
from helpers.scripts import call
from helpers.tiny import choose, make_forms, reopened, tiny_plan
from libelle.cli.terminal_tables import print_threshold
from libelle.errors import UserError
from libelle.evaluation import threshold
from libelle.evaluation.automatic_coding import by_accuracy
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.intervals import share
from libelle.evaluation.outcomes import Outcomes, predictions
from libelle.evaluation.threshold_request import Cost, ThresholdRequest
from libelle.evaluation.threshold_table import threshold_table
from libelle.pipeline import Pipeline
from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.training.workflow import full


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A run with three labels."""
    folder = tmp_path_factory.mktemp("many")
    plan = tiny_plan(folder)
    forms = pd.read_csv(folder / "forms.csv", dtype="str", keep_default_na=False)
    forms.loc[forms["job"].isin(["médecin", "maçon"]), "label"] = "2"
    forms.to_csv(folder / "forms.csv", index=False)
    return Run.open(plan.store, RunId.parse(full(plan).run_id))


def test_one_threshold_codes_as_many_records_as_the_accuracy_allows(many):
    labels, table = predictions(many)
    part = table[table["split"] == "validation"]
    scores = part[[f"score_{label}" for label in labels]].to_numpy(dtype=float)
    right = np.array(labels)[scores.argmax(axis=1)] == part["target"]
    top = scores.max(axis=1)
    shares = {limit: (top >= limit).mean() for limit in top if right[top >= limit].mean() >= 0.6}
    choice = threshold.save(many, threshold.decide(many, ThresholdRequest(accuracy=0.6)))
    assert choice["validation"]["share"]["value"] == max(shares.values())
    assert choice["validation"]["precision"]["value"] >= 0.6
    assert "coded automatically" in choice["sentence"]
    pipeline = Pipeline.load(str(many.id), many.store)
    assert pipeline.rule.threshold == choice["value"]
    assert pipeline.rule.decide(np.array([[0.2, 0.3, 0.5]], dtype=np.float32)).tolist() == [2]
    result = pipeline.predict(make_forms(40))
    assert result["automatic"].tolist() == (result["score"].astype(float) >= choice["value"]).tolist()


def chosen_labels(table, labels):
    scores = table[[f"score_{label}" for label in labels]].to_numpy(dtype=float)
    return np.array(labels)[scores.argmax(axis=1)], scores.max(axis=1)


@pytest.mark.parametrize(("name", "target"), [("precision", 0.6), ("recall", 0.3), ("workload", 0.1)])
def test_each_label_gets_the_best_threshold_that_meets_the_target(many, name, target):
    choice = threshold.decide(many, ThresholdRequest(**{name: target}))
    assert choice["value"] is None
    assert set(choice["classes"]) == {"0", "1", "2"}
    labels, table = predictions(many)
    part = table[table["split"] == "validation"]
    decided, score = chosen_labels(part, labels)
    for label, limit in choice["classes"].items():
        outcomes = {}
        for candidate in np.unique(score[decided == label]):
            coded = (decided == label) & (score >= candidate)
            right = coded & (part["target"] == label).to_numpy()
            recall = right.sum() / max((part["target"] == label).sum(), 1)
            outcomes[candidate] = {"precision": right.sum() / coded.sum(), "recall": recall, "workload": coded.mean()}
        right_once = any(values["recall"] for values in outcomes.values())
        fits = {
            candidate: values
            for candidate, values in outcomes.items()
            if right_once and (values[name] <= target if name == "workload" else values[name] >= target)
        }
        if not fits:
            assert limit is None
            continue
        best = {"precision": "recall", "recall": "precision", "workload": "workload"}[name]
        assert fits[limit][best] == max(values[best] for values in fits.values())
        for figure in ("precision", "recall"):
            assert choice["validation"][label][figure]["value"] == pytest.approx(outcomes[limit][figure])
    assert any(limit is not None for limit in choice["classes"].values())
    json.dumps(choice, allow_nan=False)


@pytest.mark.parametrize(("measure", "label", "rows"), [("accuracy", None, 400), ("precision", "b", 1200)])
def test_with_confidence_automatic_coding_is_as_right_in_the_population(measure, label, rows):
    """Of records with score x a share of x is right, x even from 1/3 to 1: what is coded is as right as its mean score.

    With one threshold for all labels, and with the threshold of one of three.
    """
    generator = np.random.default_rng(5)
    labels, asked, draws = np.array(["a", "b", "c"]), 0.75, 300
    broken, chosen = {None: 0, 0.9: 0}, 0
    for _ in range(draws):
        score, decided = generator.uniform(1 / 3, 1, size=rows), generator.integers(3, size=rows)
        right = generator.random(rows) < score
        table = pd.DataFrame({"target": labels[np.where(right, decided, (decided + 1) % 3)]})
        for place, name in enumerate(labels):
            table[f"score_{name}"] = np.where(decided == place, score, (1 - score) / 2)
        outcomes = Outcomes(table, DecisionRule(labels.tolist())).of(label)
        for confidence in broken:
            try:
                limit = choose(*outcomes, **{measure: asked}, confidence=confidence)
            except UserError:
                continue
            chosen += confidence is not None
            broken[confidence] += (limit + 1) / 2 < asked
    assert chosen > draws / 2
    # Three standard errors above the level; and it takes more than the estimate to keep it.
    assert broken[0.9] / draws <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / draws)
    assert broken[None] / draws > 0.2


def test_a_label_with_a_threshold_of_its_own_is_coded_by_it(many, tmp_path):
    choice = {
        "value": None,
        "classes": {"0": 0.5, "1": 0.625, "2": None},
        "rule": {},
        "date": "2026-11-26T12:00:00+00:00",
    }
    threshold.save(many, choice)
    publish(many.store, reopened(many), "own")
    from_run, published = (Pipeline.load(name, many.store) for name in (str(many.id), "own"))
    scores = np.array(
        [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.125, 0.625, 0.25], [0, 0, 1], [0.4375, 0.3125, 0.25]], np.float32
    )
    for pipeline in (from_run, published):
        assert pipeline.rule.decide(scores).tolist() == [0, 1, 1, 2, 0]
        assert pipeline.rule.limits[:2].tolist() == [0.5, 0.625]
        assert pipeline.rule.automatic(scores).tolist() == [True, False, True, False, False]
    from_run.save(tmp_path)
    assert Pipeline.load(tmp_path).rule.label_thresholds == {"0": 0.5, "1": 0.625, "2": None}
    # A label that the choice does not speak of is never coded, either.
    assert np.isnan(DecisionRule(["0", "3", "4"], label_thresholds={"0": 0.5}).limits[1])
    # A choice for all labels takes the place of those of labels, and the other way round; what is published stays.
    threshold.save(reopened(many), threshold.decide(many, ThresholdRequest(value=0.25)))
    again = Pipeline.load(str(many.id), many.store)
    assert (again.rule.threshold, again.rule.label_thresholds) == (0.25, None)
    assert again.rule.automatic(scores).all()
    assert Pipeline.load("own", many.store).rule.label_thresholds == {"0": 0.5, "1": 0.625, "2": None}


def test_commands_decide_as_the_choice_says(many, tmp_path):
    """Chosen, scored from the run, published and scored again: the test records get the figures of the choice."""
    store = f"store.root={many.store.root}"
    answer = call("threshold.py", f"run_id={many.id}", "precision=0.6", "format=json", store, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    choice = json.loads(answer.stdout)
    assert "coded automatically" in choice["sentence"]
    published = call("publish.py", f"run_id={many.id}", "name=forms", store, cwd=tmp_path)
    own = [limit for limit in choice["classes"].values() if limit is not None]
    assert f"thresholds of {len(own)} of 3 labels" in published.stdout
    assert "by label" in call("publish.py", "list=true", store, cwd=tmp_path).stdout
    labels, table = predictions(many)
    test = table[table["split"] == "test"].reset_index(drop=True)
    forms = pd.read_csv(Path(many.store.root).parent / "forms.csv", dtype="str", keep_default_na=False)
    forms.set_index("form").loc[test["id"]].reset_index().to_csv(tmp_path / "forms.csv", index=False)
    for source, name, read in (
        (f"run_id={many.id}", "scores.csv", pd.read_csv),
        ("published=forms", "scores.parquet", pd.read_parquet),
    ):
        score = ["runtime.py", source, "input=forms.csv", store]
        records = json.loads(call(*score, "format=json", cwd=tmp_path).stdout)
        coded = np.array([record["automatic"] for record in records])
        decided = np.array([record["label"] for record in records])
        assert decided.tolist() == chosen_labels(test, labels)[0].tolist()
        for record in records:
            limit = choice["classes"][record["label"]]
            assert record["threshold"] == limit
            assert record["automatic"] == (limit is not None and record["score"] >= limit)
        for label, found in choice["test"].items():
            right = test["target"][coded & (decided == label)] == label
            assert (found["tp"], found["fp"]) == (right.sum(), (~right).sum())
        whole = choice["automatic"]["test"]
        assert whole["share"]["value"] == pytest.approx(coded.mean())
        assert whole["tp"] == (test["target"][coded] == decided[coded]).sum()
        assert call(*score, f"output={name}", cwd=tmp_path).returncode == 0
        written = read(tmp_path / name)
        assert written["automatic"].tolist() == coded.tolist()
        limits = [choice["classes"][label] for label in decided]
        np.testing.assert_array_equal(written["threshold"], np.array(limits, dtype=float))
        shown = call(*score, cwd=tmp_path).stdout
        assert "automatic" in shown
        assert shown.count(" yes ") == coded[:20].sum()


def test_labels_without_a_threshold_are_named(many, capsys):
    request = ThresholdRequest(workload=0.9)
    choice = threshold.decide(many, request)
    choice["classes"]["2"] = None
    choice["test"].pop("2", None)
    print_threshold(many, choice, threshold_table(many, choice, request), [])
    without = sum(limit is None for limit in choice["classes"].values())
    shown = capsys.readouterr().out
    assert f"Without a threshold: {without} of 3 labels, never coded automatically." in shown
    assert choice["sentence"] in shown


def test_a_target_that_no_label_reaches_is_refused(many):
    sentence = f"run_id={many.id}: no label reaches what is asked for; the last one: precision=1 is not reached"
    with pytest.raises(UserError, match=sentence):
        threshold.decide(many, ThresholdRequest(precision=1, confidence=0.999999))


@pytest.mark.parametrize("target", [{"accuracy": 1.0}, {"precision": 1.0}])
def test_a_refusal_says_of_coded_records_that_they_are_coded(many, target):
    with pytest.raises(UserError, match=f"run_id={many.id}: .*is not reached") as error:
        threshold.decide(many, ThresholdRequest(**target, confidence=0.999999))
    assert "% coded automatically" in str(error.value)
    assert "set aside" not in str(error.value)
    assert ("recall" in str(error.value)) == ("precision" in target)


@pytest.mark.parametrize("target", [{"accuracy": 0.6}, {"precision": 0.6}, {"value": 0.5}])
def test_a_prevalence_is_refused_since_several_labels_have_no_positives(many, target):
    with pytest.raises(UserError, match=rf"run_id={many.id}: prevalence=0\.2 .* 3 labels of this run .*leave it out"):
        threshold.decide(many, ThresholdRequest(**target, prevalence=0.2))


def test_a_threshold_of_two_labels_is_not_published_with_three(many):
    with pytest.raises(UserError) as error:
        publish(many.store, reopened(many), "many", threshold=0.5)
    sentence = str(error.value)
    assert sentence.startswith(f"run_id={many.id} has 3 labels, and threshold=0.5 is for two; leave it out")
    assert f"threshold.py run_id={many.id} accuracy=0.95 store.root=" in sentence


def test_a_label_that_costs_leave_to_clerks_has_no_threshold(many):
    choice = threshold.decide(many, ThresholdRequest(cost=Cost(fp=1e6, fn=1)))
    labels, table = predictions(many)
    decided, scores = chosen_labels(table[table["split"] == "validation"], labels)
    for label, limit in choice["classes"].items():
        assert limit is None or (scores[decided == label] >= limit).any()


def test_the_table_of_automatic_coding_takes_thresholds_from_validation_rows():
    rule = DecisionRule(list("abcde"))
    validation, test = sample(5, seed=1), sample(5, seed=2)
    right = validation[1].argmax(axis=1) == validation[0]
    for row in by_accuracy(validation, test, rule):
        reached = [
            value
            for value in np.unique(validation[1].max(axis=1))
            if right[validation[1].max(axis=1) >= value].mean() >= row["accuracy_wanted"]
        ]
        assert row["threshold"] == min(reached)
        coded = test[1].max(axis=1) >= row["threshold"]
        found = (test[1].argmax(axis=1) == test[0])[coded]
        assert row["share"] == share(int(coded.sum()), len(coded))
        assert row["accuracy"] == share(int(found.sum()), len(found))
    wrong = (validation[0] + 1) % 5, np.eye(5, dtype=np.float32)[validation[0]]
    assert by_accuracy(wrong, test, rule)[0]["threshold"] is None

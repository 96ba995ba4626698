"""Choosing a threshold: exact, honest about its confidence, and safe to save."""

import json
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from sklearn.metrics import fbeta_score, precision_score, recall_score
from statsmodels.stats.proportion import proportion_confint

from libelle.errors import UserError
from libelle.evaluation import coding, threshold
from libelle.evaluation.curve import Curve, figures, sentence
from libelle.evaluation.intervals import lower_bound, upper_bound, wilson
from libelle.evaluation.wishes import Cost, Request
from libelle.pipeline import Pipeline
from libelle.publication import publish
from libelle.report import print_threshold
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore
from libelle.workflow import full
from scripts import call
from tiny import make_forms, tiny_plan

POSITIVE = np.array([1, 1, 0, 1, 1, 0, 0, 0, 1, 0], dtype=bool)
SCORES = np.array([0.9, 0.8, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])

samples = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 1 / 3, 0.5, 0.7, 1.0])), min_size=1).filter(
    lambda rows: any(positive for positive, _ in rows)
)


def choose(positive, scores, **wish):
    request = Request(**wish)
    return threshold.choose(Curve.of(positive, scores, request.prevalence), request)


@given(samples, st.sampled_from([0.3, 0.5, 0.8, 1.0]))
@settings(max_examples=60, deadline=None)
def test_wishes_are_met_as_well_as_any_score_could(rows, wish):
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
    found = outcomes[choose(positive, scores, recall=wish)]
    assert found[1] >= wish
    assert found[0] == pytest.approx(max(o[0] for o in outcomes.values() if o[1] >= wish))
    assert outcomes[choose(positive, scores, f=0.5)][4] == pytest.approx(max(o[4] for o in outcomes.values()))
    cost = choose(positive, scores, cost=Cost(fp=5, fn=1))
    nothing = positive.sum()
    assert outcomes.get(cost, (0, 0, 0, nothing))[3] == min(nothing, *(o[3] for o in outcomes.values()))
    for name, fits, best in (
        ("precision", [o for o in outcomes.values() if o[0] >= wish], 1),
        ("workload", [o for o in outcomes.values() if o[2] <= wish], 2),
    ):
        if fits:
            assert outcomes[choose(positive, scores, **{name: wish})][best] == max(o[best] for o in fits)
        else:
            with pytest.raises(UserError, match=f"{name}={wish:g} is not reached"):
                choose(positive, scores, **{name: wish})


def test_tied_scores_stand_and_fall_together():
    assert choose(POSITIVE, SCORES, precision=0.75) == 0.6
    assert choose(POSITIVE, SCORES, precision=0.9) == 0.9
    assert choose(POSITIVE, SCORES, workload=0.25) == 0.9  # 0.8 would set three aside


def test_the_nearest_that_an_impossible_wish_names_can_be_reached():
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
    found = figures(POSITIVE, SCORES, 0.6, Request(value=0.6, prevalence=0.15))
    assert found["precision"]["value"] == pytest.approx(precision_score(positive, scores >= 0.6))
    assert found["share"]["value"] == pytest.approx((scores >= 0.6).mean())
    assert found["precision"]["low"] < found["precision"]["value"] < found["precision"]["high"]


@pytest.mark.parametrize(("part", "whole"), [(0, 5), (3, 7), (80, 100), (5, 5)])
def test_intervals_are_statsmodels(part, whole):
    assert wilson(part, whole, 0.95) == pytest.approx(proportion_confint(part, whole, method="wilson"))
    exact = binomtest(part, whole).proportion_ci(0.9, method="exact")
    assert [lower_bound(part, whole, 0.05), upper_bound(part, whole, 0.05)] == pytest.approx([exact.low, exact.high])


@pytest.mark.parametrize(
    "wish", [{"precision": 0.75}, {"recall": 0.7}, {"workload": 0.2}, {"precision": 0.5, "prevalence": 0.15}]
)
def test_with_confidence_the_wish_holds_in_the_population(wish):
    """Scores whose precision, recall and share are known: normal, with mean 2 for positives and 0 for others."""
    generator = np.random.default_rng(3)
    chosen, broken, draws = 0, {None: 0, 0.9: 0}, 300
    pi = wish.get("prevalence", 0.3)
    for _ in range(draws):
        positive = generator.random(400) < 0.3
        scores = norm.cdf(generator.normal(size=400) + 2 * positive)
        for confidence in broken:
            try:
                limit = norm.ppf(choose(positive, scores, confidence=confidence, **wish))
            except UserError:
                continue
            chosen += confidence is not None
            right, wrong = pi * norm.sf(limit - 2), (1 - pi) * norm.sf(limit)
            truth = {"precision": right / (right + wrong), "recall": right / pi, "workload": right + wrong}
            name = next(iter(wish))
            broken[confidence] += truth[name] > wish[name] if name == "workload" else truth[name] < wish[name]
    assert chosen > draws / 2  # it is of use
    # Three standard errors above the level; and it takes more than the estimate to keep it.
    assert broken[0.9] / draws <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / draws)
    assert broken[None] / draws > 0.2


def test_the_sentence():
    counts = [80, 20, 420, 2813]
    positive, scores = np.repeat([True, False, True, False], counts), np.repeat([1, 1, 0, 0], counts)
    found = figures(positive, scores, 1, Request(value=1))
    assert sentence(found, ["0", "1"]) == (
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


def reopened(run):
    return Run.open(run.store, run.id)


def test_chosen_on_validation_and_reported_on_test(run):
    choice = threshold.decide(run, Request(recall=0.9))
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
        threshold.save(run, threshold.decide(run, Request(value=value)))
    loaded = Pipeline.load(str(run.id), run.store)
    assert loaded.threshold == 0.75
    assert publish(run.store, reopened(run), "forms").threshold == 0.75
    assert Pipeline.load("forms", run.store).threshold == 0.75
    # What is published keeps its threshold; publishing again takes the new one, and the version before keeps its own.
    threshold.save(reopened(run), threshold.decide(run, Request(value=0.6)))
    assert Pipeline.load("forms", run.store).threshold == 0.75
    publish(run.store, reopened(run), "forms")
    assert [Pipeline.load(name, run.store).threshold for name in ("forms", "forms@1", "forms@2")] == [0.6, 0.75, 0.6]
    run = reopened(run)
    assert [item["value"] for item in run.read_threshold()["history"]] == [0.25, 0.75, 0.6]
    assert reopened(run).verify().manifest.status == "completed"


class Killed(BaseException):
    pass


@pytest.mark.parametrize("writes", [0, 1, 2])
@pytest.mark.parametrize("earlier", [[], [0.25]])
def test_a_choice_killed_at_any_write_leaves_a_whole_run(run, monkeypatch, writes, earlier):
    for value in earlier:
        threshold.save(run, threshold.decide(run, Request(value=value)))
    choice = threshold.decide(run, Request(value=0.75))
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
    assert Pipeline.load(str(run.id), run.store).threshold == (0.75 if writes == 2 else [0.5, *earlier][-1])
    threshold.save(reopened(run), choice)
    assert Pipeline.load(str(run.id), run.store).threshold == 0.75


def test_choices_at_once_are_all_remembered(run):
    choices = [threshold.decide(run, Request(value=value / 10)) for value in range(6)]
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


def test_a_lock_left_by_the_dead_is_taken_over(run, monkeypatch):
    monkeypatch.setattr("libelle.runs.run._CHANGE_DIED", 0.1)
    run.store.put(run.key("threshold.json.lock"), b"somebody")
    threshold.save(run, threshold.decide(run, Request(value=0.3)))
    assert run.read_threshold()["value"] == 0.3


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A run with three classes."""
    folder = tmp_path_factory.mktemp("many")
    plan = tiny_plan(folder)
    forms = pd.read_csv(folder / "forms.csv", dtype="str", keep_default_na=False)
    forms.loc[forms["job"].isin(["médecin", "maçon"]), "label"] = "2"
    forms.to_csv(folder / "forms.csv", index=False)
    return Run.open(plan.store, RunId.parse(full(plan).run_id))


def test_many_classes_automatic_coding(many):
    labels, table = threshold.predictions(many)
    part = table[table["split"] == "validation"]
    scores = part[[f"score_{label}" for label in labels]].to_numpy(dtype=float)
    right = np.array(labels)[scores.argmax(axis=1)] == part["target"]
    top = scores.max(axis=1)
    shares = {limit: (top >= limit).mean() for limit in top if right[top >= limit].mean() >= 0.6}
    choice = threshold.save(many, threshold.decide(many, Request(accuracy=0.6)))
    assert choice["validation"]["share"]["value"] == max(shares.values())
    assert choice["validation"]["precision"]["value"] >= 0.6
    assert "coded automatically" in choice["sentence"]
    pipeline = Pipeline.load(str(many.id), many.store)
    assert pipeline.threshold == choice["value"]
    assert pipeline.decide(np.array([[0.2, 0.3, 0.5]], dtype=np.float32)).tolist() == [2]
    result = pipeline.predict(make_forms(40))
    assert result["automatic"].tolist() == (result["score"].astype(float) >= choice["value"]).tolist()


def chosen_labels(table, labels):
    scores = table[[f"score_{label}" for label in labels]].to_numpy(dtype=float)
    return np.array(labels)[scores.argmax(axis=1)], scores.max(axis=1)


@pytest.mark.parametrize(("name", "wish"), [("precision", 0.6), ("recall", 0.3), ("workload", 0.1)])
def test_many_classes_each_get_the_best_threshold_that_decides_as_wished(many, name, wish):
    choice = threshold.decide(many, Request(**{name: wish}))
    assert choice["value"] is None
    assert set(choice["classes"]) == {"0", "1", "2"}
    labels, table = threshold.predictions(many)
    part = table[table["split"] == "validation"]
    told, score = chosen_labels(part, labels)
    for label, limit in choice["classes"].items():
        outcomes = {}
        for candidate in np.unique(score[told == label]):
            coded = (told == label) & (score >= candidate)
            right = coded & (part["target"] == label).to_numpy()
            recall = right.sum() / max((part["target"] == label).sum(), 1)
            outcomes[candidate] = {"precision": right.sum() / coded.sum(), "recall": recall, "workload": coded.mean()}
        right_once = any(values["recall"] for values in outcomes.values())
        fits = {
            candidate: values
            for candidate, values in outcomes.items()
            if right_once and (values[name] <= wish if name == "workload" else values[name] >= wish)
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


@pytest.mark.parametrize(("wish", "label", "rows"), [("accuracy", None, 400), ("precision", "b", 1200)])
def test_with_confidence_automatic_coding_is_as_right_in_the_population(wish, label, rows):
    """Of records with score x a share of x is right, x even from 1/3 to 1: what is coded is as right as its mean score.

    With one threshold for all labels, and with the threshold of one of three.
    """
    generator = np.random.default_rng(5)
    labels, asked, draws = np.array(["a", "b", "c"]), 0.75, 300
    broken, chosen = {None: 0, 0.9: 0}, 0
    for _ in range(draws):
        score, told = generator.uniform(1 / 3, 1, size=rows), generator.integers(3, size=rows)
        right = generator.random(rows) < score
        table = pd.DataFrame({"target": labels[np.where(right, told, (told + 1) % 3)]})
        for place, name in enumerate(labels):
            table[f"score_{name}"] = np.where(told == place, score, (1 - score) / 2)
        outcomes = threshold.outcomes(table, labels.tolist(), label)
        for confidence in broken:
            try:
                limit = choose(*outcomes, **{wish: asked}, confidence=confidence)
            except UserError:
                continue
            chosen += confidence is not None
            broken[confidence] += (limit + 1) / 2 < asked
    assert chosen > draws / 2
    # Three standard errors above the level; and it takes more than the estimate to keep it.
    assert broken[0.9] / draws <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / draws)
    assert broken[None] / draws > 0.2


def test_a_label_is_coded_automatically_from_its_own_threshold_on(many, tmp_path):
    threshold.save(many, {"value": None, "classes": {"0": 0.5, "1": 0.625, "2": None}})
    publish(many.store, reopened(many), "own")
    from_run, published = (Pipeline.load(name, many.store) for name in (str(many.id), "own"))
    scores = np.array(
        [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.125, 0.625, 0.25], [0, 0, 1], [0.4375, 0.3125, 0.25]], np.float32
    )
    for pipeline in (from_run, published):
        assert pipeline.decide(scores).tolist() == [0, 1, 1, 2, 0]
        assert pipeline.limits[:2].tolist() == [0.5, 0.625]
        assert coding.automatic(*coding.top(scores), pipeline.limits).tolist() == [True, False, True, False, False]
    from_run.save(tmp_path, make_forms(3)[from_run.fields])
    assert Pipeline.load(tmp_path).class_thresholds == {"0": 0.5, "1": 0.625, "2": None}
    # A label that the choice does not speak of is never coded, either.
    assert np.isnan(coding.limits(["0", "3"], None, {"0": 0.5})[1])
    # A choice for all labels takes the place of those of labels, and the other way round; what is published stays.
    threshold.save(reopened(many), threshold.decide(many, Request(value=0.25)))
    again = Pipeline.load(str(many.id), many.store)
    assert (again.threshold, again.class_thresholds) == (0.25, None)
    assert coding.automatic(*coding.top(scores), again.limits).all()
    assert Pipeline.load("own", many.store).class_thresholds == {"0": 0.5, "1": 0.625, "2": None}


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
    labels, table = threshold.predictions(many)
    test = table[table["split"] == "test"].reset_index(drop=True)
    forms = pd.read_csv(Path(many.store.root).parent / "forms.csv", dtype="str", keep_default_na=False)
    forms.set_index("form").loc[test["id"]].reset_index().to_csv(tmp_path / "forms.csv", index=False)
    for source in (f"run_id={many.id}", "published=forms"):
        score = ["runtime.py", source, "input=forms.csv", store]
        records = json.loads(call(*score, "format=json", cwd=tmp_path).stdout)
        coded = np.array([record["automatic"] for record in records])
        told = np.array([record["label"] for record in records])
        assert told.tolist() == chosen_labels(test, labels)[0].tolist()
        for record in records:
            limit = choice["classes"][record["label"]]
            assert record["threshold"] == limit
            assert record["automatic"] == (limit is not None and record["score"] >= limit)
        for label, found in choice["test"].items():
            right = test["target"][coded & (told == label)] == label
            assert (found["tp"], found["fp"]) == (right.sum(), (~right).sum())
        whole = choice["automatic"]["test"]
        assert whole["share"]["value"] == pytest.approx(coded.mean())
        assert whole["tp"] == (test["target"][coded] == told[coded]).sum()
        for name, read in (("scores.csv", pd.read_csv), ("scores.parquet", pd.read_parquet)):
            assert call(*score, f"output={name}", cwd=tmp_path).returncode == 0
            written = read(tmp_path / name)
            assert written["automatic"].tolist() == coded.tolist()
            limits = [choice["classes"][label] for label in told]
            np.testing.assert_array_equal(written["threshold"], np.array(limits, dtype=float))
        shown = call(*score, cwd=tmp_path).stdout
        assert "automatic" in shown
        assert shown.count(" yes ") == coded[:20].sum()


def test_labels_without_a_threshold_are_told_of(many, capsys):
    choice = threshold.decide(many, Request(workload=0.9))
    choice["classes"]["2"] = None
    choice["test"].pop("2", None)
    print_threshold(many, choice, "python", [])
    without = sum(limit is None for limit in choice["classes"].values())
    shown = capsys.readouterr().out
    assert f"Without a threshold: {without} of 3 labels, never coded automatically." in shown
    assert choice["sentence"] in shown


def test_a_wish_that_no_class_reaches_is_refused(many):
    with pytest.raises(UserError, match="No class reaches it"):
        threshold.decide(many, Request(precision=1, confidence=0.999999))

"""Calibrated scores: as the reference has them, kept with the model, part of every score."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from helpers.tiny import tiny_plan
from libelle.errors import UserError
from libelle.evaluation.calibration import Beta, Calibration, Isotonic, Temperature
from libelle.pipeline import Pipeline
from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.training.workflow import full, prepare, train

METHODS = [Temperature, Isotonic, Beta]


def sample(classes, rows=1500, sharpness=3.0):
    """Probabilities of a model that is too sure of itself, and the targets."""
    generator = np.random.default_rng(classes)
    logits = generator.normal(size=(rows, classes))
    targets = np.array([generator.choice(classes, p=row) for row in softmax(logits, axis=1)])
    return softmax(sharpness * logits, axis=1).astype(np.float32), targets


@pytest.mark.parametrize("classes", [2, 4])
def test_temperature_undoes_too_much_confidence(classes):
    scores, targets = sample(classes)
    fitted = Temperature().fit(scores, targets)
    assert fitted.temperature_ == pytest.approx(3, rel=0.15)
    found = fitted.transform(scores)

    def loss(temperature):
        return log_loss(targets, softmax(np.log(scores.astype(float)) / temperature, axis=1))

    best = minimize(lambda t: loss(t[0]), [1.0], method="Nelder-Mead").x[0]
    assert fitted.temperature_ == pytest.approx(best, rel=1e-3)
    np.testing.assert_array_equal(found.argmax(axis=1), scores.argmax(axis=1))


def test_binary_isotonic_is_scikit_learns():
    scores, targets = sample(2)
    reference = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores[:, 1], targets)
    found = Isotonic().fit(scores, targets).transform(scores)
    np.testing.assert_allclose(found[:, 1], reference.predict(scores[:, 1]), atol=1e-6)


def test_multiclass_isotonic_is_one_against_the_rest():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(900, 3))
    targets = np.array([generator.choice(3, p=row) for row in softmax(2 * features, axis=1)])
    model = LogisticRegression(C=0.001).fit(features, targets)
    scores = model.predict_proba(features)
    regression = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    expected = np.stack([regression.fit_transform(scores[:, k], targets == k) for k in range(3)], axis=1)
    expected /= expected.sum(axis=1, keepdims=True)
    found = Isotonic().fit(scores, targets).transform(scores)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_beta_is_the_logistic_regression_of_its_paper():
    scores, targets = sample(2)
    p = scores[:, 1].astype(float)
    logs = np.stack([np.log(p), -np.log(scores[:, 0].astype(float))], axis=1)
    reference = LogisticRegression(C=1e10, tol=1e-10, max_iter=10_000).fit(logs, targets)
    assert (reference.coef_ >= 0).all()  # otherwise the bounds would make a difference
    found = Beta().fit(scores, targets).transform(scores)
    np.testing.assert_allclose(found[:, 1], reference.predict_proba(logs)[:, 1], atol=1e-4)


def test_beta_never_turns_scores_around():
    scores, targets = sample(2)
    curve = Beta().fit(scores, 1 - targets).curves_[1]
    assert curve["a"] == curve["b"] == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("classes", [2, 4])
def test_every_method_keeps_what_scores_are(method, classes):
    scores, targets = sample(classes)
    fitted = method().fit(scores[:1000], targets[:1000])
    found = fitted.transform(scores)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert ((found >= 0) & (found <= 1)).all()
    assert log_loss(targets[:1000], found[:1000]) < log_loss(targets[:1000], scores[:1000])
    again = Calibration.from_json(json.loads(json.dumps(fitted.to_json())))
    np.testing.assert_array_equal(again.transform(scores), found)
    np.testing.assert_array_equal(fitted.transform(scores[5:6]), found[5:6])
    # Certain scores, a class that validation lacks, and no rows at all.
    certain = np.eye(classes, dtype=np.float32)
    assert np.isfinite(fitted.transform(certain)).all()
    missing = method().fit(scores, np.minimum(targets, classes - 2)).transform(scores)
    assert np.isfinite(missing).all()
    assert len(fitted.transform(scores[:0])) == 0
    with pytest.raises(UserError, match="validation rows"):
        method().fit(scores[:0], targets[:0])


@pytest.mark.parametrize("method", METHODS)
def test_a_run_is_calibrated_throughout(tmp_path, method):
    plan = tiny_plan(tmp_path, calibration=method())
    outcome = full(plan)
    run = Run.open(plan.store, RunId.parse(outcome.run_id)).verify()
    loaded = Pipeline.load(outcome.run_id, plan.store)  # which replays the golden records
    forms = pd.read_csv(tmp_path / "forms.csv", dtype="str", keep_default_na=False, na_values=[""])
    scores = loaded.predict(forms).set_index("id")
    raw = replace(loaded, calibration=None).predict(forms).set_index("id")
    kept = pd.read_parquet(plan.store.local_path(run.key("predictions.parquet"))).set_index("id")
    np.testing.assert_allclose(kept["score_1"], scores.loc[kept.index, "score_1"], atol=1e-6)
    assert not np.allclose(kept["score_1"], raw.loc[kept.index, "score_1"], atol=1e-4)
    about = json.loads(run.read("calibration.json"))
    metrics = json.loads(run.read("metrics.json"))
    for split in ("validation", "test"):
        part = kept[kept["split"] == split]
        before = raw.loc[part.index, "score_1"]
        assert about[split]["after"]["log_loss"] == metrics[split]["log_loss"]
        assert about[split]["before"]["log_loss"] == pytest.approx(log_loss(part["target"] == "1", before), abs=1e-5)
    assert about["validation"]["after"]["log_loss"] <= about["validation"]["before"]["log_loss"]
    publish(plan.store, run, "forms", threshold=0.5)
    published = Pipeline.load("forms", plan.store).predict(forms)
    np.testing.assert_array_equal(published["score_1"], scores["score_1"])


def test_a_base_and_an_older_run_do_without(tmp_path):
    prepare(tiny_plan(tmp_path))
    outcome = train(tiny_plan(tmp_path, calibration=Temperature()))
    assert outcome.pipeline.calibration is not None
    assert full(tiny_plan(tmp_path)).pipeline.calibration is None

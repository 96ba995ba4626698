"""The numbers on the page of a run, computed again by scikit-learn or by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from helpers.run_pages import page_of, table_row
from helpers.tiny import make_forms, tiny_plan
from libelle.data.split import SPLITS, TEST, VALIDATION
from libelle.evaluation.automatic_coding import surest_half
from libelle.evaluation.calibration import Isotonic
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.intervals import share
from libelle.pipeline import Pipeline
from libelle.reports.run_sentences import headline
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.training.prepared_data import Prepared
from libelle.training.workflow import full


@pytest.mark.parametrize("classes", [2, 3])
def test_the_page_shows_log_loss_brier_and_calibration_error_before_and_after(tmp_path, classes):
    forms = make_forms(400)
    if classes == 3:
        forms["label"] = np.where(forms["job"].isin(["infirmière", "médecin"]), "2", forms["label"])
    forms.to_csv(tmp_path / "forms.csv", index=False)
    plan = tiny_plan(tmp_path, calibration=Isotonic())
    run = Run.open(plan.store, RunId.parse(full(plan).run_id))
    page = page_of(run)
    pipeline = Pipeline.load(str(run.id), plan.store)
    forms = forms.set_index("form")
    splits = pd.read_parquet(plan.store.local_path(run.key("split.parquet"))).set_index("id")["split"]
    expected = {name: [] for name in ("log_loss", "brier", "expected_calibration_error")}
    for split in (VALIDATION, TEST):
        part = forms.loc[splits.index[splits == split]]
        targets = part["label"].map({label: place for place, label in enumerate(pipeline.labels)}).to_numpy()
        for stage in (replace(pipeline, calibration=None), pipeline):
            scores = stage.predict_proba(part).astype(float)
            scores /= 1 if classes == 2 else scores.sum(axis=1, keepdims=True)
            decisive = scores[:, 1] if classes == 2 else scores.max(axis=1)
            positive = decisive if classes == 2 else scores
            expected["log_loss"].append(sk.log_loss(targets, positive, labels=range(classes)))
            brier = ((scores - np.eye(classes)[targets]) ** 2).sum(axis=1).mean()
            expected["brier"].append(sk.brier_score_loss(targets, scores[:, 1]) if classes == 2 else brier)
            happened = targets == 1 if classes == 2 else scores.argmax(axis=1) == targets
            error = happened[decisive == 0].sum() / len(decisive)
            for place in range(15):
                inside = (decisive > place / 15) & (decisive <= (place + 1) / 15)
                error += abs(happened[inside].sum() - decisive[inside].sum()) / len(decisive)
            expected["expected_calibration_error"].append(error)
    for name, values in expected.items():
        assert [float(cell) for cell in table_row(page, name)] == pytest.approx(values, abs=2e-4), name
    before, after = expected["log_loss"][2:]
    assert f"calibration takes the log loss from {before:.4f} to {after:.4f}" in page
    assert ("which is worse" in page) == (after > before)
    assert "before calibration" in page
    plan = tiny_plan(tmp_path)
    assert "before calibration" not in page_of(Run.open(plan.store, RunId.parse(full(plan).run_id)))


def test_the_multiclass_headline_by_hand():
    targets = np.array([0] * 6 + [1] * 4)
    scores = np.tile(np.array([[0.5, 0.3, 0.2]], dtype=np.float32), (10, 1))
    scores[:2] = [0.9, 0.06, 0.04]
    scores[2:5] = [0.1, 0.8, 0.1]
    rule = DecisionRule(["a", "b", "c"])
    sentences = headline(targets, scores, rule)
    # Three of six a are right, and none of four b; the surest five are the first five, two of them right.
    assert sentences[0] == (
        "Of 100 records, 30 (11–60) get the right one of 3 labels; giving all of them label a would be right for 60."
    )
    assert sentences[1] == "For 100 (72–100) of 100, the right label is among the 2 with the best scores."
    assert sentences[2] == "Of the half with the highest scores, 40 (12–77) of 100 are right."
    assert surest_half(targets, scores, rule) == share(2, 5)


def test_a_large_test_split_is_sampled_and_the_page_says_so(tmp_path, monkeypatch):
    plan = tiny_plan(tmp_path)
    page = page_of(Run.open(plan.store, RunId.parse(full(plan).run_id)))
    assert "all 18 test records are scored again" in page
    monkeypatch.setattr("libelle.evaluation.field_worth.MOST_BLANKED", 30)
    plan = tiny_plan(tmp_path)
    page = page_of(Run.open(plan.store, RunId.parse(full(plan).run_id)))
    assert "a sample of 10 of the 18 test records is scored again" in page


def test_what_the_page_says_of_the_data_by_hand(tmp_path):
    plan = tiny_plan(tmp_path)
    records = plan.source.read()
    about = Prepared.from_source(plan.source, records, plan.cleaners, plan.process).about
    page = page_of(Run.open(plan.store, RunId.parse(full(plan).run_id)))
    forms = make_forms()
    assert about["missing"]["town"] == pytest.approx(forms["town"].isna().mean())
    assert about["distinct"]["town"] == forms["town"].nunique()
    splits = pd.Series(records.splits).to_numpy()
    for label in ("0", "1"):
        expected = [int(((forms["label"] == label) & (splits == split)).sum()) for split in SPLITS]
        assert [about["label_rows"][split][label] for split in SPLITS] == expected
        assert [int(cell) for cell in table_row(page, label)] == expected
    missing, distinct = table_row(page, "town")[:2]
    assert missing == f"{forms['town'].isna().mean() * 100:.1f} %"
    assert int(distinct) == forms["town"].nunique()

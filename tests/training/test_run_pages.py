"""After a choice of threshold, the run's report and errors.csv are those of the threshold."""

import io
import re
import shutil
from dataclasses import replace

import pandas as pd
import pytest

from helpers.many import fit_many
from helpers.run_pages import page_of, table_row
from helpers.tiny import make_forms, reopened, tiny_plan
from libelle.data.titles import read_titles
from libelle.evaluation import threshold
from libelle.evaluation.calibration import Temperature
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.evaluation.threshold_table import threshold_table
from libelle.pipeline import Pipeline
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore
from libelle.training import run_pages, workflow
from libelle.training.run_pages import keep_choice, make_pages, renew_pages


def choose(run, **target):
    request = ThresholdRequest(**target)
    return keep_choice(reopened(run), threshold.decide(run, request), request)


def train(folder, **changes):
    plan = tiny_plan(folder, **changes)
    plan.source.slices = ["town", "employer"]
    (folder / "titles.csv").write_text("label,title\n1,santé\n0,bâtiment\n", encoding="utf-8")
    plan.source.titles = str(folder / "titles.csv")
    return Run.open(plan.store, RunId.parse(workflow.full(plan).run_id))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    make_forms(400).to_csv(folder / "forms.csv", index=False)
    return train(folder, calibration=Temperature())


@pytest.fixture
def fresh(run, tmp_path):
    """The run, as it was after training."""
    shutil.copytree(run.store.root, tmp_path / "store")
    return Run.open(LocalStore(root=str(tmp_path / "store")), run.id)


def test_without_a_choice_the_pages_made_again_are_those_of_training(run, fresh):
    names = ("report.html", "errors.csv")
    # The command that the page proposes names the store, which is a copy.
    trained, here = (str(store.root).encode() for store in (run.store, fresh.store))
    before = [fresh.read(name).replace(trained, here) for name in names]
    assert f"<code>python threshold.py run_id={run.id} precision=0.8 store.root=".encode() + here in before[0]
    renew_pages(fresh)
    assert [fresh.read(name) for name in names] == before
    assert b"was chosen on" not in before[0]


def test_after_a_choice_the_pages_are_those_of_the_threshold(fresh):
    saved = choose(fresh, value=0.05)
    run = reopened(fresh).verify()
    page = page_of(run)
    assert "The threshold 0.05 was chosen on" in page
    assert "by value=0.05" in page
    assert saved["sentence"] in page
    assert "A record is set aside where its score is at least 0.05." in page
    shown = [float(value) for value in table_row(page, "precision")[:3]]
    forms = make_forms(400)
    pipeline = Pipeline.load(str(run.id), run.store)
    split = pd.read_parquet(io.BytesIO(run.read("split.parquet")))
    for name, value in zip(("train", "validation", "test"), shown, strict=True):
        part = forms[forms["form"].isin(split["id"][split["split"] == name])]
        assert pipeline.evaluate(part)["precision"] == pytest.approx(value, abs=1e-4)
    errors = pd.read_csv(io.BytesIO(run.read("errors.csv")), dtype={"decision": "str"})
    decided = errors.dropna(subset=["decision"])
    flagged = decided["decision"] == "1"
    assert flagged.any()
    assert (decided["score"][flagged] >= 0.05).all()


def test_titles_stand_in_the_report_and_in_errors_csv(run):
    assert "label 1 (santé)" in page_of(run)
    errors = pd.read_csv(io.BytesIO(run.read("errors.csv")), dtype="str")
    assert list(errors)[3:7] == ["target", "target_title", "decision", "decision_title"]
    assert set(errors["target_title"]) == {"santé", "bâtiment"}
    choice = threshold.decide(run, ThresholdRequest(value=0.5))
    assert "truly label 1 (santé)" in choice["sentence"]


def test_the_evidence_holds_no_text_unless_it_was_asked_for(run, tmp_path):
    table = pd.read_parquet(io.BytesIO(run.read("evidence/rows.parquet")))
    assert not [name for name in table if name.startswith("text_")]
    values = set(table["slice_employer"].dropna())
    assert values
    make_forms(60).to_csv(tmp_path / "forms.csv", index=False)
    few = train(tmp_path, keep_texts=True)
    table = pd.read_parquet(io.BytesIO(few.read("evidence/rows.parquet")))
    counts = table["slice_employer"].value_counts()
    # What fewer than five test records say is a number.
    assert all(re.fullmatch(r"#-?\d+", value) for value in counts.index[counts < 5])
    choose(few, value=0.3)
    errors = pd.read_csv(io.BytesIO(reopened(few).read("errors.csv")))
    assert {"text_employer", "text_job", "text_town"} <= set(errors)


def test_a_choice_that_another_overtakes_leaves_a_report_of_the_last(fresh, monkeypatch):
    made = []

    def overtaken(evidence, excel):
        if not made:
            threshold.save(reopened(fresh), threshold.decide(fresh, ThresholdRequest(value=0.4)))
        made.append(evidence.choice["value"])
        return make_pages(evidence, excel)

    monkeypatch.setattr(run_pages, "make_pages", overtaken)
    choose(fresh, value=0.2)
    run = reopened(fresh).verify()
    assert made == [0.2, 0.4]
    assert run.read_threshold()["value"] == 0.4
    assert "The threshold 0.4 was chosen" in page_of(run)


def test_the_report_of_a_run_of_an_earlier_version_stays(fresh, caplog):
    for name in [name for name in fresh.manifest.files if ".evidence/" in name]:
        del fresh.manifest.files[name]
    fresh.store.put(fresh.key("manifest.json"), fresh.manifest.to_json())
    before = fresh.read("report.html")
    caplog.set_level("INFO")
    assert choose(fresh, value=0.3)["value"] == 0.3
    assert reopened(fresh).read("report.html") == before
    assert "its report stays as it was" in caplog.text


def test_errors_csv_is_for_a_french_excel_on_wish(tmp_path):
    run = train(tmp_path, excel="fr")
    assert run.read("errors.csv").startswith("\ufeffkind;id;split;".encode())


def test_many_labels_have_a_table_with_a_line_each(tmp_path):
    pipeline = fit_many(tmp_path, store=str(tmp_path / "store"))
    run = Run.open(LocalStore(root=str(tmp_path / "store")), RunId.parse(pipeline.name))
    choose(run, precision=0.5)
    table = pd.read_csv(io.BytesIO(reopened(run).read("thresholds.csv")), dtype={"label": "str"})
    choice = reopened(run).read_threshold()
    assert table["label"].tolist() == choice["labels"]
    assert table["title"].tolist()[:2] == ["Titre 00, oui", "Titre 01, oui"]
    limits = pd.Series([choice["classes"][label] for label in table["label"]], dtype="float64")
    pd.testing.assert_series_equal(table["threshold"], limits, check_names=False)
    assert table["test_right"].sum() == choice["automatic"]["test"]["tp"]
    choose(run, accuracy=0.5, excel="fr")
    assert reopened(run).read("thresholds.csv").startswith("\ufefflabel;title;threshold;".encode())
    page = page_of(reopened(run))
    assert "by accuracy=0.5" in page
    assert "Titre 00, oui" in page


def test_the_table_of_one_threshold_adds_up(run):
    request = ThresholdRequest(value=0.4)
    choice = threshold.decide(run, request)
    (row,) = threshold_table(run, choice, request).to_dict("records")
    assert (row["label"], row["title"]) == ("1", "santé")
    assert row["test_right"] == choice["test"]["tp"]
    assert row["test_set_aside"] == choice["test"]["tp"] + choice["test"]["fp"]
    assert row["test_precision"] == choice["test"]["precision"]["value"]


def test_a_base_keeps_titles(tmp_path):
    plan = tiny_plan(tmp_path)
    (tmp_path / "titles.csv").write_text("label,title\n1,santé\n", encoding="utf-8")
    plan.source.titles = str(tmp_path / "titles.csv")
    assert read_titles(plan.source.titles).by_code == {"1": "santé"}
    workflow.prepare(plan)
    outcome = workflow.train(replace(tiny_plan(tmp_path), source=plan.source))
    assert outcome.pipeline.titles == {"1": "santé"}
    assert Pipeline.load(outcome.run_id, plan.store).titles == {"1": "santé"}

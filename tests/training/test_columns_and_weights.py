"""Runs on categories, numbers and weights, by the commands: every mode, every answer, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.households import REGIONS, households_file, make_households
from helpers.scripts import call
from libelle import Pipeline, fit
from libelle.errors import UserError
from libelle.stores.local import LocalStore

ROLES = ["data=csv", "data.path=households.csv", "data.target=label", "data.categorical=region", "data.numeric=age"]
WEIGHTED = [*ROLES, "data.weight=weight"]
QUICK = ["trainer.max_epochs=2", "model.hidden=[8]", "model.ngram_dim=8"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where three runs are: 1 `mlp` with weights, 2 the same from a base, 3 `logreg` without weights."""
    folder = tmp_path_factory.mktemp("households")
    households_file(folder)
    unweighted = [*ROLES, "data.columns=job"]
    for arguments in (
        [*WEIGHTED, *QUICK],
        [*WEIGHTED, *QUICK, "mode=prepare"],
        [*QUICK, "mode=train"],
        [*unweighted, "model=logreg"],
        [*unweighted, *QUICK],
    ):
        answer = call("train.py", *arguments, cwd=folder)
        assert answer.returncode == 0, answer.stderr
    return folder


def run_file(folder: Path, number: int, name: str) -> Path:
    (found,) = folder.glob(f"store/runs/*/{number}/*_{number}.{name}")
    return found


def run_id(folder: Path, number: int) -> str:
    return run_file(folder, number, "manifest.json").name.partition(".")[0]


def answers(folder: Path, *arguments: str) -> list[dict]:
    answer = call("runtime.py", *arguments, "format=json", cwd=folder)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_a_run_from_the_base_is_the_whole_run(folder):
    whole, based = (json.loads(run_file(folder, n, "metrics.json").read_text()) for n in (1, 2))
    assert whole == based
    frames = [pd.read_parquet(run_file(folder, n, "predictions.parquet")) for n in (1, 2)]
    pd.testing.assert_frame_equal(*frames)


def test_metrics_are_weighted_and_scores_keep_the_weights(folder):
    from sklearn.metrics import average_precision_score

    metrics = json.loads(run_file(folder, 1, "metrics.json").read_text())["test"]
    table = pd.read_parquet(run_file(folder, 1, "predictions.parquet")).query("split == 'test'")
    weights = make_households()["weight"].astype(float)
    assert table["weight"].tolist() == weights[table["id"] - 1].tolist()
    expected = average_precision_score(table["target"] == "1", table["score_1"], sample_weight=table["weight"])
    assert metrics["average_precision"] == pytest.approx(expected)
    assert (
        metrics["weight"]
        == pytest.approx(table["weight"].sum())
        == pytest.approx(sum(metrics[name] for name in ("tn", "fp", "fn", "tp")))
    )
    assert "weighted by the records' weights" in run_file(folder, 1, "report.html").read_text()
    unweighted = json.loads(run_file(folder, 3, "metrics.json").read_text())["test"]
    assert "weight" not in unweighted
    assert isinstance(unweighted["tp"], int)


def test_what_fields_are_worth_names_them_as_a_whole(folder):
    report = run_file(folder, 3, "report.html").read_text()
    assert "region" in report
    assert "Hauts" not in report.split("<h2>Data")[0]


def test_golden_records_are_drawn_field_by_field(folder):
    golden = json.loads((run_file(folder, 1, "pipeline") / "golden.json").read_text())
    records = [item["record"] for item in golden]
    assert {name for record in records for name in record} == {"job", "region", "age"}
    assert {record["region"] for record in records} <= {*REGIONS, None}
    real = make_households()[["job", "region", "age"]].astype(object).replace({np.nan: None}).to_dict("records")
    assert not [record for record in records if record in real]


def test_missing_values_and_unknown_categories_are_scored(folder):
    found = answers(folder, f"run_id={run_id(folder, 3)}", "text=Lyon", "record.region=Corse", "record.age=12")
    none = answers(folder, f"run_id={run_id(folder, 3)}", "text=Lyon")
    other = answers(folder, f"run_id={run_id(folder, 3)}", "text=Lyon", "record.region=Mars", "record.age=12")
    assert found[0]["score"] > 0.5 > other[0]["score"]
    assert none[0]["score"] != other[0]["score"]


def test_an_explanation_names_categories_and_numbers(folder):
    (answer,) = answers(
        folder,
        f"run_id={run_id(folder, 3)}",
        "text=Lyon Brest",
        "record.region=Hauts de Seine",
        "record.age=60",
        "explain=true",
    )
    effects = {effect["field"]: effect for effect in answer["explanation"]}
    assert effects["age"]["change"] > 0.3
    assert effects["age"]["words"] == effects["region"]["words"] == []
    assert len(effects["job"]["words"]) == 2


def test_a_record_with_a_text_for_a_number_is_one_sentence(folder):
    answer = call("runtime.py", "text=Lyon", "record.age=douze", cwd=folder)
    assert answer.returncode == 2
    assert answer.stderr.strip().endswith(
        "Record 1: the numeric field 'age' holds 'douze', which is no number; correct it, or leave the field out."
    )


def test_rows_of_a_file_with_a_text_for_a_number_are_passed_over_and_named(folder):
    rows = "job,region,age\nLyon,Corse,12\nBrest,Mars,douze\nSète,,\n"
    (folder / "new.csv").write_text(rows, encoding="utf-8")
    answer = call("runtime.py", "input=new.csv", "format=json", cwd=folder)
    assert [record["id"] for record in json.loads(answer.stdout)] == [1, 3]
    assert "new.csv, line 3: the numeric field 'age' holds 'douze', which is no number; passed over" in answer.stderr
    assert call("runtime.py", "input=new.csv", "on_error=stop", cwd=folder).returncode == 2


def test_the_page_about_drift_compares_categories_and_numbers(folder):
    table = make_households(300, seed=9)
    table["age"] = (table["age"].astype(float) * 10).astype("str").replace("nan", None)
    table.loc[table["region"] == "Bretagne", "region"] = "Corse"
    table.to_csv(folder / "later.csv", index=False)
    answer = call("runtime.py", "input=later.csv", "output=scores.csv", "report=true", cwd=folder)
    assert answer.returncode == 0, answer.stderr
    assert "The values of age are distributed differently than in training" in answer.stderr
    assert "The values of region are distributed differently than in training" in answer.stderr
    page = (folder / "scores.csv.report.html").read_text()
    for text in ("Grand Est", "any other", "and above"):
        assert text in page
    make_households(300, seed=8).to_csv(folder / "alike.csv", index=False)
    answer = call("runtime.py", "input=alike.csv", "output=scores.csv", "report=true", cwd=folder)
    assert "The values of" not in answer.stderr


def test_an_ensemble_of_such_runs_averages_them(folder):
    members = f"model.runs=[{run_id(folder, 3)},{run_id(folder, 4)}]"
    answer = call("train.py", *ROLES, "data.columns=job", "model=ensemble", members, cwd=folder)
    assert answer.returncode == 0, answer.stderr
    store = LocalStore(root=str(folder / "store"))
    records = make_households(30, seed=5)
    scores = [Pipeline.load(run_id(folder, n), store).predict(records)["score"] for n in (3, 4, 5)]
    np.testing.assert_allclose(np.mean(scores[:2], axis=0), scores[2], atol=1e-6)


def test_a_published_model_scores_as_its_run(folder):
    call("publish.py", f"run_id={run_id(folder, 1)}", "name=homes", "threshold=0.5", cwd=folder)
    found = [answers(folder, source, "text=Lyon", "record.age=3")[0]["scores"]
             for source in ("published=homes", f"run_id={run_id(folder, 1)}")]  # fmt: skip
    assert found[0] == found[1]


def test_synthetic_rows_have_no_weight(folder):
    answer = call("train.py", *WEIGHTED, "model=logreg", "sampler=smote", cwd=folder)
    assert answer.returncode == 2
    assert "sampler=smote makes rows that" in answer.stderr
    assert call("train.py", *WEIGHTED, "model=logreg", "sampler=oversample", cwd=folder).returncode == 0


def test_python_takes_them_too_and_evaluates_by_weight():
    table = make_households()
    overrides = ["data.categorical=region", "data.numeric=age", "data.weight=weight"]
    pipeline = fit(table, target="label", model="logreg", overrides=overrides)
    assert pipeline.fields == ["job", "region", "age"]
    weighted, plain = pipeline.evaluate(table), pipeline.evaluate(table.drop(columns="weight"))
    assert weighted["weight"] == pytest.approx(table["weight"].astype(float).sum())
    assert weighted["accuracy"] != plain["accuracy"]
    with pytest.raises(UserError, match=r"data\.weight=weight is 0 in every row, so that none of them counts"):
        pipeline.evaluate(table.head(3).assign(weight="0"))
    with pytest.raises(UserError, match="Record 2: the numeric field 'age' holds 'old'"):
        pipeline.predict([{"job": "Lyon"}, {"job": "Lyon", "age": "old"}])
    (score,) = pipeline.predict([{"job": "Lyon", "age": 60}])["score"]
    assert score > 0.5

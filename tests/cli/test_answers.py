"""Answers as a clerk needs them: the best labels with their titles, beside the columns of the input."""

import json
from types import SimpleNamespace

import numpy as np
import openpyxl
import pandas as pd
import pytest

from helpers.many import CODES, fit_many, many_records
from libelle import Pipeline, load_folder
from libelle.cli.runtime import ScoringRequest, score
from libelle.cli.score_writers import TableWriter
from libelle.components import validate
from libelle.errors import UserError
from libelle.evaluation.answers import answers
from libelle.evaluation.decision_rule import DecisionRule


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A saved pipeline of 25 labels, and `input.csv` with a column that an answer has, too."""
    folder = tmp_path_factory.mktemp("many")
    fit_many(folder).save(folder / "model")
    records = many_records(1).rename(columns={"code": "label"}).assign(note="=1+1")
    records.head(10).to_csv(folder / "input.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def pipeline(folder) -> Pipeline:
    return load_folder(folder / "model")


@pytest.fixture
def ask(folder, pipeline, tmp_path, capsys):
    def asked(**values):
        if "output" in values:
            values["output"] = str(tmp_path / values["output"])
        request = validate(ScoringRequest, {"input": str(folder / "input.csv"), **values}, "")
        score(request, pipeline)
        return capsys.readouterr().out

    return asked


def test_files_hold_the_decision_its_score_and_the_best_three(ask, pipeline, folder, tmp_path):
    ask(output="scores.csv")
    table = pd.read_csv(tmp_path / "scores.csv", dtype="str")
    best = [f"top_{rank}_{name}" for rank in (1, 2, 3) for name in ("label", "title", "score")]
    assert list(table) == ["id", "label", "title", "score", *best, "threshold", "model"]
    expected = pipeline.predict(pd.read_csv(folder / "input.csv", dtype="str").drop(columns=["label", "note"]))
    scores = expected[[f"score_{code}" for code in CODES]].to_numpy()
    for rank, places in enumerate((-scores).argsort(axis=1, kind="stable").T[:3], start=1):
        assert table[f"top_{rank}_label"].tolist() == [CODES[place] for place in places]
    assert (table["label"] == table["top_1_label"]).all()
    assert table["title"].tolist() == [f"Titre {label}, oui" for label in table["label"]]
    assert table["label"].tolist() == CODES[:10]  # 01 stays 01


def test_a_terminal_shows_on_which_side_of_the_threshold_a_score_is(capsys):
    positive = np.array([0.49999997, 0.5, 0.81234], np.float32)
    rule = DecisionRule(["no", "yes"], 0.5)
    writer = TableWriter(SimpleNamespace(rule=rule, name="m", titles={}, id=None))
    writer.write(answers(np.stack([1 - positive, positive], axis=1), pd.Series([1, 2, 3]), rule, {}), None)
    writer.close()
    rows = [line.split()[:3] for line in capsys.readouterr().out.splitlines() if "0." in line]
    assert rows[:3] == [["1", "no", "0.49999997"], ["2", "yes", "0.5000"], ["3", "yes", "0.8123"]]


def test_every_score_has_a_column_on_wish(ask, tmp_path):
    ask(output="scores.parquet", scores="all", top=1)
    table = pd.read_parquet(tmp_path / "scores.parquet")
    assert [name for name in table if name.startswith("score_")] == [f"score_{code}" for code in CODES]
    assert table.columns[-25:].tolist() == [f"score_{code}" for code in CODES]
    assert "top_2_label" not in table


def test_json_has_the_scores_of_many_labels_on_wish_alone(ask, tmp_path):
    (answer,) = json.loads(ask(input=None, text="produit03 rayon3", format="json"))
    assert list(answer) == ["id", "label", "title", "score", "threshold", "model"]
    (answer,) = json.loads(ask(input=None, text="produit03 rayon3", format="json", top=2, scores="all"))
    assert list(answer) == ["id", "label", "title", "score", "scores", "top", "threshold", "model"]
    assert list(answer["scores"]) == CODES
    assert [item["label"] for item in answer["top"]] == sorted(CODES, key=lambda code: -answer["scores"][code])[:2]
    assert answer["top"][0] == {"label": "03", "title": "Titre 03, oui", "score": answer["score"]}
    ask(output="scores.jsonl", top=2)
    lines = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text("utf-8").splitlines()]
    assert [len(line["top"]) for line in lines] == [2] * 10


def test_a_label_without_a_title_has_none(ask, tmp_path):
    (answer,) = json.loads(ask(input=None, text="produit24 rayon4", format="json", top=1))
    assert (answer["label"], answer["title"], answer["top"][0]["title"]) == ("24", None, None)


def test_the_table_lists_the_best_labels_with_their_titles(ask):
    shown = ask(top=2)
    assert "top 2" in shown
    assert "03 Titre 03, oui" in shown
    assert "Titre 03, oui" in ask()


def test_columns_of_the_input_stand_before_the_answers(ask, folder, tmp_path):
    ask(output="scores.csv", keep="all", top=1)
    table = pd.read_csv(tmp_path / "scores.csv", dtype="str")
    given = pd.read_csv(folder / "input.csv", dtype="str")
    assert list(table)[:6] == ["line", "nature", "input_label", "shop", "note", "id"]
    for name in given:
        assert table[name.replace("label", "input_label")].tolist() == given[name].tolist()
    ask(output="scores.xlsx", keep="note, shop", top=1)
    rows = list(openpyxl.load_workbook(tmp_path / "scores.xlsx").active.iter_rows())
    assert [cell.value for cell in rows[0]][:4] == ["note", "shop", "id", "label"]
    assert (rows[1][0].value, rows[1][0].data_type) == ("=1+1", "s")
    first, *_ = json.loads(ask(keep="note,shop", format="json"))
    assert first["input"] == {"note": "=1+1", "shop": "magasin 0"}
    assert "magasin 0" in ask(keep="shop")


def test_titles_are_saved_and_a_pipeline_without_them_has_no_titles(pipeline, folder):
    answer = pipeline.predict(["produit03 rayon3"], top=2, every_score=False)
    names = ["id", "label", "title", "score"]
    assert list(answer) == names + [f"top_{rank}_{name}" for rank in (1, 2) for name in ("label", "title", "score")]
    about = json.loads((folder / "model" / "pipeline.json").read_text("utf-8"))
    assert len(about["titles"]) == 24


def test_the_page_beside_the_scores_names_labels_by_their_titles(ask, tmp_path):
    ask(output="scores.csv", report=True)
    assert "03 (Titre 03, oui)" in (tmp_path / "scores.csv.report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"keep": "nope"}, ["input.csv", "'nope'", "keep"]),
        ({"input": None, "text": "a", "keep": "all"}, ["keep=", "input=<file>"]),
        ({"scores": "all"}, ["25 columns", "output=", "top=5"]),
        ({"scores": "some"}, ["scores=some", "'all'"]),
        ({"top": 0}, ["top=0"]),
        ({"output": "scores.doc"}, ["output=", "scores.doc", ".xlsx"]),
        ({"excel": "fr"}, ["excel=fr", "output=scores.csv"]),
        ({"output": "scores.parquet", "excel": "fr"}, ["excel=fr", ".csv"]),
    ],
)
def test_a_wrong_wish_is_one_sentence(ask, values, words):
    with pytest.raises(UserError) as caught:
        ask(**values)
    assert all(word in str(caught.value) for word in words)

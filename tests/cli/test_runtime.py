"""Scoring from the command line: one text, one record or a file; the outputs agree and nothing is lost on the way."""

import io
import json
import logging
import sys
from pathlib import Path

import pandas as pd
import pytest

from helpers.tiny import make_forms
from libelle import Pipeline
from libelle.cli.runtime import ScoringRequest, score
from libelle.components import validate
from libelle.errors import UserError
from libelle.stores.local import LocalStore


@pytest.fixture(scope="module")
def pipeline(trained: tuple[LocalStore, str]) -> Pipeline:
    store, run_id = trained
    return Pipeline.load(run_id, store)


def ask(**values) -> ScoringRequest:
    return validate(ScoringRequest, values, "")


def answers(capsys: pytest.CaptureFixture[str], pipeline: Pipeline, **values) -> list[dict]:
    score(ask(format="json", **values), pipeline)
    return json.loads(capsys.readouterr().out)


def test_the_json_of_a_text_holds_what_the_design_says(capsys, pipeline):
    (answer,) = answers(capsys, pipeline, text="Hôpital « Nord », service (urgences) = 50 %")
    assert list(answer) == ["id", "label", "score", "scores", "threshold", "model"]
    assert answer["id"] == 1
    assert answer["score"] == answer["scores"]["1"]
    assert answer["threshold"] == 0.5
    assert answer["model"] == pipeline.name


def test_a_text_fills_the_first_field_and_a_record_the_ones_it_names(capsys, pipeline):
    (text,) = answers(capsys, pipeline, text="NULL")
    (record,) = answers(capsys, pipeline, record={"employer": "NULL"})
    (both,) = answers(capsys, pipeline, text="NULL", record={"job": "maçon", "form": "F7"})
    assert text["scores"] == record["scores"] != both["scores"]
    assert both["id"] == "F7"


def test_a_blank_text_is_an_empty_record(capsys, pipeline):
    (blank,) = answers(capsys, pipeline, text=" ")
    assert blank["scores"] == answers(capsys, pipeline, text="")[0]["scores"]


def test_json_csv_and_parquet_say_the_same(capsys, pipeline, tiny_forms, tmp_path):
    path = str(tiny_forms(30))
    from_json = pd.json_normalize(answers(capsys, pipeline, input=path))
    from_json = from_json.rename(columns=lambda name: name.replace("scores.", "score_"))
    for name in ("scores.csv", "scores.parquet"):
        score(ask(input=path, output=str(tmp_path / name), scores="all"), pipeline)
    from_csv = pd.read_csv(tmp_path / "scores.csv", dtype={"label": "str"})
    from_parquet = pd.read_parquet(tmp_path / "scores.parquet")
    assert capsys.readouterr().out == ""
    for table in (from_csv, from_parquet):
        assert sorted(table.columns) == sorted(from_json.columns)
        pd.testing.assert_frame_equal(table[from_json.columns], from_json, check_dtype=False, rtol=1e-6)
    assert from_json["id"].tolist() == make_forms(30)["form"].tolist()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["forms.csv", "scores.csv", "scores.parquet"]


def test_a_parquet_input_scores_as_its_csv_does(capsys, pipeline, tiny_forms, tmp_path):
    path = tiny_forms(30)
    make_forms(30).to_parquet(tmp_path / "forms.parquet")
    assert answers(capsys, pipeline, input=str(tmp_path / "forms.parquet")) == answers(
        capsys, pipeline, input=str(path)
    )


def test_bad_rows_are_passed_over_and_the_others_keep_their_numbers(capsys, pipeline, tmp_path, caplog):
    path = tmp_path / "forms.csv"
    path.write_bytes(b"employer,job,town\na,b,c\na,b\na,b,\xff\n\nd,e,f\n")
    assert [answer["id"] for answer in answers(capsys, pipeline, input=str(path), encoding="utf-8")] == [1, 4]
    assert "line 3: 2 fields" in caplog.text
    assert "line 4: bytes" in caplog.text
    assert "4 records, 2 scored, 2 refused" in caplog.text
    with pytest.raises(UserError, match=r"forms\.csv, line 3: .*on_error=skip"):
        score(ask(input=str(path), output=str(tmp_path / "scores.csv"), on_error="stop"), pipeline)
    assert not (tmp_path / "scores.csv").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["forms.csv"]


def test_a_row_without_an_id_is_known_by_its_number_and_never_by_the_id_of_another(capsys, pipeline, tmp_path):
    path = tmp_path / "forms.csv"
    path.write_text("form,employer,job,town\nF1,a,b,c\nbad\n,a,b,c\n3,a,b,c\n")
    assert [answer["id"] for answer in answers(capsys, pipeline, input=str(path))] == ["F1", "(row 3)", "3"]
    score(ask(input=str(path), output=str(tmp_path / "scores.parquet")), pipeline)
    assert pd.read_parquet(tmp_path / "scores.parquet")["id"].tolist() == ["F1", "(row 3)", "3"]
    assert pipeline.predict([{"job": "a"}, {"job": "a", "form": "1"}])["id"].tolist() == ["(row 1)", "1"]


def test_ids_that_repeat_are_warned_of_once_and_still_answered(capsys, pipeline, tmp_path, caplog):
    path = tmp_path / "twice.csv"
    path.write_text('form,employer,job,town\nF1,a,b,c\nF2,"a\na",b,c\n,a,b,c\n,a,b,c\nF1,d,e,f\nF2,a,b,c\n')
    assert [answer["id"] for answer in answers(capsys, pipeline, input=str(path))][-2:] == ["F1", "F2"]
    (said,) = [line for line in caplog.messages if "the id" in line]
    assert f"{path}, line 7: the id 'F1' in column 'form' is already in line 2, " in said
    assert "2 records repeat an id" in said


def test_a_file_without_rows_gives_an_empty_answer(capsys, pipeline, tmp_path):
    path = tmp_path / "forms.csv"
    path.write_text("employer,job,town\n")
    assert answers(capsys, pipeline, input=str(path)) == []
    score(ask(input=str(path), output=str(tmp_path / "scores.csv")), pipeline)
    assert list(pd.read_csv(tmp_path / "scores.csv").columns)[:3] == ["id", "label", "score"]


def test_the_last_line_of_a_file_of_one_record_says_one_record(pipeline, tiny_forms, caplog):
    caplog.set_level(logging.INFO)
    score(ask(input=str(tiny_forms(1))), pipeline)
    assert ".csv: 1 record, 1 scored, none refused" in caplog.text


def test_stdin_is_a_csv_in_the_given_encoding(capsys, monkeypatch, pipeline):
    data = io.BytesIO("employer;job;town\nÉcole;maçon;Sète\n".encode("latin-1"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data, encoding="utf-8"))
    (answer,) = answers(capsys, pipeline, input="-", delimiter=";", encoding="latin-1")
    expected = pipeline.predict([{"employer": "École", "job": "maçon", "town": "Sète"}])
    assert answer["score"] == pytest.approx(expected["score"].item(), abs=1e-7)


def test_the_table_shows_ids_and_labels_as_they_are(capsys, pipeline, tmp_path):
    path = tmp_path / "forms.csv"
    rows = "".join(f"[/b{row}][red],a,b,c\n" for row in range(25))
    path.write_text(f"form,employer,job,town\n{rows}")
    score(ask(input=str(path)), pipeline)
    shown = capsys.readouterr().out
    assert "[/b0][red]" in shown
    assert "[/b19][red]" in shown
    assert "[/b20]" not in shown
    assert "5 more records" in shown
    assert pipeline.name in shown


def test_an_output_is_replaced_by_a_whole_file_or_not_at_all(pipeline, tiny_forms, tmp_path):
    output = tmp_path / "scores.csv"
    output.write_text("before")
    bad = tmp_path / "bad.csv"
    bad.write_text("employer,job\na,b\n")
    with pytest.raises(UserError, match=r"bad\.csv has no column 'town'"):
        score(ask(input=str(bad), output=str(output)), pipeline)
    assert output.read_text() == "before"
    score(ask(input=str(tiny_forms(10)), output=str(output)), pipeline)
    assert len(pd.read_csv(output)) == 10


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, ["Nothing to score", "text="]),
        ({"text": "a", "input": "b.csv"}, ["text=", "input="]),
        ({"input": "forms.csv", "output": "./forms.csv"}, ["output=./forms.csv", "input itself"]),
        ({"text": "a", "output": ""}, ["output=", "name of a file"]),
        ({"text": "a", "format": "xml"}, ["format=xml", "'json'"]),
        ({"text": "a", "record": {"employer": "b"}}, ["text=", "record.employer="]),
        ({"record": {"salary": "b"}}, ["record.salary", "model; its fields are employer, job, town"]),
        ({"record": {"EMPLOYER": "b"}}, ["record.EMPLOYER", "did you mean employer? Its fields are employer, job"]),
        ({"input": "none.csv"}, ["none.csv", "does not exist"]),
        ({"input": "-", "encoding": "utf8mb4"}, ["encoding=utf8mb4", "utf-8"]),
        ({"text": "a", "output": "forms.csv/scores.csv"}, ["output=forms.csv/scores.csv", "cannot be written"]),
        ({"input": "forms.csv", "delimiter": ";"}, ["forms.csv", "delimiter", "try delimiter=','"]),
        ({"text": "a", "delimiter": ","}, ["delimiter=, says how a file is read", "input=<file>"]),
        ({"record": {"job": "b"}, "sheet": "x"}, ["sheet=x says how a file is read"]),
        ({"text": "a", "on_error": "stop"}, ["on_error=stop says how a file is read"]),
        ({"input": "forms.csv", "output": "scores.csv", "format": "json"}, ["format=json", "output=scores.csv"]),
    ],
)
def test_wrong_requests_stop_with_a_sentence(pipeline, tiny_forms, monkeypatch, values, words):
    monkeypatch.chdir(Path(tiny_forms(3)).parent)
    with pytest.raises(UserError) as caught:
        score(ask(**values), pipeline)
    for word in words:
        assert word in str(caught.value)

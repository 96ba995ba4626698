"""Columns that are not text, and row weights: their roles, how numbers are read, and what is said of wrong ones."""

import logging
from pathlib import Path

import pandas as pd
import pytest

from libelle.data.census.source import BISample
from libelle.data.file_source import FileSource
from libelle.data.frame_source import FrameSource
from libelle.data.numbers import number_of
from libelle.data.split import SplitConfig
from libelle.errors import UserError

HEADER = "job,region,age,w,label"
ROWS = ["chef de rang, Corse ,12,1.5,a", "aide,,,2,b", "agent,Bretagne,1e2,0,a", "agent,Bretagne,-3,7,b"] * 5


def source(folder: Path, rows: list[str] = ROWS, **keys: object) -> FileSource:
    path = folder / "people.csv"
    path.write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    return FileSource(path=str(path), target="label", **keys)  # type: ignore[arg-type]


def refusal(folder: Path, rows: list[str] = ROWS, **keys: object) -> str:
    with pytest.raises(UserError) as error:
        source(folder, rows, **keys).read()
    return str(error.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        (" -1.5 ", -1.5),
        ("1e3", 1000),
        ("12,5", 12.5),
        ("0,125", 0.125),
        ("1 234", 1234),
        ("1\u202f234\u202f567,8", 1234567.8),
        ("1234,567", 1234.567),
    ],
)
def test_numbers_are_read_as_people_write_them(text, number):
    assert number_of(text) == number


@pytest.mark.parametrize("text", ["abc", "nan", "inf", "1_000", "12 %", "1.2.3", "1,2,3", "3 000 0", "-"])
def test_what_is_no_number_is_not_taken_for_one(text):
    assert number_of(text) == f"{text!r}, which is no number"


def test_a_comma_that_may_be_either_is_not_guessed():
    assert number_of("1,234") == "'1,234', which may be 1.234 or 1234 (use a decimal point)"


def test_fields_are_texts_then_categories_then_numbers(tmp_path):
    records = source(tmp_path, categorical="region", numeric="[age]", weight="w").read()
    assert list(records.columns) == ["job", "region", "age"]
    assert records.weights is not None
    assert records.weights.tolist() == [1.5, 2, 0, 7] * 5
    assert (
        records.fingerprint()
        != source(tmp_path, categorical="region", numeric="age", columns="job").read().fingerprint()
    )


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"categorical": "job,region", "columns": "job"}, "data.columns and data.categorical both name 'job'"),
        ({"categorical": "age", "numeric": "age"}, "data.categorical and data.numeric both name 'age'"),
        ({"numeric": "label"}, "data.target and data.numeric both name 'label'"),
        ({"numeric": "w", "weight": "w"}, "data.numeric and data.weight both name 'w'"),
        ({"columns": "job,w", "weight": "w"}, "data.columns and data.weight both name 'w'"),
        ({"categorical": "regio"}, "people.csv has no column 'regio' (wanted by data.categorical)"),
        ({"weight": "poids"}, "people.csv has no column 'poids' (wanted by data.weight)"),
        ({"categorical": "job,region,age,w"}, "people.csv has no column left for the text fields"),
    ],
)
def test_a_column_has_one_role(tmp_path, keys, sentence):
    assert refusal(tmp_path, **keys).startswith(sentence)


def test_a_number_that_is_none_is_named_with_column_and_row(tmp_path):
    rows = [*ROWS, "agent,Corse,douze,1,a", "agent,Corse,treize,1,a"]
    assert refusal(tmp_path, rows, numeric="age") == (
        "people.csv, line 22: the numeric column 'age' holds 'douze', which is no number; correct it, leave the cell "
        "empty, or name the column in data.categorical instead."
    )


def test_decimal_commas_are_understood_and_said(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    source(tmp_path, [*ROWS, 'agent,Corse,"12,5",1,a'], numeric="age").read()
    assert "the numeric column 'age' has decimal commas: '12,5' is read as 12.5" in caplog.text


@pytest.mark.parametrize(
    ("weight", "sentence"),
    [
        ("-2", "people.csv, line 22: data.weight=w holds -2, which is below zero"),
        ("heavy", "people.csv, line 22: data.weight=w holds 'heavy', which is no number; correct it"),
        ("", "people.csv, line 22: data.weight=w is empty; give each record a weight."),
    ],
)
def test_a_wrong_weight_is_named_with_its_row(tmp_path, weight, sentence):
    assert refusal(tmp_path, [*ROWS, f"agent,Corse,1,{weight},a"], weight="w").startswith(sentence)


def test_weights_that_are_all_zero_are_refused(tmp_path):
    rows = [f"agent,Corse,1,0,{label}" for label in "abab" * 5]
    assert "data.weight=w is 0 in every test row" in refusal(tmp_path, rows, weight="w")


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("label", ["a", "b"])
def test_one_of_two_labels_needs_rows_that_count_in_each_split(tmp_path, split, label):
    def rows(*labels: str) -> list[str]:
        cells = [(part, each) for part in ("train", "validation", "test") for each in labels]
        return [f"agent,{part},1,{int((part, each) != (split, label))},{each}" for part, each in cells] * 2

    given = {"weight": "w", "columns": "job", "split": SplitConfig(column="region")}
    sentence = refusal(tmp_path, rows("a", "b"), **given)
    assert sentence.startswith(f"people.csv: data.weight=w is 0 in every {split} row with the label {label}, and two")
    assert source(tmp_path, rows("a", "b", "c"), **given).read().labels == ["a", "b", "c"]


def test_numbers_of_a_dataframe_are_numbers():
    frame = pd.DataFrame({"job": ["a", "b"], "age": [1.5, None], "n": [1, 2], "label": ["x", "y"]}).loc[[0, 1] * 10]
    records = FrameSource(frame=frame, target="label", numeric=["age", "n"]).read()
    assert records.columns["age"].texts == ["1.5"]  # and missing ones are missing
    assert records.columns["n"].texts == ["1", "2"]


def test_a_field_of_the_census_sample_may_be_a_category():
    chosen = BISample(size=100, categorical="typevoi_x,vardompart_x")
    assert "typevoi_x" not in chosen.columns
    assert list(chosen.read().columns)[-2:] == ["typevoi_x", "vardompart_x"]

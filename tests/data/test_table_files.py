"""Tables as files: what the name says, as Excel and programs read it, whole or not at all."""

import gzip
import io
import json
import os
import socket
import subprocess
import time

import numpy as np
import openpyxl
import pandas as pd
import pytest

from libelle.data import table_files
from libelle.data.plain_csv import plain_rows
from libelle.data.table_files import check_output, csv_bytes, table_file
from libelle.errors import UserError

TABLE = pd.DataFrame(
    {
        "id": ["01", "-7", "=1+1", "@SUM(A1)"],
        "label": pd.Series(["é;à", None, 'say "a"', "-2,5"], dtype="str"),
        "score": [0.5, 1 / 3, 1e-7, 1.0],
        "automatic": [True, False, True, False],
    }
)


def written(tmp_path, name, excel=None, parts=(TABLE.iloc[:2], TABLE.iloc[2:])):
    with table_file(str(tmp_path / name), excel) as file:
        for part in parts:
            file.write(part)
    return tmp_path / name


@pytest.mark.parametrize("name", ["t.csv", "T.CSV", "t.csv.gz", "t.parquet", "t.pq", "t.json", "t.jsonl", "t.xlsx"])
def test_a_file_is_what_its_name_says_and_holds_the_table(tmp_path, name):
    path = written(tmp_path, name)
    texts = {"id": "str", "label": "str"}
    readers = {
        "csv": lambda: pd.read_csv(path, dtype=texts),
        "gz": lambda: pd.read_csv(io.BytesIO(gzip.decompress(path.read_bytes())), dtype=texts),
        "parquet": lambda: pd.read_parquet(path),
        "json": lambda: pd.DataFrame(json.loads(path.read_text("utf-8"))),
        "jsonl": lambda: pd.DataFrame(list(map(json.loads, path.read_text("utf-8").splitlines()))),
        "xlsx": lambda: pd.read_excel(path, dtype=texts),
    }
    found = readers[{"pq": "parquet"}.get(path.suffix[1:].lower(), path.suffix[1:].lower())]()
    pd.testing.assert_frame_equal(found, TABLE, check_dtype=False)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_texts_in_a_workbook_are_texts_and_never_formulas(tmp_path):
    sheet = openpyxl.load_workbook(written(tmp_path, "t.xlsx")).active
    rows = [[(cell.value, cell.data_type) for cell in row] for row in sheet.iter_rows()]
    assert [row[0] for row in rows[1:]] == [("01", "s"), ("-7", "s"), ("=1+1", "s"), ("@SUM(A1)", "s")]
    assert rows[1][2] == (0.5, "n")
    assert rows[1][3] == (True, "b")


def test_characters_that_no_workbook_can_hold_do_not_lose_the_file(tmp_path):
    path = written(tmp_path, "t.xlsx", parts=[pd.DataFrame({"a": ["x\x01y", "x" * 40_000]})])
    first, second = (row[0] for row in openpyxl.load_workbook(path).active.iter_rows(min_row=2, values_only=True))
    assert first == "x\N{REPLACEMENT CHARACTER}y"
    assert second == "x" * table_files.CELL_CHARACTERS


def test_more_records_than_a_sheet_holds_are_refused_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "SHEET_ROWS", 4)
    (tmp_path / "t.xlsx").write_text("before")
    with pytest.raises(UserError, match=r"holds 3 records.*write \.csv"):
        written(tmp_path, "t.xlsx")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_excel_fr_is_what_a_french_excel_opens(tmp_path):
    data = written(tmp_path, "t.csv", "fr").read_bytes()
    assert data.startswith("\ufeffid;label;score;automatic\r\n".encode())
    assert data.count("\ufeff".encode()) == 1
    found = pd.read_csv(tmp_path / "t.csv", sep=";", decimal=",", dtype={"id": "str", "label": "str"})
    pd.testing.assert_series_equal(found["score"], TABLE["score"])
    # What Excel would run is shown instead; a number is a number.
    assert found["id"].tolist() == ["01", "-7", "'=1+1", "'@SUM(A1)"]
    assert found["label"].fillna("").tolist() == ["é;à", "", 'say "a"', "-2,5"]
    assert csv_bytes(TABLE, "fr") == data


def test_plain_csv_keeps_every_character():
    assert b"=1+1," in csv_bytes(TABLE)


#: Columns that need no quotes: scores of all sizes, whole numbers, and what is missing.
PLAIN = pd.DataFrame(
    {
        "number, of the row": range(1, 9),
        "id": pd.Series(["01", " é", None, "", "=1+1", "a;b", "'", "true"], dtype="str"),
        "automatic": [True, False] * 4,
        "score": [0.1, np.float32(0.1), 1e-4, 9.9e-5, 0.0, 1.0, np.nan, 1 / 3],
        "large": [-0.5, 1e15, 123456789.25, 1e22, -1e-7, 1e16, np.inf, 999999999999999.9],
    }
)


@pytest.mark.parametrize("text", ["plain", "a,b", 'say "a"', "two\nlines", "a\rreturn"])
def test_csv_is_written_to_the_letter_as_pandas_writes_it(text):
    table = PLAIN.assign(said=text)
    assert csv_bytes(table) == table.to_csv(index=False).encode()
    assert (plain_rows(table) is None) == (text != "plain")  # what has quotes, pandas writes


@pytest.mark.parametrize("columns", [["id"], ["score"], []])
def test_narrow_tables_are_written_as_pandas_writes_them(columns):
    assert csv_bytes(PLAIN[columns]) == PLAIN[columns].to_csv(index=False).encode()
    assert csv_bytes(PLAIN.head(0)) == PLAIN.head(0).to_csv(index=False).encode()


def test_a_failure_leaves_what_was_there_before(tmp_path):
    (tmp_path / "t.csv").write_text("before")
    with pytest.raises(ZeroDivisionError):
        written(tmp_path, "t.csv", parts=(TABLE for part in (1, 0) if 1 / part))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


@pytest.mark.parametrize(
    ("output", "excel", "words"),
    [
        ("scores.tsv", None, ["output=scores.tsv", ".csv", ".xlsx"]),
        ("scores", None, ["output=scores", "end its name"]),
        ("scores.csv.zip", None, ["output=scores.csv.zip", "end its name"]),
        ("", None, ["name of a file"]),
        ("nowhere/scores.csv", None, ["folder nowhere does not exist"]),
        ("folder.csv", None, ["output=folder.csv is a folder"]),
        ("scores.parquet", "fr", ["excel=fr", ".csv"]),
    ],
)
def test_what_cannot_be_written_is_refused_in_a_sentence(tmp_path, monkeypatch, output, excel, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError) as caught:
        check_output(output, excel)
    assert all(word in str(caught.value) for word in words)


def test_a_workbook_without_its_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(UserError, match=r"output=scores\.xlsx needs openpyxl.*libelle\[excel\]"):
        check_output("scores.xlsx", None)


def test_what_a_killed_command_was_writing_is_removed_and_a_living_ones_is_not(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    mine, hour_ago = f".tmp-{socket.gethostname()}", time.time() - 3601
    others = [f"{mine}-{os.getpid()}-b2", f".tmp-elsewhere-{dead.pid}-c3", ".tmp-mine"]
    for name in (f"{mine}-{dead.pid}-a1", *others):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (hour_ago, hour_ago))
    # Of a container with the same host name, maybe, whose processes are not seen here.
    others.append(f"{mine}-{dead.pid}-d4")
    (tmp_path / others[-1]).touch()
    with table_file(str(tmp_path / "scores.csv")) as file:
        file.write(TABLE)
    assert {path.name for path in tmp_path.iterdir()} == {*others, "scores.csv"}

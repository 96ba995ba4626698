"""One text for each value, whatever stands beside it and wherever it comes from; the same refusals everywhere."""

import datetime
import io
import sqlite3
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.reading import read_bytes
from libelle.data.file_source import FileSource
from libelle.data.frame_source import FrameSource
from libelle.data.frames import as_strings
from libelle.data.raw_records import to_columns
from libelle.data.source import Source
from libelle.data.sql import SQLSource
from libelle.data.texts import text_of
from libelle.errors import UserError

BIG = 123456789012345678  # more digits than a float holds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("01.10", "01.10"),
        (BIG, str(BIG)),
        (57.0, "57"),
        (-0.0, "0"),
        (12.5, "12.5"),
        (np.float32(0.1), "0.1"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E+3"), "1000"),
        (True, "True"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.datetime(2026, 1, 2), "2026-01-02"),
        (pd.Timestamp("2026-01-02 03:04:05"), "2026-01-02 03:04:05"),
        (float("nan"), None),
        (pd.NaT, None),
        (pd.NA, None),
        (Decimal("NaN"), None),
    ],
)
def test_a_value_has_one_text(value, text):
    assert text_of(value) == text
    for beside in ("a", None, 0.5, datetime.datetime(2026, 1, 2, 3), True):
        assert as_strings(pd.DataFrame({"a": pd.Series([value, beside], dtype=object)}))["a"].tolist()[0] in (
            text,
            np.nan,
        )


def test_columns_of_one_type_are_written_alike_alone_and_among_others():
    day = pd.to_datetime(["2026-01-02 00:00", "2026-01-02 03:00", None])
    frame = pd.DataFrame({"when": day, "share": [1.0, 0.5, None], "size": pd.array([BIG, None, 1], "Int64")})
    texts = as_strings(frame)
    assert texts["when"].tolist()[:2] == ["2026-01-02", "2026-01-02 03:00:00"]
    assert texts["share"].tolist()[:2] == ["1", "0.5"]
    assert texts["size"].tolist()[0] == str(BIG)
    assert texts.iloc[2, :2].isna().all()
    assert as_strings(frame.iloc[:1]).equals(texts.iloc[:1])


def source_of(kind: str, tmp_path, given: dict[str, list[object]], **keys) -> Source:
    """The same columns, ten times over, as a source of some kind."""
    columns = {name: values * 10 for name, values in given.items()}
    if kind == "frame":
        return FrameSource(
            frame=pd.DataFrame({name: pd.Series(v, dtype=object) for name, v in columns.items()}), **keys
        )
    if kind == "parquet":
        pq.write_table(pa.table(columns), tmp_path / "forms.parquet")
        return FileSource(path=str(tmp_path / "forms.parquet"), **keys)
    path = tmp_path / "forms.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE forms ({', '.join(columns)})")
        holes = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO forms VALUES ({holes})", list(zip(*columns.values(), strict=True)))
    return SQLSource(url=f"sqlite:///{path}", query="SELECT * FROM forms", **keys)


KINDS = pytest.mark.parametrize("kind", ["frame", "parquet", "sql"])


@KINDS
def test_categories_and_numbers_are_read_beside_named_text_fields(kind, tmp_path):
    columns = {"job": ["x", "y"], "region": ["Corse", "Sud"], "age": [37, 4], "label": ["a", "b"]}
    records = source_of(
        kind, tmp_path, columns, target="label", columns="job", categorical="region", numeric="age"
    ).read()
    assert list(records.columns) == ["job", "region", "age"]
    assert records.columns["region"].rows(np.arange(2)) == ["Corse", "Sud"]
    assert records.columns["age"].rows(np.arange(2)) == ["37", "4"]


@KINDS
def test_long_numbers_keep_their_digits_beside_missing_ones(kind, tmp_path):
    columns = {"siret": [BIG, None, BIG + 1, 7], "label": ["a", "b", "a", "b"]}
    records = source_of(kind, tmp_path, columns, target="label").read()
    assert records.columns["siret"].rows(np.arange(4)) == [str(BIG), None, str(BIG + 1), "7"]


@KINDS
def test_binary_columns_are_refused_by_name_where_they_are_used(kind, tmp_path):
    columns = {"job": ["x", "y"], "photo": [b"1", b"2"], "label": ["a", "b"]}
    with pytest.raises(UserError, match=r"'photo' holds binary data"):
        source_of(kind, tmp_path, columns, target="label").read()
    (tmp_path / "forms.db").unlink(missing_ok=True)
    assert source_of(kind, tmp_path, columns, target="label", columns="job").read().labels == ["a", "b"]


@KINDS
def test_a_column_that_is_not_there_is_answered_with_all_that_are(kind, tmp_path):
    columns = {"job": ["x", "y"], "town": ["x", "y"], "label": ["a", "b"]}
    with pytest.raises(
        UserError, match=r"no column 'jbo' \(wanted by data\.columns\); its columns are job, town, label"
    ):
        source_of(kind, tmp_path, columns, target="label", columns="jbo").read()


def test_columns_of_arrow_types_are_written_as_others():
    shares = pd.Series([1.0, 0.5], dtype=pd.ArrowDtype(pa.float64()))
    frame = pd.DataFrame({"a": shares, "b": ["x", "y"]}).set_axis([7, 3], axis=0)
    assert as_strings(frame).to_numpy().tolist() == [["1", "x"], ["0.5", "y"]]
    with pytest.raises(UserError, match=r"The table: the column 'l' holds lists"):
        as_strings(pd.DataFrame({"l": pd.Series([["x"]], dtype=pd.ArrowDtype(pa.list_(pa.string())))}))


@pytest.mark.parametrize("kind", ["frame", "parquet"])
def test_lists_and_records_within_records_are_refused_as_labels(kind, tmp_path):
    for value, what in ((["01"], "lists"), ({"code": "01"}, "records within a record")):
        columns = {"job": ["x", "y"], "label": [value, value]}
        with pytest.raises(UserError, match=rf"'label' holds {what}"):
            source_of(kind, tmp_path, columns, target="label", columns="job").read()


def test_floats_that_have_lost_digits_are_refused():
    frame = pd.DataFrame({"form": [BIG, None], "label": ["a", "b"]})  # pandas makes floats of them
    with pytest.raises(UserError, match=r"'form' holds floats above 2\^53"):
        FrameSource(frame=frame, target="label").read()


def test_two_columns_of_one_name_are_refused_in_a_query_and_a_frame(tmp_path):
    source = source_of("sql", tmp_path, {"a": ["x"], "label": ["1"]}, target="label")
    source.query = "SELECT f.a, g.a, f.label FROM forms f, forms g"
    with pytest.raises(UserError, match=r"data\.query: the column 'a' is there more than once"):
        source.read()
    frame = pd.DataFrame([["x", "y", "1"]], columns=["e\u0301", "é", "label"])
    with pytest.raises(UserError, match=r"the DataFrame: the column 'é' is there more than once"):
        FrameSource(frame=frame, target="label").read()


@pytest.mark.parametrize("kind", ["frame", "parquet", "sql", "csv"])
@pytest.mark.parametrize("names", [("libelle\u0301", "e\u0301tat", "poide\u0301"), ("libellé ", " état", " poidé")])
def test_names_are_compared_as_people_see_them(kind, names, tmp_path):
    texts, states, weights = names
    columns = {texts: ["x", "y"] * 10, states: ["a", "b"] * 10, weights: [1.5] * 20, "id": list(range(20))}
    keys = {"target": "état", "columns": "libellé", "weight": "poidé"}
    if kind == "csv":
        path = tmp_path / "forms.csv"
        pd.DataFrame(columns).to_csv(path, index=False)
        records = FileSource(path=str(path), **keys).read()
    else:
        records = source_of(kind, tmp_path, columns, **keys).read()
    assert list(records.columns) == ["libellé"]
    typed_apart = FrameSource(frame=pd.DataFrame(columns), target=states, id="id", text=texts, weight=weights).read()
    assert list(typed_apart.columns) == ["libellé"]


def test_records_in_python_keep_their_values_whatever_the_others_lack():
    columns = to_columns([{"job": "x", "form": BIG}, {"job": 57}], ["job"], "job", [], "form")
    assert columns["form"].rows(np.arange(2)) == [str(BIG), None]
    assert columns["job"].rows(np.arange(2)) == ["x", "57"]
    with pytest.raises(UserError, match=r"'job' holds lists"):
        to_columns([{"job": ["x"]}], ["job"], "job", [], None)


def test_records_in_python_are_found_by_names_in_any_form():
    for name in ("me\u0301tier", "métier ", " métier"):
        for records in ([{name: "x"}], pd.DataFrame({name: ["x"]})):
            assert to_columns(records, ["métier"], "métier", [], None)["métier"].texts == ["x"]
        assert to_columns([{"métier": "x"}], [name], name, [], None)[name].texts == ["x"]
    with pytest.raises(UserError, match="has the field 'métier ', which is not one of the model's"):
        to_columns([{"métier": "x", "métier ": "y"}], ["métier"], "métier", [], None)


def test_parquet_columns_of_all_kinds_have_texts():
    values = {
        "day": pa.array([datetime.date(2026, 1, 2), None]),
        "price": pa.array([Decimal("1.50"), Decimal("2.00")]),
        "small": pa.array([0.1, 57], pa.float32()),
        "large": pa.array([2**64 - 1, None], pa.uint64()),
        "town": pa.array(["Sète", None]).dictionary_encode(),
        "nothing": pa.nulls(2),
    }
    stream = io.BytesIO()
    pq.write_table(pa.table(values), stream)
    table, _, _ = read_bytes(stream.getvalue())
    rows = table.astype(object).where(table.notna(), None).to_numpy().tolist()
    assert rows[0] == ["2026-01-02", "1.50", "0.1", "18446744073709551615", "Sète", None]
    assert rows[1] == [None, "2.00", "57", None, None, None]

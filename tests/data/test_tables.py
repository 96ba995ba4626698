"""Reading CSV and Parquet: every text unchanged, and a sentence for everything that cannot be read."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from libelle.data import csv_blocks, frames, tables
from libelle.data.options import BadRow, FileOptions, FileReport
from libelle.errors import UserError


def read(path: Path, **options):
    """The table and the bad rows of a file."""
    bad: list[BadRow] = []
    chunks = tables.read_file(path, FileOptions(**options), on_bad_row=bad.append, report=FileReport())
    return pd.concat(list(chunks)), bad


def read_text(text: str, tmp_path: Path, **options):
    path = tmp_path / "forms.csv"
    path.write_bytes(text.encode(options.pop("written", "utf-8")))
    return read(path, **options)


def test_texts_that_look_like_missing_stay_texts(tmp_path):
    table, bad = read_text("id,rs\n1,NA\n2,NULL\n3,None\n4,nan\n5,\n6,  \n7,1_000\n8,007\n", tmp_path)
    assert table["rs"].tolist()[:4] == ["NA", "NULL", "None", "nan"]
    assert table["rs"].isna().tolist() == [False] * 4 + [True] * 2 + [False] * 2
    assert table["rs"].tolist()[6:] == ["1_000", "007"]
    assert set(table.dtypes.astype(str)) == {"str"}
    assert table.index.tolist() == list(range(1, 9))
    assert bad == []


@pytest.mark.parametrize("header", ["id,rs", '"id","rs"'])
def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path, header):
    table, _ = read_text(f"{header}\n1,é\n", tmp_path, written="utf-8-sig")
    assert table.to_dict("records") == [{"id": "1", "rs": "é"}]


@pytest.mark.parametrize(("delimiter", "mark"), [(";", ";"), ("tab", "\t"), ("\\t", "\t"), ("|", "|")])
def test_other_delimiters(tmp_path, delimiter, mark):
    table, _ = read_text(f'id{mark}rs\n1{mark}"a{mark}b, c"\n', tmp_path, delimiter=delimiter)
    assert table["rs"].tolist() == [f"a{mark}b, c"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8-sig"])
def test_other_encodings(tmp_path, encoding):
    table, bad = read_text("id,rs\n1,Crèche Léa\n", tmp_path, written=encoding, encoding=encoding)
    assert table["rs"].tolist() == ["Crèche Léa"]
    assert bad == []


def test_quotes_line_breaks_and_blank_lines(tmp_path):
    table, bad = read_text('\nid,rs\r\n\r\n1,"a ""b""\r\nc, d"\n\n2,l\'été\r3,"5\'6"" de long"\n', tmp_path)
    assert table["rs"].tolist() == ['a "b"\r\nc, d', "l'été", "5'6\" de long"]
    assert table.index.tolist() == [1, 2, 3]
    assert bad == []


def test_bad_rows_are_reported_by_number_and_left_out(tmp_path):
    path = tmp_path / "forms.csv"
    path.write_bytes(b"id,rs,clt\n1,a,b\n2,a\n3,a,b,c\n4,caf\xe9,b\n5,d,e\n")
    table, bad = read(path, encoding="utf-8")
    assert table["id"].tolist() == ["1", "5"]
    assert table.index.tolist() == [1, 5]
    assert [row.place for row in bad] == ["line 3", "line 4", "line 5"]
    assert [row.reason for row in bad] == [
        "2 fields where the header has 3",
        "4 fields where the header has 3",
        "bytes that are not utf-8",
    ]


def test_a_quote_that_is_never_closed_does_not_swallow_the_rest(tmp_path):
    table, bad = read_text('id,rs\n1,a\n2,"b\n3,c\n4,"d"\n5,e\n', tmp_path)
    assert table["id"].tolist() == ["1", "5"]
    assert table.index.tolist() == [1, 5]
    assert [(row.place, row.records) for row in bad] == [("lines 3 to 5", 3)]
    table, bad = read_text('id,rs\n1,a\n2,"b\n3,c\n', tmp_path)
    assert table["id"].tolist() == ["1"]
    assert [(row.place, row.records) for row in bad] == [("lines 3 to 4", 2)]


def test_a_field_of_a_megabyte(tmp_path):
    text = "é, " * 350_000
    table, bad = read_text(f'id,rs\n1,"{text}"\n', tmp_path)
    assert table["rs"].tolist() == [text]
    assert bad == []


def test_more_rows_than_a_chunk(monkeypatch, tmp_path):
    monkeypatch.setattr(frames, "CHUNK_ROWS", 3)
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", 5)
    frame = pd.DataFrame({"id": [str(number) for number in range(8)]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        table, _ = read(tmp_path / name)
        assert table["id"].tolist() == frame["id"].tolist()
        assert table.index.tolist() == list(range(1, 9))


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_header_alone_gives_an_empty_table_of_strings(tmp_path, name):
    frame = pd.DataFrame({"id": [], "rs": []}, dtype="str")
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    table, _ = read(tmp_path / name)
    assert table.empty
    assert list(table.columns) == ["id", "rs"]
    assert set(table.dtypes.astype(str)) == {"str"}


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (b"", {}, ["forms.csv", "is empty"]),
        (b"\n\n", {}, ["forms.csv", "is empty"]),
        (b"id,rs,id\n1,a,2\n", {}, ["forms.csv", "'id'", "more than once"]),
        (b"id,soci\xe9t\xe9\n1,a\n", {"encoding": "utf-8"}, ["forms.csv", "not utf-8", "data.encoding=cp1252"]),
        (b"id,rs\n1,a\n", {"encoding": "utf-16"}, ["forms.csv", "not utf-16", "data.encoding"]),
        (b"id,rs\n1,a\n", {"encoding": "utf8mb4"}, ["data.encoding=utf8mb4", "try utf-8"]),
        (b"id,rs\n1,a\n", {"encoding": "hex"}, ["data.encoding=hex", "try utf-8"]),
        (b"id,rs\n1,a\n", {"delimiter": ";;"}, ["data.delimiter=;;", "one character"]),
        (b"id,rs\n1,a\n", {"delimiter": ""}, ["data.delimiter=", "one character"]),
        (b'"id,rs\n1,a\n', {}, ["forms.csv", "header"]),
    ],
)
def test_files_that_cannot_be_read_stop_with_a_sentence(tmp_path, content, options, words):
    path = tmp_path / "forms.csv"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read(path, **options)
    for word in words:
        assert word in str(caught.value)


def test_missing_files_folders_and_false_parquet_stop_with_a_sentence(tmp_path):
    (tmp_path / "false.parquet").write_text("id,rs\n")
    (tmp_path / "folder.csv").mkdir()
    for name, words in (("none.csv", "does not exist"), ("folder.csv", "cannot be read"), ("false.parquet", "Parquet")):
        with pytest.raises(UserError, match=words) as caught:
            read(tmp_path / name)
        assert name in str(caught.value)


def read_stream(content: bytes, **options):
    options_ = FileOptions(**options)
    return pd.concat(
        list(tables.read_stream(io.BytesIO(content), "stdin", options_, on_bad_row=print, report=FileReport()))
    )


def test_the_messages_name_the_keys_of_the_script():
    with pytest.raises(UserError, match=r"^delimiter="):
        read_stream(b"a\n", delimiter=";;", keys="")
    with pytest.raises(UserError, match=r"^encoding="):
        read_stream(b"a\n", encoding="hex", keys="")


def test_parquet_gives_the_texts_that_csv_would(tmp_path):
    big = 9_007_199_254_740_993  # more than a float can hold
    table = pa.table(
        {
            "siret": pa.array([big, None, 7], pa.int64()),
            "amount": pa.array([57.0, 12.5, None], pa.float64()),
            "town": pa.array(["Sète", "", "NA"], pa.string()).dictionary_encode(),
            "open": pa.array([True, None, False], pa.bool_()),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    read_table, _ = read(tmp_path / "a.parquet")
    expected = {
        "siret": [str(big), None, "7"],
        "amount": ["57", "12.5", None],
        "town": ["Sète", None, "NA"],
        "open": ["True", None, "False"],
    }
    pd.testing.assert_frame_equal(
        read_table, pd.DataFrame(expected, index=[1, 2, 3], dtype="str"), check_index_type=False
    )


def test_a_named_index_of_a_parquet_file_is_a_column(tmp_path):
    frame = pd.DataFrame({"rs": ["a", "b"]}, index=pd.Index([4, 2], name="form"))
    frame.to_parquet(tmp_path / "named.parquet")
    assert read(tmp_path / "named.parquet")[0]["form"].tolist() == ["4", "2"]
    frame.rename_axis(None).to_parquet(tmp_path / "unnamed.parquet")
    assert list(read(tmp_path / "unnamed.parquet")[0].columns) == ["rs"]


def test_a_value_is_written_the_same_way_whatever_its_neighbours():
    alone = frames.as_strings(pd.DataFrame({"amount": [57.0, np.nan]}))
    among = frames.as_strings(pd.DataFrame({"amount": [57.0, 12.5]}))
    assert alone["amount"][0] == among["amount"][0] == "57"
    assert pd.isna(alone["amount"][1])


def test_python_values_of_all_kinds_become_strings_and_missing_stays_missing():
    frame = pd.DataFrame({"a": [None, np.nan, pd.NA, "nan", 57, True, ""]}, dtype=object)
    texts = frames.blank_to_missing(frames.as_strings(frame))["a"]
    assert texts.isna().tolist() == [True, True, True, False, False, False, True]
    assert texts.tolist()[3:6] == ["nan", "57", "True"]

"""What a file is, is looked at: compressed files and Excel's are read, others named for what they are."""

import bz2
import datetime
import gzip
import io
import sys
import zipfile

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.reading import read_bytes, records_of
from libelle.errors import UserError

CSV = "id;texte\n1;Crèche\n2;œuvre\n".encode()
RECORDS = [["1", "Crèche"], ["2", "œuvre"]]


def archive(*, method: int = zipfile.ZIP_STORED, **files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as packed:
        for name, content in files.items():
            packed.writestr(name.replace("_", "."), content)
    return stream.getvalue()


def damaged(content: bytes, after: bytes, offset: int, bad: bytes) -> bytes:
    """Write some bytes at an offset from the first place where others stand."""
    place = content.index(after) + offset
    return content[:place] + bad + content[place + len(bad) :]


def workbook(*rows: list[object], **others: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "Feuil1"
    for row in rows:
        book.active.append(row)
    for name, lines in others.items():
        sheet = book.create_sheet(name)
        for row in lines:
            sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(CSV),
        gzip.compress(CSV[:20]) + gzip.compress(CSV[20:]),
        bz2.compress(CSV),
        pa.compress(CSV, codec="zstd", asbytes=True),
        archive(forms_csv=CSV),
        gzip.compress(archive(forms_csv=CSV)),
    ],
    ids=["gz", "gz of two parts", "bz2", "zst", "zip", "zip in gz"],
)
def test_compressed_files_are_read(content):
    assert records_of(content) == RECORDS


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(500), [".xls", "password", ".xlsx"]),
        (b"%PDF-1.7", ["PDF", "CSV"]),
        (b'[{"a": 1}]', ["JSON", "CSV"]),
        (b'{"a": 1}\n', ["JSON", "CSV"]),
        (b"<html><table>", ["HTML", "CSV"]),
        (b"SQLite format 3\0", ["data=sql"]),
        (bytes(range(256)), ["no text"]),
        (archive(a_csv=CSV, b_csv=CSV), ["ZIP archive of 2 files", "unpack"]),
        (archive(content_xml=b""), ["OpenDocument"]),
        (gzip.compress(CSV * 1000)[:-10], ["damaged"]),
        (archive(forms_csv=CSV * 1000)[:-30], ["damaged"]),
        (damaged(archive(method=zipfile.ZIP_LZMA, forms_csv=CSV), b"forms.csv", 30, b"\xff\xff"), ["damaged"]),
        (damaged(archive(forms_csv=CSV), b"PK\x01\x02", 6, b"\xff"), ["zip file version", "make it again"]),
        (damaged(archive(forms_csv=CSV), b"PK\x01\x02", 9, b"\x08\x09"), ["method", "make it again"]),
        (damaged(archive(forms_csv=CSV), b"PK\x01\x02", 28, b"\0\0"), ["make it again"]),
        (damaged(archive(é_csv=CSV), b"PK\x01\x02", 46, b"\xff"), ["decode", "make it again"]),
        (b"PAR1", ["Parquet", "copy"]),
    ],
)
def test_what_cannot_be_read_is_named(content, words):
    with pytest.raises(UserError) as caught:
        read_bytes(content, "forms.csv")
    assert all(word in str(caught.value) for word in ["forms.csv", *words])


def parquet(**columns: list[str]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def test_parquet_is_known_by_its_bytes():
    assert records_of(parquet(a=["x"]), name="forms.csv") == [["x"]]


@pytest.mark.parametrize("typed", [{"delimiter": ";"}, {"encoding": "cp1252"}, {"quote": "none"}])
def test_what_only_a_csv_file_has_is_refused_for_others(typed):
    for content in (parquet(a=["x"]), workbook(["a"], ["x"])):
        with pytest.raises(UserError, match=r"data\.\w+=\S+ is for CSV files, and forms\.csv is none; leave it out"):
            read_bytes(content, **typed)


def test_cells_of_a_sheet_are_the_texts_that_excel_shows():
    day = datetime.datetime(2026, 1, 2)
    rows = ["n", "x", "day", "time", "yes", "text"], [57, 12.5, day, day.replace(hour=3), True, " NA"]
    assert records_of(workbook(*rows)) == [["57", "12.5", "2026-01-02", "2026-01-02 03:00:00", "TRUE", " NA"]]


def test_a_number_that_has_lost_its_digits_is_refused_where_its_column_is_needed():
    content = workbook(["a", "number"], ["x", 2.0**60])
    with pytest.raises(UserError, match=r"^forms\.xlsx: the column 'number' holds floats above 2\^53"):
        read_bytes(content, "forms.xlsx")
    needed = {"wanted": frozenset("a"), "needed": frozenset("a")}
    assert records_of(content, name="forms.xlsx", **needed) == [["x", None]]


def test_codes_with_leading_zeros_keep_them():
    book = openpyxl.load_workbook(io.BytesIO(workbook(["code"], [1200])))
    book.active["A2"].number_format = "00000"
    stream = io.BytesIO()
    book.save(stream)
    assert records_of(stream.getvalue()) == [["01200"]]


def test_rows_of_a_sheet_keep_their_numbers_and_empty_ones_are_passed_over():
    content = workbook([], ["id", "texte", None], [1, "a"], [], [2, "b", "note"], [])
    table, _, report = read_bytes(content, "forms.xlsx")
    assert table.to_numpy().tolist() == [["1", "a"], ["2", "b"]]
    assert report.lines.of(table.index.to_numpy()).tolist() == [3, 5]
    assert any("forms.xlsx, row 5: column 3 has no name" in sentence for _, sentence in report.said)
    assert records_of(workbook(["texte"], ["a"], [None], ["b"])) == [["a"], [None], ["b"]]


def test_a_sheet_is_chosen_by_name():
    content = workbook(["a"], ["x"], Autre=[["b"], ["y"]])
    assert records_of(content) == [["x"]]
    assert any("Feuil1" in said and "data.sheet" in said for _, said in read_bytes(content)[2].said)
    assert records_of(content, sheet="Autre") == [["y"]]
    assert records_of(content, remembered={"sheet": "Autre"}) == [["y"]]
    assert records_of(content, wanted=frozenset({"b"})) == [["y"]]
    assert records_of(content, wanted=frozenset({"a"}), remembered={"sheet": "Autre"}) == [["x"]]
    with pytest.raises(UserError, match=r"data\.sheet=Nada is not a sheet of forms\.csv; its sheets are Feuil1, Autre"):
        read_bytes(content, sheet="Nada")
    with pytest.raises(UserError, match=r"data\.sheet=Autre is for Excel files"):
        read_bytes(CSV, sheet="Autre")


def test_two_columns_of_one_name_and_empty_sheets_are_refused():
    with pytest.raises(UserError, match=r"'a' is there more than once"):
        read_bytes(workbook(["a", "a"], [1, 2]))
    with pytest.raises(UserError, match="empty sheet"):
        read_bytes(workbook())


def test_without_openpyxl_the_sentence_says_what_to_install(monkeypatch):
    content = workbook(["a"], ["x"])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(UserError, match=r"pip install 'libelle\[excel\]', or save it as CSV"):
        read_bytes(content)


def test_a_header_alone_is_a_table_without_rows():
    table = read_bytes(workbook(["a", "b"]))[0]
    assert isinstance(table, pd.DataFrame)
    assert table.empty
    assert list(table.columns) == ["a", "b"]

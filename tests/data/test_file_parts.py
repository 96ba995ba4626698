"""A file that is cut into parts is read as in one go: the same records, numbers, lines, and bad rows."""

import gzip
import io
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.reading import read_bytes
from helpers.tiny import make_forms
from libelle.data import file_parts
from libelle.data.file_parts import Cut, cut, read_part
from libelle.data.options import BadRow, FileOptions, FileReport
from libelle.errors import UserError

#: What makes files hard, and what most of them are made of.
PIECES = ["a", "b,", ",", "\n", "\r\n", "\r", '"', '""', '",', ',"', '"\n', " ", "é", "\x1a", "\n\n", '"x\ny",']


def cut_bytes(content: bytes, name: str = "forms.csv", **options) -> Cut:
    return cut(io.BytesIO(content), name, FileOptions(**options), FileReport())


def read_in_parts(content: bytes, found: Cut, name: str = "forms.csv", **options):
    """The rows of all parts with their lines, and the bad rows; each part begins where the one before ended."""
    rows, bad, records = [], [], 0
    for part in found.parts:
        report, here = FileReport(), list[BadRow]()
        chunks = read_part(io.BytesIO(content), name, found, part, FileOptions(**options), here.append, report)
        table = pd.concat(list(chunks))
        assert part.records == records
        assert part.rows in (None, report.read + report.refused)
        records += report.read + report.refused
        rows += with_lines(table, report)
        bad += here
    return rows, places(bad)


def places(bad: list[BadRow]) -> list[tuple[int, int, int]]:
    """Where bad rows stand; what is said of them depends on blank fields at the ends of the rows before."""
    return [(row.first, row.last, row.records) for row in bad]


def with_lines(table: pd.DataFrame, report: FileReport) -> list[tuple]:
    lines = report.lines.of(table.index.to_numpy()).tolist()
    texts = table.astype(object).where(table.notna(), None).to_numpy().tolist()
    return list(zip(table.index.tolist(), lines, texts, strict=True))


def same_as_in_one_go(content: bytes, **options) -> Cut:
    table, bad, report = read_bytes(content, **options)
    found = cut_bytes(content, **options)
    assert read_in_parts(content, found, **options) == (with_lines(table, report), places(bad))
    return found


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(PIECES), max_size=60).map("".join),
    st.sampled_from(["utf-8", "cp1252", None]),
    st.sampled_from(["x,y\n", '"x","y"\r\n', "\ufeffx,y\n", "\nx,y,\n", "x\n", "sep=,\nx,y\n"]),
)
def test_any_csv_is_read_in_parts_as_in_one_go(text: str, encoding: str | None, header: str) -> None:
    before, file_parts.PART_BYTES = file_parts.PART_BYTES, 24
    try:
        content = (header.replace("\ufeff", "") if encoding == "cp1252" else header) + text
        same_as_in_one_go(content.encode(encoding or "utf-8"), encoding=encoding, delimiter=",")
    except UserError:
        pass  # it is refused, in parts or not
    finally:
        file_parts.PART_BYTES = before


def test_a_row_as_wide_as_the_header_is_read_whatever_the_row_before_was():
    table, bad, _ = read_bytes(b'x,y,\nb,\nb,"x\ny",', delimiter=",")
    assert table.to_numpy().tolist()[1:] == [["b", "x\ny"]]
    assert not bad


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_quoted_line_breaks_and_bad_rows_never_shift_a_part(monkeypatch, encoding):
    monkeypatch.setattr(file_parts, "PART_BYTES", 200)
    row = 'Léa,"deux\nlignes, ici",x\na,b\n\nc,"d ""e"" f",g\n'
    found = same_as_in_one_go(("employer,job,town\n" + row * 40).encode(encoding))
    assert found.by == "bytes"
    assert len(found.parts) > 5
    assert list(found.columns) == ["employer", "job", "town"]


def test_what_follows_on_irregular_quoting_is_one_part(monkeypatch):
    monkeypatch.setattr(file_parts, "PART_BYTES", 100)
    regular, irregular = "a,b,c\n" * 50, 'a,b "quoted" b,c\n' * 50
    found = same_as_in_one_go(("employer,job,town\n" + regular + irregular).encode())
    assert 2 < len(found.parts) < 6
    assert [part.rows is None for part in found.parts] == [False] * (len(found.parts) - 1) + [True]


def test_packed_files_and_wide_encodings_are_one_part():
    content = make_forms(50).to_csv(index=False).encode()
    assert cut_bytes(gzip.compress(content)).by == "file"
    assert cut_bytes(content.decode().encode("utf-16")).by == "file"
    assert cut_bytes(content, encoding="shift_jis").by == "file"


def test_parquet_is_cut_by_its_rows(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(file_parts, "PART_ROWS", 30)
    make_forms(500).to_parquet(tmp_path / "forms.parquet", row_group_size=100, index=False)
    content = (tmp_path / "forms.parquet").read_bytes()
    found = cut_bytes(content, "forms.parquet")
    assert [part.end - part.start for part in found.parts] == [25] * 20
    table, _, report = read_bytes(content, "forms.parquet")
    assert read_in_parts(content, found, "forms.parquet") == (with_lines(table, report), [])


def test_small_row_groups_stand_together_and_a_large_one_is_not_cut_too_often(monkeypatch):
    monkeypatch.setattr(file_parts, "PART_ROWS", 100)
    assert list(file_parts._edges([10] * 25)) == [100, 200, 250]
    assert list(file_parts._edges([10, 8000, 10])) == [10, *(10 + 1000 * part for part in range(1, 9)), 8020]
    assert list(file_parts._edges([])) == []


@pytest.mark.parametrize("content", [b"employer,job,town\n", b"employer,job,town"])
def test_a_file_without_rows_is_one_empty_part(content):
    found = cut_bytes(content)
    assert [part.rows for part in found.parts] == [0]
    rows, bad = read_in_parts(content, found)
    assert (rows, bad) == ([], [])

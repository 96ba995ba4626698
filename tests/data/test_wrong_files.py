"""Files that are wrong in ways that only fuzzing has thought of: one sentence each."""

import io
import zipfile
from pathlib import Path

import pytest
from pyarrow import parquet

from helpers.tiny import make_forms
from libelle.data.file_source import FileSource
from libelle.errors import UserError


def excel(change: tuple[str, bytes, bytes]) -> bytes:
    """A workbook of whose parts one has other bytes."""
    stream, wrong = io.BytesIO(), io.BytesIO()
    make_forms(3).to_excel(stream, index=False)
    name, before, after = change
    with zipfile.ZipFile(stream) as book, zipfile.ZipFile(wrong, "w") as target:
        for part in book.namelist():
            data = book.read(part)
            assert part != name or before in data
            target.writestr(part, data.replace(before, after) if part == name else data)
    return wrong.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        ("xl/worksheets/sheet1.xml", b'<row r="3"', b'<row r="99999999999"'),
        ("xl/workbook.xml", b'calcId="', b'calcId="x'),
    ],
    ids=["a row beyond the last", "no number"],
)
def test_a_workbook_that_cannot_be_is_refused(tmp_path: Path, change: tuple[str, bytes, bytes]) -> None:
    path = tmp_path / "forms.xlsx"
    path.write_bytes(excel(change))
    with pytest.raises(UserError, match=r"forms\.xlsx cannot be read as an Excel file"):
        FileSource(path=str(path), target="label").read()


def test_a_parquet_file_whose_texts_are_no_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "forms.parquet"
    make_forms().to_parquet(path, compression=None)
    path.write_bytes(path.read_bytes().replace("infirmière".encode(), b"infirmi\xff\xffre"))
    assert b"infirmi\xff\xffre" in path.read_bytes()
    assert parquet.read_table(path).num_rows == 120
    with pytest.raises(UserError, match=r"forms\.parquet is not a whole Parquet file .*UTF"):
        FileSource(path=str(path), target="label").read()

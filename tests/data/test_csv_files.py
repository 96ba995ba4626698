"""Arrow reads what Python's csv module would read, with the same reports of what cannot be read."""

import io
import tracemalloc

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from libelle.data import csv_blocks, csv_files, csv_rows
from libelle.data.dialects import Dialect
from libelle.data.options import BadRow, FileOptions, FileReport
from libelle.errors import UserError


def read(content: bytes, encoding="utf-8", delimiter=",", quote=None):
    """The table, the lines of its rows and the bad rows, or the message where there is no table."""
    bad: list[BadRow] = []
    report = FileReport()
    try:
        chunks = csv_files.read_csv(
            io.BytesIO(content),
            "forms.csv",
            FileOptions(delimiter, encoding, quote),
            on_bad_row=bad.append,
            report=report,
        )
        table = pd.concat(list(chunks))
    except UserError as error:
        return str(error), bad
    rows = table.astype(object).where(table.notna(), None)
    assert report.read == len(table)
    assert report.refused == sum(row.records for row in bad)
    lines = report.lines.of(table.index.to_numpy()).tolist()
    said = [sentence for _, sentence in report.said]
    return (list(table.columns), table.index.tolist(), lines, rows.to_numpy().tolist(), said), bad


#: What makes files hard, and what most of them are made of.
PIECES = [
    "a",
    "b,",
    ",",
    "\n",
    "\r\n",
    "\r",
    '"',
    '""',
    '",',
    ',"',
    '"\n',
    " ",
    "é",
    "\ufeff",
    "\0",
    ";",
    "NA",
    "\u2028",
]
CELLS = st.sampled_from(["a", "NA", "", " ", "é", 'say ""no""', "two\nlines", "a,b", "two\r\nlines", "x;y", "null"])
QUOTED = CELLS.map(lambda cell: f'"{cell}"')
PLAIN = CELLS.filter(lambda cell: not set(cell) & set(',"\n'))
ROWS = st.lists(st.lists(QUOTED | PLAIN, min_size=2, max_size=2).map(",".join), max_size=12)
FILES = st.tuples(ROWS, st.sampled_from(["\n", "\r\n", "\n\n"])).map(
    lambda made: made[1].join(["one,two", *made[0], ""])
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | FILES,
    st.integers(1, 60),
    st.sampled_from([None, "utf-8", "latin-1", "cp1252", "ascii"]),
    st.sampled_from([",", ";", "none", None]),
    st.sampled_from(["utf-8", "latin-1"]),
    st.sampled_from([None, "none", '"']),
)
@example('one,two\n1,"a\n', 40, "utf-8", ",", "utf-8", None)
@example('one,two\n"1"x,a\n2,b\n3,c', 12, "utf-8", ",", "utf-8", None)
@example("one,two\r\n1,a\r\n2,b\n\n3,c", 9, "utf-8", ",", "utf-8", None)
@example("one,two\n1,é\n2,b\n", 16, "ascii", ",", "utf-8", None)
@example("one,two\n1,a,b\n2\n3,c\n", 16, "utf-8", ",", "utf-8", None)
@example('c1\n\ufeff"\né\n', 40, "utf-8", ",", "utf-8", None)
@example('a,b\n1,"x\n2,y"\n3,"p\n4,q\n5,r"\n', 200, "utf-8", ",", "utf-8", None)
@example("a;b;;\n1;2;;\n3;4\n5;6;;\n7;8;x;\n", 12, "utf-8", ";", "utf-8", None)
def test_any_file_means_what_it_means_to_python(text, block, encoding, delimiter, written, quote):
    content = text.encode(written, "replace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_blocks, "BLOCK_BYTES", block)
        by_arrow = read(content, encoding, delimiter, quote)
        patch.setattr(csv_files, "is_plain", lambda delimiter: False)
        assert by_arrow == read(content, encoding, delimiter, quote)


#: What is said of a field that could be two rows.
AS_ONE = (
    "forms.csv, lines 2 to 3: one quoted field goes over these lines and is read as one text; set data.quote=none "
    "where quotes are ordinary characters"
)


def test_most_files_are_read_by_arrow(monkeypatch):
    monkeypatch.setattr(csv_rows.Rows, "read", lambda self, lines: iter(()))
    content = b'\xef\xbb\xbfone;two\r\n1;"a ""b""\r\nc; d"\r\n\r\n2;NA\r\n'
    table = (["one", "two"], [1, 2], [2, 5], [["1", 'a "b"\r\nc; d'], ["2", "NA"]], [AS_ONE])
    assert read(content, delimiter=";") == (table, [])
    assert read("un;deux\n1;é\n".encode("latin-1"), "latin-1", ";")[0] == (["un", "deux"], [1], [2], [["1", "é"]], [])


def test_after_a_row_of_wrong_width_arrow_goes_on(monkeypatch):
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", 16)
    parsed = []
    parse = csv_rows.parse_block
    monkeypatch.setattr(csv_rows, "parse_block", lambda *given, **how: parsed.append(given[0]) or parse(*given, **how))
    table, bad = read(b"one,two\n1,a\n2\n3,c\n4,d\n5,e\n6,f\n")
    assert table[1] == [1, 3, 4, 5, 6]
    assert [(row.place, row.reason) for row in bad] == [("line 3", "1 fields where the header has 2")]
    assert b"".join(parsed).endswith(b"6,f\n")


def test_where_a_block_ends_is_found_in_a_few_times_its_memory():
    block = b"one,two\n" + b"a,b\r\n" * 200_000
    blocks = csv_blocks.RowBlocks(io.BytesIO(b""), Dialect(","))
    blocks._left = block
    tracemalloc.start()
    try:
        assert blocks._cut(last=True) == len(block)
        assert tracemalloc.get_traced_memory()[1] < 6 * len(block)
    finally:
        tracemalloc.stop()

"""Encodings are found as the bytes come; what cannot be is refused row by row, or in a sentence."""

import io

import pytest

from helpers.reading import read_bytes, records_of
from libelle.data import csv_blocks
from libelle.data.columns import Column
from libelle.data.encodings import Prefixed
from libelle.data.suspicious import find_suspicions
from libelle.errors import UserError

TEXT = "id;texte\n1;Crèche, œuvre\n2;€ 3\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_an_encoding_is_found(encoding):
    assert records_of(TEXT.encode(encoding)) == [["1", "Crèche, œuvre"], ["2", "€ 3"]]
    assert records_of(TEXT.encode(encoding), encoding=encoding) == [["1", "Crèche, œuvre"], ["2", "€ 3"]]


def test_what_is_not_utf_8_is_read_as_cp1252_and_said_aloud_also_far_into_a_file(monkeypatch):
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", 1000)
    content = b"id;texte\n" + b"1;abcdefgh\n" * 20_000 + "2;œuvre\n".encode("cp1252")
    table, bad, report = read_bytes(content)
    assert table["texte"].iloc[-1] == "œuvre"
    assert not bad
    assert any("not UTF-8 and is read as cp1252" in sentence for _, sentence in report.said)


def test_a_few_wrong_bytes_do_not_make_a_file_cp1252():
    _, bad, report = read_bytes(TEXT.encode() * 3 + b"4;caf\xe9\n")
    assert [(row.place, row.reason) for row in bad] == [("line 10", "bytes that are not utf-8")]
    assert report.found["encoding"] == "utf-8"


def test_a_wrong_encoding_is_answered_by_what_the_file_is():
    with pytest.raises(UserError, match=r"not utf-8, but utf-16: its first bytes say so.*data\.encoding=utf-16"):
        read_bytes(TEXT.encode("utf-16"), encoding="utf-8")
    with pytest.raises(UserError, match=r"try utf-8 or cp1252"):
        read_bytes(TEXT.encode(), encoding="utf8mb4")


def test_a_byte_that_cp1252_does_not_know_costs_its_row_alone():
    table, bad, _ = read_bytes(b"id;texte\n1;caf\xe9\n2;\x81\xe9\n3;\xe0\n")
    assert table["texte"].tolist() == ["café", "à"]
    assert [row.reason for row in bad] == ["bytes that are not cp1252"]


def test_suspicious_characters_are_found_with_their_first_row():
    column = Column.of_texts(["été", "«CAFÉ»", "cÅ“ur", None, "l\x92été", "dÃ©jÃ\xa0", "perdu\ufffd", "l\x92été"])
    found = {suspicion.kind: (suspicion.text, suspicion.row, suspicion.rows) for suspicion in find_suspicions(column)}
    assert found == {
        "control characters": ("l\x92été", 4, 2),
        "accents in pieces": ("cÅ“ur", 2, 2),
        "lost characters": ("perdu\ufffd", 6, 1),
    }
    assert not find_suspicions(Column.of_texts(["“É”", "Ångström", "SÃO", "à l’É…", "n° 3", "20 €"]))
    first, second, third = find_suspicions(column)
    sentence = first.sentence("job", "forms.csv, line 6", "latin-1")
    assert sentence.startswith("forms.csv, line 6 and 1 more: control characters in column 'job' ('l\\x92\\xe9t\\xe9')")
    assert "set encoding=cp1252" in sentence
    assert "set encoding=utf-8" in second.sentence("job", "forms.csv, line 4", "cp1252")
    # Where the file is rightly read, or has no encoding, another one would make it worse.
    for encoding in ("utf-8", "UTF-8-SIG", "utf-16", None):
        for suspicion in (first, second, third):
            sentence = suspicion.sentence("job", "forms.parquet, row 6", encoding)
            assert "encoding=" not in sentence
            assert "before; have the file written again" in sentence


def test_bytes_before_a_stream_are_read_with_it_whole_or_in_pieces():
    assert Prefixed(b"abc", io.BytesIO(b"defg")).read() == b"abcdefg"
    stream = Prefixed(b"abc", io.BytesIO(b"defg"))
    assert [stream.read(2) for _ in range(5)] == [b"ab", b"c", b"de", b"fg", b""]

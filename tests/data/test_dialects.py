"""How a CSV file is written is found, and what it loses is counted."""

import pytest

from helpers.reading import read_bytes, records_of
from libelle.errors import UserError

ROWS = [["1", "pain, baguette", "oui"], ["2", "café: 3", "non"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_whatever_texts_hold(delimiter):
    lines = [["id", "texte", "label"], *ROWS]
    content = "\n".join(delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in row) for row in lines)
    assert records_of(content.encode()) == ROWS


def test_the_delimiter_is_the_one_by_which_the_wanted_columns_are_there():
    content = b"nom, prenom;age\na, b;1\nc, d;2\n"
    assert read_bytes(content, wanted=frozenset({"age"}))[0].columns.tolist() == ["nom, prenom", "age"]
    assert read_bytes(content, wanted=frozenset({"nom, prenom"}))[0].columns.tolist() == ["nom, prenom", "age"]


def test_a_file_of_one_column_may_hold_any_delimiter_and_its_blank_lines_are_records():
    content = "Intitulé\nBoulanger, pâtissier\n\nMaçon; carreleur\n".encode()
    table, _, report = read_bytes(content)
    assert records_of(content) == [["Boulanger, pâtissier"], [None], ["Maçon; carreleur"]]
    assert table.index.tolist() == [1, 2, 3]
    assert report.found["delimiter"] == "none"
    assert records_of(content, delimiter="none") == records_of(content)
    assert records_of(b"a\r\nx\r\n\r\ny\r\n", delimiter=",") == [["x"], [None], ["y"]]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "\ufeffsep=;", "SEP=;"])
def test_a_line_that_says_the_delimiter_is_passed_over(first):
    table, _, report = read_bytes(f"{first}\r\nline;nature\r\n1;PAIN\r\n".encode())
    assert table.to_dict("records") == [{"line": "1", "nature": "PAIN"}]
    assert report.lines.of(table.index.to_numpy()).tolist() == [3]


def test_delimiters_at_the_end_of_rows_and_nameless_columns_are_passed_over():
    assert records_of(b"a;b;;\n1;2;;\n3;4\n") == [["1", "2"], ["3", "4"]]
    assert records_of(b"a;b\n1;2;\n3;4;\n") == [["1", "2"], ["3", "4"]]
    assert records_of(b";;;\n\na,b;;c\n1,5;;2\n") == [["1,5", "2"]]
    assert records_of(b"a;b\n1;2\n\x1a") == [["1", "2"]]
    said = [sentence for _, sentence in read_bytes(b"a;b;;\n1;2;;\n")[2].said]
    assert "forms.csv: columns without a name are left out (3, 4)" in said


def test_a_text_in_a_column_without_a_name_is_not_lost_without_a_word():
    table, _, report = read_bytes(b",a,b\n0,x,y\n1,z,w\n")
    assert table.columns.tolist() == ["a", "b"]
    assert any("column 1 has no name" in sentence and "'0'" in sentence for _, sentence in report.said)
    _, bad, _ = read_bytes(b"a;b;;\n1;2;;\n1;2;note;\n")
    assert [(row.place, row.reason) for row in bad] == [("line 3", "'note' stands in a column without a name")]


SWALLOWED = 'line\tnature\tshop\n1\tPAIN\tA\n2\t"GRAND PAIN\tA\n3\tCAFE\tB\n4\tECRAN 15"\tC\n5\tLAIT\tD\n'


@pytest.mark.parametrize("text", [SWALLOWED, SWALLOWED.replace('15"', '15" PLAT')])
def test_a_quote_that_swallows_rows_is_refused_with_all_that_it_holds(text):
    table, bad, report = read_bytes(text.encode())
    assert table["line"].tolist() == ["1", "5"]
    assert table.index.tolist() == [1, 5]
    assert [(row.place, row.records) for row in bad] == [("lines 3 to 5", 3)]
    assert "data.quote=none" in bad[0].hint
    assert report.read + report.refused == 5


def test_quote_none_reads_quotes_as_they_are():
    table, bad, _ = read_bytes(SWALLOWED.encode(), quote="none")
    assert table["nature"].tolist() == ["PAIN", '"GRAND PAIN', "CAFE", 'ECRAN 15"', "LAIT"]
    assert not bad


def test_texts_over_several_lines_are_read_and_where_they_could_be_rows_only_when_that_is_said():
    letter = b'id,sent,text\n1,2026,"Sir,\nthank you,\n\nPaul"\n2,2026,"a, b\nc"\n'
    assert [row[0] for row in records_of(letter)] == ["1", "2"]
    rows = b'id,text,label\n1,"a,b\n2,c,d\n3,e",f\n'
    assert [row.records for row in read_bytes(rows)[1]] == [3]
    table, _, report = read_bytes(rows, quote='"')
    assert table["text"].tolist() == ["a,b\n2,c,d\n3,e"]
    assert any("lines 2 to 4" in sentence for _, sentence in report.said)


def test_a_field_over_several_lines_that_may_be_two_rows_is_warned_of():
    _, bad, report = read_bytes(b'id,text\n1,"PAIN\n2,CAFE"\n')
    assert not bad
    assert any("lines 2 to 3" in sentence and "quote=none" in sentence for _, sentence in report.said)


def test_what_was_remembered_is_tried_first_and_found_anew_where_it_does_not_fit():
    fits = {"wanted": frozenset({"texte"}), "remembered": {"delimiter": ";", "quote": "none", "encoding": "cp1252"}}
    assert records_of('texte;n\n"à";1,5\n'.encode("cp1252"), **fits) == [['"à"', "1,5"]]
    table, _, report = read_bytes(b"texte,n\na,1\n", **fits)
    assert table.columns.tolist() == ["texte", "n"]
    assert any("delimiter=;" in sentence for _, sentence in report.said)
    assert records_of("texte\nà; b\n".encode(), **fits) == [["à; b"]]


def test_a_wrong_quote_is_refused():
    with pytest.raises(UserError, match=r"data\.quote=' is unknown; write data\.quote=none"):
        read_bytes(b"a,b\n1,2\n", quote="'")

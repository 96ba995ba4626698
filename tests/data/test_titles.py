"""Titles of codes: read as texts, matched with the labels, and what does not fit is said once."""

import logging

import pytest

from libelle.data.titles import read_titles, with_title
from libelle.errors import UserError

LABELS = ["01", "02", "1"]


def titles(tmp_path, text, labels=LABELS):
    path = tmp_path / "codes.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_titles(str(path)).of(labels)


@pytest.mark.parametrize(
    "text",
    [
        'code,title\n01,Pain\n02,"Lait, œufs"\n1,Autre\n',
        "Code;Libellé\n01;Pain\n02;Lait, œufs\n1;Autre\n",
        "\ufeffcode\ttitle\n01\tPain\n02\tLait, œufs\n1\tAutre\n",
        "level;TITLE;code\n4;Pain;01\n4;Lait, œufs;02\n5; Autre ; 1\n",
    ],
)
def test_codes_are_texts_whatever_the_delimiter(tmp_path, text):
    assert titles(tmp_path, text) == {"01": "Pain", "02": "Lait, œufs", "1": "Autre"}


def test_what_does_not_fit_is_said_once(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    assert titles(tmp_path, "code,title\n01,Pain\n77,Rien\n78,\n1,\n") == {"01": "Pain"}
    without, unknown = caplog.messages
    assert "2 of 3 labels have no title" in without
    assert "02, 1" in without
    assert "no record has: 1 of 2" in unknown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("code,title\n3,Pain\n", ["none of the labels (01, 02, 1)", "codes are 3"]),
        ("01,Pain\n02,Lait\n", ["no header", "'01'", "code,title"]),
        ("code,title\n01,Pain\n01,Lait\n", ["line 3", "'01'", "'Pain'", "'Lait'"]),
        ("code,title\n,Pain\n", ["line 2", "'Pain' has no code"]),
        ("code\n01\n", ["1 columns", "give it two"]),
        ("a,b,c\n1,2,3\n", ["3 columns (a, b, c)", "code and title"]),
        ("code,title\n", ["holds no titles"]),
        ("code,title\n01\n", ["line 2", "1 fields"]),
    ],
)
def test_a_file_that_is_no_table_of_titles_is_refused_in_a_sentence(tmp_path, text, words):
    with pytest.raises(UserError) as caught:
        titles(tmp_path, text)
    assert all(word in str(caught.value) for word in ["codes.csv", *words])


def test_another_encoding_is_found_and_said(tmp_path, caplog):
    assert titles(tmp_path, "code,title\n01,Épices\n02,Œufs\n1,Été\n".encode("cp1252"))["02"] == "Œufs"
    assert any("codes.csv is not UTF-8 and is read as cp1252" in message for message in caplog.messages)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(UserError, match=r"codes\.csv does not exist"):
        read_titles("nowhere/codes.csv")


def test_a_label_without_a_title_is_shown_as_it_is():
    assert [with_title(label, {"01": "Pain"}) for label in ("01", "02")] == ["01 (Pain)", "02"]

"""A user's own files through the commands: found, remembered, counted, refused in a sentence."""

import json

import pytest

from helpers.scripts import call, call_libelle
from helpers.tiny import make_forms

TRAIN = ["data=csv", "data.path=forms.csv", "data.id=form", "data.target=label", "model=logreg"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a file as a French Excel writes it, and one run trained on it without a word on how."""
    folder = tmp_path_factory.mktemp("place")
    forms = make_forms().rename(columns={"job": "me\u0301tier"})
    forms.to_csv(folder / "forms.csv", index=False, sep=";", encoding="cp1252", errors="replace")
    content = (folder / "forms.csv").read_bytes().replace(b"me?tier", b"m\xe9tier")
    (folder / "forms.csv").write_bytes(content)
    forms.to_excel(folder / "forms.xlsx", index=False)
    answer = call("train.py", *TRAIN, "data.columns=employer,métier", cwd=folder)
    assert answer.returncode == 0, answer.stderr
    (folder / "said.txt").write_text(answer.stderr)
    return folder


def scored(place, *arguments, stdin=""):
    answer = call("runtime.py", *arguments, "format=json", cwd=place, stdin=stdin)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout), answer.stderr


def test_how_the_file_is_written_is_found_said_and_counted(place):
    said = (place / "said.txt").read_text()
    assert "forms.csv is not UTF-8 and is read as cp1252" in said
    assert "forms.csv is read with data.delimiter=; data.encoding=cp1252" in said
    assert "forms.csv: 120 records, 120 read, none refused" in said


def test_a_like_file_needs_no_word_and_an_excel_file_scores_equally(place):
    from_csv, said = scored(place, "input=forms.csv")
    assert "not UTF-8" not in said
    from_excel, _ = scored(place, "input=forms.xlsx")
    assert [answer["id"] for answer in from_csv] == make_forms()["form"].tolist()
    assert [answer["label"] for answer in from_csv] == [answer["label"] for answer in from_excel]


def test_what_is_typed_counts_and_a_file_that_is_written_otherwise_is_found(place):
    (place / "tab.txt").write_text("employer\tmétier\na;b\tmaçon\n", encoding="utf-8")
    for arguments in ([], ["delimiter=tab"], ["data.delimiter=tab"], ["data.encoding=utf-8"]):
        (answer,), _ = scored(place, "input=tab.txt", *arguments)
        assert answer["id"] == 1
    assert "with delimiter=;" in scored(place, "input=tab.txt")[1]
    answer = call("runtime.py", "input=tab.txt", "delimiter=|", cwd=place)
    assert answer.returncode == 2
    assert "try delimiter='tab'" in answer.stderr


def test_either_command_takes_either_spelling_and_proposes_its_own(place):
    for run in (lambda *a: call("train.py", *a, cwd=place), lambda *a: call_libelle("train", *a, cwd=place)):
        answer = run(*TRAIN, "delimiter=;;")
        assert answer.returncode == 2
        assert answer.stderr.startswith("data.delimiter=;; must be one character")
    answer = call_libelle("runtime", "input=forms.csv", "data.delimiter=;;", cwd=place)
    assert answer.stderr.startswith("delimiter=;; must be one character")


def test_a_published_copy_remembers_too(place):
    assert call("publish.py", "name=forms", "threshold=0.5", f"run_id={newest(place)}", cwd=place).returncode == 0
    _, said = scored(place, "input=forms.csv", "published=forms")
    assert "delimiter=; encoding=cp1252" in said


def newest(place):
    (manifest,) = (place / "store" / "runs").glob("*/1/*.manifest.json")
    return json.loads(manifest.read_text())["run_id"]


SWALLOWED = 'form;employer;métier\n1;A;maçon\n2;"B;maçon\n3;C;maçon\n4;D 15";maçon\n5;E;maçon\n'


def test_a_quote_that_swallows_rows_costs_no_record_without_a_word(place):
    (place / "quotes.csv").write_text(SWALLOWED, encoding="utf-8")
    answers, said = scored(place, "input=quotes.csv")
    assert [answer["id"] for answer in answers] == ["1", "5"]
    assert "quotes.csv, lines 3 to 5" in said
    assert "3 records are passed over" in said
    assert "set quote=none" in said
    assert "quotes.csv: 5 records, 2 scored, 3 refused" in said
    assert len(scored(place, "input=quotes.csv", "quote=none")[0]) == 5
    stopped = call("runtime.py", "input=quotes.csv", "on_error=stop", cwd=place)
    assert stopped.returncode == 2
    (sentence,) = stopped.stderr.strip().splitlines()
    assert "lines 3 to 5" in sentence


def test_training_refuses_it_and_reads_it_with_quote_none(place):
    forms = make_forms(60).to_csv(index=False).replace("\n", '\nX,"Y,a,b,1\nZ,c 15",d,e,1\n', 1)
    (place / "train.csv").write_text(forms, encoding="utf-8")
    typed = ["data=csv", "data.path=train.csv", "data.target=label", "model=logreg", "store.root=other"]
    answer = call("train.py", *typed, cwd=place)
    assert answer.returncode == 2
    assert "train.csv, lines 2 to 3: " in answer.stderr
    assert "data.quote=none" in answer.stderr
    assert "62 records, 62 read" in call("train.py", *typed, "data.quote=none", cwd=place).stderr


def test_suspicious_characters_of_a_scored_file_are_warned_of(place):
    (place / "odd.csv").write_text("employer,métier\na,maÃ§on\nb,c\n", encoding="utf-8")
    _, said = scored(place, "input=odd.csv")
    assert "odd.csv, line 2: accents in pieces in column 'métier'" in said


def test_a_record_is_typed_in_any_form_of_unicode(place):
    typed = [scored(place, f"record.{name}=maçon")[0][0]["scores"] for name in ("métier", "me\u0301tier")]
    assert typed[0] == typed[1]


def test_an_excel_file_without_a_wanted_column_is_refused(place):
    make_forms(3).to_excel(place / "less.xlsx", index=False)
    answer = call("runtime.py", "input=less.xlsx", cwd=place)
    assert answer.returncode == 2
    assert answer.stderr.strip().startswith("less.xlsx has no column 'métier'")

"""The look at the data, by the commands: alone, before training, in the report and from a base."""

import json
import re
import shlex

import pandas as pd
import pytest

from helpers.scripts import call, call_libelle
from helpers.tiny import make_forms

DATA = ["data=csv", "data.path=entries.csv", "data.id=form", "data.target=label"]


@pytest.fixture
def entries(tmp_path):
    """Write entries with a code that gives the label away, a constant field and a test record from training."""

    def write(**columns):
        table = make_forms(300).assign(country="FRANCE", code=lambda table: table["label"].map({"0": "A0", "1": "B1"}))
        table["part"] = ["train"] * 200 + ["validation"] * 50 + ["test"] * 50
        table.loc[290, ["employer", "job", "town"]] = table.loc[0, ["employer", "job", "town"]]
        table.assign(**columns).to_csv(tmp_path / "entries.csv", index=False)

    write()
    return write


def test_the_look_alone_trains_nothing_and_says_what_to_type_next(entries, tmp_path):
    answer = call("check.py", *DATA, "data.split.column=part", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[0] == "entries.csv: 300 rows, 2 labels"
    assert "  data.split.column: part" in lines
    assert any(line.startswith("- Field 'code' gives the label away") for line in lines)
    assert any(line.startswith("- Field 'country' is the same in all rows") for line in lines)
    assert "- Without the fields named above: data.columns=employer,job,town" in lines
    assert lines[-1].endswith(f"train.py {' '.join(DATA)} data.split.column=part")
    assert not (tmp_path / "store").exists()


def test_the_advice_runs_as_it_is_pasted_whatever_key_the_fields_stand_in(entries, tmp_path):
    number = list(range(300))
    entries(**{"age": number, "bien, sûr": "x", "l'ami": "y", "secteur é": ["a", "b", "c"] * 100})
    keys = ['data.categorical=code,town,"l\'ami"', "data.numeric=age", "data.text=country", "data.split.column=part"]
    columns = 'data.columns=employer,country,job,"bien, sûr","secteur é"'
    first = call("check.py", *DATA, *keys, columns, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "- Field 'code' gives the label away" in first.stdout
    assert "leave it out of data.categorical." in first.stdout
    (advice,) = re.findall("- Without the fields named above: (.*)", first.stdout)
    # As a shell takes it, on the same command line.
    typed = [word for word in [*keys, columns] if word.partition("=")[0] not in advice]
    second = call("check.py", *DATA, *typed, *shlex.split(advice), cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    assert "Field '" not in second.stdout
    assert "  fields: employer, job, secteur é, town" in second.stdout
    assert "  data.categorical: town" in second.stdout


def test_the_look_is_one_json_object_for_programs(entries, tmp_path):
    answer = call_libelle("check", *DATA, "data.split.column=part", "format=json", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert found["name"] == "entries"
    assert found["roles"] == {"data.target": ["label"], "data.id": ["form"], "data.split.column": ["part"]}
    assert [item["kind"] for item in found["findings"]][:2] == ["gives the label away", "constant field"]
    assert found["labels"]["1"].keys() == {"train", "validation", "test"}


def test_data_that_cannot_be_trained_on_end_both_commands_before_any_work(entries, tmp_path):
    entries(label=["no"] * 299 + ["yes"])
    sentence = "entries.csv: label yes has 1 row: none is left for validation and test"
    answer = call("check.py", *DATA, cwd=tmp_path)
    assert answer.returncode == 2
    assert answer.stderr.splitlines()[-1].startswith(sentence)
    assert "Next:" not in answer.stdout
    answer = call("train.py", *DATA, "model=logreg", cwd=tmp_path)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.splitlines()[-1].startswith(sentence)
    assert not (tmp_path / "store" / "runs").exists()


def test_rows_without_a_label_are_refused_or_passed_over_as_the_key_says(entries, tmp_path):
    entries(label=make_forms(300)["label"].where(pd.Series(range(300)) != 7))
    answer = call("check.py", *DATA, cwd=tmp_path)
    assert answer.returncode == 2
    assert "line 9: column 'label' is empty" in answer.stderr
    assert "data.unlabelled=skip" in answer.stderr
    answer = call("check.py", *DATA, "data.unlabelled=skip", cwd=tmp_path)
    assert answer.returncode == 0
    assert "  rows passed over, without a label: 1" in answer.stdout.splitlines()


def test_training_says_keeps_and_shows_what_was_found(entries, tmp_path):
    overrides = [*DATA, "data.split.column=part", "data.columns=employer,job,town,country", "model=logreg"]
    answer = call("train.py", *overrides, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    said = answer.stderr.splitlines()
    found = "Field 'country' is the same in all rows, and says nothing; leave it out of data.columns."
    assert said.index("entries.csv: 300 rows, 2 labels") < said.index(found)
    assert said.index(found) < next(place for place, line in enumerate(said) if line.endswith("local store store/"))
    (page,) = tmp_path.glob("store/runs/*/1/*.report.html")
    assert "Field &#39;country&#39; is the same in all rows" in page.read_text()
    assert "data.split.column: part" in page.read_text()
    (manifest,) = tmp_path.glob("store/runs/*/1/*.manifest.json")
    assert json.loads(manifest.read_text())["data"] == "entries"
    # One test record, at least, stands in training: the figures without it are printed, kept and shown.
    (metrics,) = tmp_path.glob("store/runs/*/1/*.metrics.json")
    test = json.loads(metrics.read_text())["test"]
    assert 0 < test["without_repeated"]["rows"] < test["rows"] == 50
    printed = [line.split() for line in answer.stdout.splitlines()]
    assert ["rows", "200", "50", "50", str(test["without_repeated"]["rows"])] in printed
    assert "test, new: the test records whose texts are not among the training rows" in answer.stdout
    repeated = 50 - test["without_repeated"]["rows"]
    assert f"{repeated} of 50 test records have the texts of a training record; without them:" in page.read_text()


@pytest.mark.slow
def test_a_base_says_what_was_found_and_whether_its_file_has_changed(entries, tmp_path):
    overrides = [*DATA, "data.columns=employer,job,country", "model=logreg"]
    answer = call("train.py", *overrides, "mode=prepare", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr

    def train():
        answer = call("train.py", "mode=train", "model=logreg", cwd=tmp_path)
        assert answer.returncode == 0, answer.stderr
        return answer.stderr

    said = train()
    assert "Field 'country' is the same in all rows" in said
    assert "data.path" not in said
    entries()  # written again, the same to the byte
    assert "data.path" not in train()
    entries(country="BELGIQUE")
    assert "data.path=entries.csv has changed since the base 'based' was prepared from it" in train()
    (tmp_path / "entries.csv").unlink()
    assert "data.path=entries.csv, which the base 'based' was prepared from, is not there any more" in train()

"""What a person mistypes, in every script: one sentence, and nothing is changed."""

import pytest

from helpers.place import files_below
from helpers.scripts import call


@pytest.mark.parametrize(
    ("script", "arguments", "words"),
    [
        ("runtime.py", [], ["text="]),
        ("runtime.py", ["record.nothing=x"], ["record.nothing", "rs_x"]),
        ("runtime.py", ["run_id=20261123_1", "text=x"], ["run_id=202611231", "2026-11-23_4"]),
        ("runtime.py", ["run_id=2020-01-01_1", "text=x"], ["2020-01-01_1"]),
        ("runtime.py", ["input=nowhere.csv"], ["nowhere.csv"]),
        ("runtime.py", ["published=nothing", "text=x"], ["published=nothing"]),
        ("train.py", ["data=csv"], ["data.path"]),
        ("train.py", ["data=csv", "data.path=nowhere.csv", "data.target=x"], ["nowhere.csv"]),
        ("train.py", ["data=csv", "data.path=forms.csv", "data.target=nothing"], ["nothing", "non_codable"]),
        ("train.py", ["data=csv", "data.path=forms.csv", "data.target=rs_x", "data.delimiter=;"], ["data.delimiter"]),
        ("train.py", ["mode=train"], ["mode=prepare"]),
        ("train.py", ["data=sql", "data.url=postgresql://u:pw@h/d", "data.query=SELECT 1"], ["data.url", "password"]),
        ("train.py", ["callbacks.early_stopping.patience=abc"], ["callbacks.early_stopping"]),
        ("publish.py", ["run_id=2020-01-01_1"], ["2020-01-01_1"]),
        ("threshold.py", ["run_id=2020-01-01_1", "f=1"], ["2020-01-01_1"]),
        ("threshold.py", [], ["precision=0.8"]),
        ("threshold.py", ["precision=0.8", "recall=0.8"], ["one of"]),
        ("threshold.py", ["cost.fp=5"], ["cost.fn"]),
        ("threshold.py", ["f=1", "confidence=0.9"], ["confidence=0.9"]),
        ("threshold.py", ["precision=1.8"], ["precision=1.8"]),
        ("threshold.py", ["accuracy=0.8"], ["accuracy=0.8", "more than two labels"]),
        ("runs.py", ["show", "2020-01-01_1"], ["2020-01-01_1"]),
        ("runs.py", ["lst"], ["lst", "list"]),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(place, script, arguments, words):
    before = files_below(place / "store")
    answer = call(script, *arguments, cwd=place)
    assert answer.returncode == 2, answer.stderr
    assert answer.stdout == ""
    sentence = answer.stderr.strip().splitlines()
    assert len(sentence) == 1
    assert all(word in sentence[0] for word in words)
    assert files_below(place / "store") == before


def test_hydras_own_errors_keep_their_message_and_status_1(place):
    answer = call("train.py", "model=nothing", cwd=place)
    assert answer.returncode == 1
    assert "Could not find 'model/nothing'" in answer.stderr
    assert "Traceback" not in answer.stderr

"""Explanations: each figure against a second scoring of the record without the field or word."""

import json

import pytest

from helpers.scripts import call
from libelle.evaluation.explanation import MAX_WORDS
from libelle.pipeline import Pipeline


@pytest.fixture(scope="module")
def pipeline(trained):
    store, run_id = trained
    return Pipeline.load(run_id, store)


def positive(pipeline, **record):
    return pipeline.predict([dict.fromkeys(pipeline.fields) | record])["score"].iloc[0]


def test_a_change_is_the_score_with_less_the_score_without(pipeline):
    record = {"employer": "Clinique du Parc", "job": "aide soignante"}
    (effects,) = pipeline.explain([record])
    whole = positive(pipeline, **record)
    assert {effect["field"] for effect in effects} == {"employer", "job"}
    for effect in effects:
        field = effect["field"]
        without = positive(pipeline, **{name: text for name, text in record.items() if name != field})
        assert effect["change"] == pytest.approx(whole - without, abs=1e-6)
        words = record[field].split()
        assert sorted(word["word"] for word in effect["words"]) == sorted(words)
        for word in effect["words"]:
            rest = " ".join(other for other in words if other != word["word"])
            assert word["change"] == pytest.approx(whole - positive(pipeline, **record | {field: rest}), abs=1e-6)


def test_what_matters_most_comes_first(pipeline):
    (effects,) = pipeline.explain([{"employer": "NA", "job": "infirmière", "town": "Lyon"}])
    sizes = [abs(effect["change"]) for effect in effects]
    assert sizes == sorted(sizes, reverse=True)


def test_empty_records_and_long_texts(pipeline):
    nothing, long = pipeline.explain([{"employer": None, "job": "  "}, {"employer": "mot " * 2000, "job": "maçon"}])
    assert nothing == []
    words = {effect["field"]: effect["words"] for effect in long}
    assert len(words["employer"]) == MAX_WORDS
    assert words["job"] == []


def test_runtime_explains_on_request(trained, tmp_path):
    store, run_id = trained
    arguments = [f"run_id={run_id}", f"store.root={store.root}", "record.job=aide soignante", "explain=true"]
    answer = call("runtime.py", *arguments, "format=json", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    (item,) = json.loads(answer.stdout)
    (effect,) = item["explanation"]
    assert effect["field"] == "job"
    assert {word["word"] for word in effect["words"]} == {"aide", "soignante"}
    table = call("runtime.py", *arguments, cwd=tmp_path).stdout
    assert "soignante" in table
    assert f"{effect['change']:+.4f}" in table

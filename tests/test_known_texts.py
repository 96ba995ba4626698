"""What is kept of texts from call to call changes no score."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from helpers.tiny import make_forms
from libelle import Pipeline, known_texts
from libelle.models.mlp import MLP
from libelle.stores.local import LocalStore

FIELDS = ["employer", "job", "town"]


@pytest.fixture(scope="module")
def pipeline(trained: tuple[LocalStore, str]) -> Pipeline:
    store, run_id = trained
    return Pipeline.load(run_id, store)


@pytest.fixture(scope="module")
def forms() -> pd.DataFrame:
    """Forms, among them words that nobody has seen, blank and missing texts, and one that is too long to be kept."""
    forms = make_forms(60, seed=5)[FIELDS]
    forms.loc[0, FIELDS] = None
    forms.loc[1, FIELDS] = ["☃ carreleurs", "  ", "lyon paris brest sète lyon paris brest"]
    forms.loc[2, "job"] = "Lyon"
    forms.loc[3, "employer"] = "!?"
    forms.loc[4, "job"] = "infirmière " * 500
    return forms


def encoded(pipeline: Pipeline, forms: pd.DataFrame) -> np.ndarray:
    """Scores by the way that takes all records at once."""
    return pipeline.score(pipeline.clean(pipeline.texts(forms)))


@pytest.mark.parametrize("room", [1 << 13, 24], ids=["room for all", "forgotten again and again"])
def test_records_score_alike_new_known_forgotten_or_among_many(pipeline, forms, monkeypatch, room):
    monkeypatch.setattr(known_texts, "_KEPT", room)
    pipeline = pickle.loads(pickle.dumps(pipeline))
    expected = encoded(pipeline, forms)
    for _ in range(2):
        alone = [pipeline.predict_proba(forms.iloc[[row]]) for row in range(len(forms))]
        np.testing.assert_allclose(np.concatenate(alone), expected, atol=1e-6)
    np.testing.assert_allclose(pipeline.predict_proba(forms.to_dict("records")), expected, atol=1e-6)


def test_where_there_is_no_room_what_was_used_last_stays(pipeline, monkeypatch):
    monkeypatch.setattr(known_texts, "_KEPT", 32)
    pipeline = pickle.loads(pickle.dumps(pipeline))
    for number in range(40):  # a town that comes in every other call, among employers that come once
        pipeline.predict_proba([{"employer": f"n {number}", "job": "macon", "town": "lyon" if number % 2 else "nice"}])
    (places,) = [some for name, some in zip(FIELDS, pipeline._known._kept.places, strict=True) if name == "town"]
    assert {"lyon", "nice"} <= set(places)
    assert pipeline._known._kept.count <= 32


def test_many_records_of_known_texts_are_not_encoded_again(pipeline, forms, monkeypatch):
    pipeline = pickle.loads(pickle.dumps(pipeline))
    many = pd.concat([forms.drop(index=4)] * 20, ignore_index=True)
    first = pipeline.predict_proba(many)
    monkeypatch.setattr(MLP, "text_vectors", None)
    np.testing.assert_array_equal(pipeline.predict_proba(many), first)


def test_threads_that_learn_the_same_texts_at_once_get_equal_scores(pipeline, forms):
    expected = encoded(pipeline, forms)
    for _ in range(5):
        pipeline = pickle.loads(pickle.dumps(pipeline))
        with ThreadPoolExecutor(8) as pool:
            rows = list(range(len(forms))) * 2
            found = list(pool.map(lambda row, used=pipeline: used.predict_proba(forms.iloc[[row]]), rows))
        np.testing.assert_allclose(np.concatenate(found), np.tile(expected, (2, 1)), atol=1e-6)


def test_a_text_that_is_known_is_not_encoded_again(pipeline, forms, monkeypatch):
    pipeline = pickle.loads(pickle.dumps(pipeline))
    first = pipeline.predict_proba(forms.iloc[5:7])
    monkeypatch.setattr(MLP, "text_vectors", None)
    np.testing.assert_array_equal(pipeline.predict_proba(forms.iloc[5:7]), first)
    np.testing.assert_allclose(pipeline.predict_proba(forms.iloc[6:7]), first[1:], atol=1e-7)


def test_texts_that_another_thread_has_learnt_meanwhile_are_not_learnt_again(pipeline, forms, monkeypatch):
    pipeline = pickle.loads(pickle.dumps(pipeline))
    first = pipeline.predict_proba(forms.iloc[5:7])
    known = pipeline._known
    monkeypatch.setattr(MLP, "text_vectors", None)
    columns = pipeline.columns(forms.iloc[5:7])
    fields = [columns[name] for name in pipeline.fields]
    assert known._learn(fields) is known._kept
    np.testing.assert_array_equal(pipeline.predict_proba(forms.iloc[5:7]), first)


def test_a_long_text_is_not_kept(pipeline, forms):
    pipeline = pickle.loads(pickle.dumps(pipeline))
    pipeline.predict_proba(forms.iloc[4:5])
    assert len(pickle.dumps(pipeline._known)) < len(pickle.dumps(pipeline)) + 5000
    assert not pipeline._known._kept.count

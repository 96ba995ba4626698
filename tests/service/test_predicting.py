"""What the service answers is what the pipeline says, record by record."""

import json
import threading

import numpy as np
import pytest

import libelle
from helpers.many import fit_many, many_records
from helpers.serving import client_of, context_of, context_with
from helpers.tiny import make_forms
from libelle.pipeline import Pipeline

FORMS = make_forms(60, seed=9).drop(columns="label")


def records_of(table):
    return [{key: text for key, text in row.items() if isinstance(text, str)} for row in table.to_dict("records")]


@pytest.fixture(scope="module")
def client(published):
    return client_of(context_of(published))


def ask(client, records, name="forms", **keys):
    answer = client.post(f"/models/{name}/predict", json={"records": records, **keys})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def test_scores_and_decisions_are_those_of_the_pipeline_in_order(client, published):
    expected = libelle.load_published("forms", published).predict(records_of(FORMS))
    answer = client.post("/models/forms/predict", json={"records": records_of(FORMS)}).json()
    assert (answer["model"], answer["version"]) == ("forms", 2)
    results = answer["results"]
    assert [item["id"] for item in results] == FORMS["form"].tolist() == expected["id"].tolist()
    assert [item["label"] for item in results] == expected["label"].tolist()
    np.testing.assert_allclose([item["score"] for item in results], expected["score"], atol=1e-6)
    assert {item["threshold"] for item in results} == {0.25}
    assert {item["status"] for item in results} == {"ok"}


def test_a_record_alone_scores_as_among_others(client):
    together = ask(client, records_of(FORMS))
    alone = [ask(client, [record])[0] for record in records_of(FORMS)]
    np.testing.assert_allclose([one["score"] for one in alone], [one["score"] for one in together], atol=1e-6)


def test_a_request_in_pieces_is_answered_as_one(published, monkeypatch):
    expected = ask(client_of(context_of(published)), records_of(FORMS))
    monkeypatch.setattr("libelle.service.scorer._MOST", 7)
    found = ask(client_of(context_of(published)), records_of(FORMS))
    assert [one["id"] for one in found] == [one["id"] for one in expected]
    np.testing.assert_allclose([one["score"] for one in found], [one["score"] for one in expected], atol=1e-6)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"employer": ["STE"]}, "The field 'employer' holds a list; give a text, a number or null."),
        ({"employer": {"a": 1}}, "The field 'employer' holds an object; give a text, a number or null."),
        ({"job": "maçon", "jobb": "x"}, "The model has no field 'jobb'; its fields are employer, job, town."),
        ({"job": "maçon", "job ": "x"}, "The model has no field 'job '; its fields are employer, job, town."),
        ({"job": "a" * 10_001}, "The text of 'job' has 10,001 characters, and 10,000 are the most; shorten it."),
        ({"form": "F1"}, "The record has none of the model's fields, which are employer, job, town."),
        ({"job": 1e300}, "The field 'job' holds floats above 2^53, which have lost their last digits; give a text."),
        (7, "A record is an object, a text for each field; this one is a number."),
        (None, "A record is an object, a text for each field; this one is null."),
    ],
)
def test_a_bad_record_spoils_no_other(client, bad, sentence):
    good = {"form": "F7", "employer": "STE DUPONT", "job": "maçon"}
    first, second, third = ask(client, [good, bad, good])
    assert (second["status"], second["error"]) == ("error", sentence)
    alone = ask(client, [good])[0]
    for found in (first, third):
        assert found == {**alone, "score": pytest.approx(alone["score"], abs=1e-6)}


def test_half_a_character_spoils_no_other_record(client):
    body = b'{"records": [{"job": "ma\\ud800on"}, {"job": "ma\\u00e7on"}, {"jo\\udc00b": "x"}]}'
    answer = client.post("/models/forms/predict", content=body)
    assert [item["status"] for item in answer.json()["results"]] == ["error", "ok", "error"]


def test_numbers_nulls_and_composed_names_are_understood(client, published):
    pipeline = libelle.load_published("forms", published)
    (found,) = ask(client, [{"job": 12, "employer": None, "town": True}])
    assert found["score"] == pytest.approx(pipeline.predict([{"job": "12", "town": "True"}])["score"][0], abs=1e-6)
    assert ask(client, [{" job": 12, "town ": True}]) == [found]


def test_records_without_an_id_are_known_by_their_row(client):
    assert [one["id"] for one in ask(client, [{"job": "a"}, {"job": "b"}])] == [1, 2]
    assert [one["id"] for one in ask(client, [{"job": "a", "form": "F1"}, {"job": "b"}])] == ["F1", "(row 2)"]
    assert [one["id"] for one in ask(client, [{"job": "a", "form": None}, {"job": "b"}])] == ["(row 1)", "(row 2)"]
    assert [one["id"] for one in ask(client, [{"job": "a", "form": " "}, {"job": "b", "form": "b"}])] == [
        "(row 1)",
        "b",
    ]


def test_unknown_fields_are_ignored_and_counted_by_wish(published):
    context = context_of(published, unknown_fields="ignore")
    client = client_of(context)
    known, more = ask(client, [{"job": "maçon"}, {"job": "maçon", "siret": "1", "x": "2"}])
    assert known["score"] == more["score"]
    assert 'libelle_unknown_fields_total{model="forms"} 2.0' in client.get("/metrics").text


def test_the_best_labels_and_what_moved_the_score_come_by_wish(client, published):
    record = {"form": "F1", "employer": "Clinique du Parc", "job": "aide soignante"}
    (plain,) = ask(client, [record])
    assert not {"top", "explanation"} & plain.keys()
    (found,) = ask(client, [record], top=2, explain=True)
    assert sum(one["score"] for one in found["top"]) == pytest.approx(1)
    expected = libelle.load_published("forms", published).explain([record])[0]
    assert [one["field"] for one in found["explanation"]] == [one["field"] for one in expected]


def test_a_long_record_is_explained_in_several_calls(client, published, monkeypatch):
    record = {"form": "F1", "employer": "clinique du parc " * 500, "job": "aide soignante " * 200}
    calls = []
    score = Pipeline.score
    monkeypatch.setattr(Pipeline, "score", lambda self, cleaned: calls.append(len(cleaned)) or score(self, cleaned))
    (found,) = ask(client, [record], explain=True)
    assert len(calls) > 5
    calls.clear()
    (expected,) = libelle.load_published("forms", published).explain([record])
    for one, other in zip(found["explanation"], expected, strict=True):
        assert one["field"] == other["field"]
        assert one["change"] == pytest.approx(other["change"], abs=1e-6)
        assert [word["word"] for word in one["words"]] == [word["word"] for word in other["words"]]


def test_a_version_is_pinned_by_its_number(published):
    client = client_of(context_of(published, published="forms,forms@1"))
    assert ask(client, [{"job": "x"}], "forms@1")[0]["threshold"] == 0.5
    assert ask(client, [{"job": "x"}], "forms@2")[0]["threshold"] == 0.25
    refused = client.post("/models/forms@3/predict", json={"records": []})
    assert refused.status_code == 404
    assert refused.json()["error"] == ("The model 'forms@3' is not served; served here: forms (version 2), forms@1.")


def test_many_labels_come_with_titles_thresholds_and_whether_they_are_automatic(tmp_path):
    pipeline = fit_many(tmp_path)
    rule = type(pipeline.rule)(pipeline.labels, None, {"00": 0.1, "01": None})
    context = context_with(type(pipeline)(**{**vars(pipeline), "rule": rule}))
    records = records_of(many_records(1).drop(columns="code"))[:2]
    first, second = ask(client_of(context), records, "model")
    assert (first["label"], first["title"], first["threshold"], first["automatic"]) == (
        "00",
        "Titre 00, oui",
        0.1,
        True,
    )
    assert (second["threshold"], second["automatic"]) == (None, False)
    assert first["top"][0]["label"] == "00"
    assert len(first["top"]) == 3


def test_the_predecessors_route_answers_as_it_did(client, published):
    documents = [{"form": "F1", "job": "aide soignante", "nomvoi_x": "DE LA PAIX"}, {"nomvoi_x": "x"}]
    first, second = client.post("/noncodable", json={"documents": documents}).json()["noncodable"]
    expected = libelle.load_published("forms", published).predict([{"job": "aide soignante"}])
    assert (first["cabbi"], first["status"]) == ("F1", "ok")
    assert first["non_codable"] == (expected["label"][0] == "1")
    np.testing.assert_allclose(first["predictions"], expected[["score_0", "score_1"]].iloc[0], atol=1e-6)
    assert (second["cabbi"], second["status"]) == ("(row 2)", "error")


def test_requests_at_once_get_their_own_answers(published):
    records = records_of(FORMS)
    with client_of(context_of(published)) as client:
        expected = [ask(client, [record])[0] for record in records]
        wrong = []

        def work(number):
            for place in range(number, len(records), 4):
                found = ask(client, [records[place]])[0]
                if found["id"] != records[place]["form"] or abs(found["score"] - expected[place]["score"]) > 1e-6:
                    wrong.append(place)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        assert "libelle_call_records_count" in client.get("/metrics").text


def test_a_shadow_scores_beside_and_disagreements_are_counted(published):
    context = context_of(published, published="forms", shadow="forms@1")
    with client_of(context) as client:
        results = ask(client, records_of(FORMS))
        differ = sum(0.25 <= one["score"] < 0.5 for one in results)
        assert differ
        page = client.get("/metrics").text
    labels = '{model="forms",shadow="1",version="2"}'
    assert f"libelle_shadow_records_total{labels} {len(FORMS)}.0" in page
    assert f"libelle_shadow_disagreements_total{labels} {differ}.0" in page


def test_the_models_say_what_they_are(client):
    (model,) = client.get("/models").json()["models"]
    assert model == client.get("/models/forms").json()
    assert (model["name"], model["version"], model["threshold"], model["positive"]) == ("forms", 2, 0.25, "1")
    assert model["fields"] == ["employer", "job", "town"]
    assert len(model["data_fingerprint"]) == 64
    assert json.loads(client.get("/openapi.json").text)["paths"]["/models/{name}/predict"]["post"]["requestBody"]

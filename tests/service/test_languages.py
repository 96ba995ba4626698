"""Sentences are in the language that a request asks for, and English where it asks for none."""

import re
import sys

import pytest

from helpers.many import fit_many
from helpers.serving import client_of, context_of, context_with

FRENCH = {"Accept-Language": "fr-FR,fr;q=0.9,en;q=0.5"}
GOOD = {"form": "F7", "employer": "STE DUPONT", "job": "maçon"}


@pytest.fixture(scope="module")
def context(published):
    return context_of(published, max_bytes=20_000, max_records=10, max_explained=1, max_waiting=10)


@pytest.fixture(scope="module")
def client(context):
    return client_of(context)


def ask(client, record, headers):
    answer = client.post("/models/forms/predict", json={"records": [GOOD, record]}, headers=headers)
    assert answer.json()["results"][0]["status"] == "ok"
    return answer.json()["results"][1]["error"]


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ({"job": ["x"]}, "Le champ « job » contient une liste ; donnez un texte, un nombre ou null."),
        ({"job": "x", "jobb": "x"}, "Le modèle n’a pas de champ 'jobb' ; ses champs sont employer, job, town."),
        ({"job": "a" * 10_001}, "Le texte de « job » compte 10 001 caractères, et 10 000 sont le maximum"),
        ({"job": 1e300}, "Le champ « job » contient un nombre à virgule au-delà de 2^53"),
        ({"form": "F1"}, "L’enregistrement n’a aucun des champs du modèle, qui sont employer, job, town."),
        (7, "Un enregistrement est un objet, avec un texte par champ ; celui-ci est un nombre."),
    ],
)
def test_what_is_said_of_a_record_is_french_where_french_is_asked_for(client, record, sentence):
    assert re.sub("[\u00a0\u202f]", " ", ask(client, record, FRENCH)).startswith(sentence)


@pytest.mark.parametrize("accepted", ["", "de", "*", "en,fr;q=0.9", "fr;q=0", ";;q=,,", "fr;q=0.1,en-GB"])
def test_what_is_said_of_a_record_is_english_else(client, accepted):
    sentence = "A record is an object, a text for each field; this one is a number."
    assert ask(client, 7, {"Accept-Language": accepted}) == sentence


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b"{", 422, "Le corps de la requête n’est pas du JSON lisible (EOF"),
        (b"[]", 422, "Le corps de la requête ne convient pas : il faut un objet."),
        (b"{}", 422, "Le corps de la requête n’a pas de clé « records » ; ajoutez-la."),
        (b'{"records": "STE"}', 422, "records ne convient pas : il faut un tableau."),
        (b'{"records": [], "tops": 1}', 422, "« tops » n’est pas une clé de la requête ; supprimez-la."),
        (b'{"records": [], "top": "1"}', 422, "top ne convient pas : il faut un nombre entier."),
        (b'{"records": [], "top": 0}', 422, "top ne convient pas : il faut 1 au moins."),
        (b'{"records": [], "explain": 1}', 422, "explain ne convient pas : il faut true ou false."),
        (b'{"records": [' + b"1," * 10 + b"1]}", 413, "La requête compte 11 enregistrements ; envoyez-en 10 à la fois"),
        (b'{"records": [1, 1], "explain": true}', 413, "La requête demande 2 explications ;"),
        (b" " * 20_001, 413, "Le corps de la requête dépasse 20 000 octets ; envoyez moins d’enregistrements"),
    ],
)
def test_a_refusal_is_french_where_french_is_asked_for(client, body, status, sentence):
    answer = client.post("/models/forms/predict", content=body, headers=FRENCH)
    assert answer.status_code == status
    assert re.sub("[\u00a0\u202f]", " ", answer.json()["error"]).startswith(sentence)


def test_what_waits_is_refused_in_french_too(published, context, client):
    with context.intake.records(9):
        busy = client.post("/models/forms/predict", json={"records": [GOOD] * 2}, headers=FRENCH)
    assert (busy.status_code, busy.json()["error"][:34]) == (429, "9 enregistrements attendent déjà\u202f;")
    slow = client_of(context_of(published, timeout=1e-9)).post(
        "/models/forms/predict", json={"records": [GOOD]}, headers=FRENCH
    )
    assert slow.status_code in (408, 503)
    assert " en 1e-09 secondes\u202f;" in slow.json()["error"]


def test_addresses_that_there_are_not_are_refused_in_french_too(client, tmp_path, monkeypatch):
    assert client.get("/nothing", headers=FRENCH).json()["error"].startswith("Il n’y a rien à cette adresse")
    assert client.get("/models/forms/predict", headers=FRENCH).json() == {
        "error": "Cette adresse n’accepte pas cette méthode."
    }
    assert client.get("/models/x", headers=FRENCH).json()["error"].startswith("Le modèle 'x' n’est pas servi\u202f;")
    many = client_of(context_with(fit_many(tmp_path)))
    refused = many.post("/noncodable", json={"documents": [GOOD]}, headers=FRENCH)
    assert "ne décide pas entre deux modalités" in refused.json()["error"]


def test_a_token_is_asked_for_in_french_too(published, monkeypatch):
    monkeypatch.setenv("LIBELLE_TOKEN", "0123456789abcdef0123")
    answer = client_of(context_of(published)).get("/models", headers=FRENCH)
    assert (answer.status_code, answer.json()["error"][:16]) == (401, "Il faut un jeton")


def test_the_predecessors_route_speaks_the_language_as_well(client):
    answer = client.post("/noncodable", json={"documents": [7]}, headers=FRENCH).json()["noncodable"][0]
    assert (answer["status"], answer["error"][:26]) == ("error", "Un enregistrement est un o")


def test_french_sentences_need_no_babel(client, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "babel"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "babel", None)
    assert "10\u202f001 caractères" in ask(client, {"job": "a" * 10_001}, FRENCH)


def test_openapi_says_how_to_ask_for_a_language(client):
    asked = client.get("/openapi.json").json()["paths"]["/models/{name}/predict"]["post"]["parameters"]
    assert [(one["name"], one["in"], one["required"]) for one in asked][1] == ("Accept-Language", "header", False)

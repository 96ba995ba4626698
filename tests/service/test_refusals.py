"""What is not answered as asked is refused in a sentence, which never holds a text of a record."""

import pytest

from helpers.openssl import make_certificate, openssl
from helpers.serving import client_of, context_of
from libelle.errors import UserError
from libelle.service.settings import Settings
from libelle.service.tokens import Tokens

TOKEN = "0123456789abcdef0123"


@pytest.fixture(scope="module")
def client(published):
    return client_of(context_of(published, max_bytes=1000, max_records=5, max_explained=1))


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b"", 422, "The body is not JSON that can be read (EOF while parsing a value at line 1 column 0)"),
        (b'{"records": [', 422, "The body is not JSON that can be read"),
        (b"\xff\xfe", 422, "The body is not JSON that can be read"),
        (b"[" * 900, 422, "The body is not JSON that can be read"),
        (b"[]", 422, "The body does not fit: input should be an object."),
        (b"{}", 422, "The body has no 'records'; add it."),
        (b'{"records": "STE"}', 422, "records does not fit: input should be a valid array."),
        (b'{"records": [], "tops": 1}', 422, "'tops' is not a key of the request; leave it out."),
        (b'{"records": [], "top": "1"}', 422, "top does not fit: input should be a valid integer."),
        (b'{"records": [], "top": 2.5}', 422, "top does not fit: input should be a valid integer."),
        (b'{"records": [], "top": 0}', 422, "top does not fit: input should be greater than or equal to 1."),
        (b'{"records": [{}, {}, {}, {}, {}, {}]}', 413, "The request has 6 records; send at most 5 at once."),
        (b'{"records": [{}, {}], "explain": true}', 413, "The request wants 2 explanations; send at most 1 records"),
        (b" " * 1001, 413, "The body is larger than 1,000 bytes; send fewer records at once."),
    ],
)
def test_a_body_that_cannot_be_is_one_sentence(client, body, status, sentence):
    answer = client.post("/models/forms/predict", content=body)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(sentence)


def test_a_whole_number_may_have_a_decimal_point(client):
    answer = client.post("/models/forms/predict", content=b'{"records": [{"job": "x"}], "top": 2.0}')
    assert len(answer.json()["results"][0]["top"]) == 2


def test_a_body_in_parts_is_bounded_too(client):
    answer = client.post("/models/forms/predict", content=iter([b" " * 600, b" " * 600]))
    assert answer.status_code == 413


def test_records_beyond_the_limit_are_refused_before_any_is_looked_at(client, monkeypatch):
    # Sentences for two million bad records took 16 seconds, in which nobody else was answered.
    monkeypatch.setattr("libelle.service.records.Judge.judge", None)
    answer = client.post("/models/forms/predict", json={"records": [1] * 6})
    assert answer.status_code == 413
    assert client.post("/noncodable", json={"documents": [1] * 6}).status_code == 413


def test_an_address_or_a_method_that_there_is_not_is_one_sentence(client):
    assert client.get("/nothing").json()["error"].startswith("There is nothing at this address;")
    assert client.get("/models/forms/predict").status_code == 405
    assert client.post("/models/x/predict").json() == {
        "error": "The model 'x' is not served; served here: forms (version 2)."
    }


def test_what_waits_too_long_is_refused(published):
    client = client_of(context_of(published, timeout=1e-9))
    answer = client.post("/models/forms/predict", json={"records": [{"job": "x"}]})
    assert answer.status_code in (408, 503)
    assert "1e-09 seconds" in answer.json()["error"]


def test_too_many_connections_are_refused_and_closed(published):
    context = context_of(published)
    context.connections = lambda: 1001
    answer = client_of(context).get("/health/live", headers={"Accept-Language": "fr"})
    assert (answer.status_code, answer.headers["connection"], answer.headers["retry-after"]) == (503, "close", "1")
    assert answer.json()["error"].startswith("Il y a trop de connexions")


def test_too_much_that_waits_already_is_refused(published):
    context = context_of(published, max_waiting=10)
    with context.intake.records(8):
        answer = client_of(context).post("/models/forms/predict", json={"records": [{"job": "x"}] * 3})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json()["error"] == "8 records wait already; ask again in a second."
    assert client_of(context).post("/models/forms/predict", json={"records": [{"job": "x"}]}).status_code == 200


def test_a_token_is_asked_for_where_there_are_some(published, tmp_path):
    (tmp_path / "tokens").write_text(f"# ours\nrecap {TOKEN}\nother {TOKEN}x\n", encoding="utf-8")
    client = client_of(context_of(published, tokens=str(tmp_path / "tokens")))
    for wrong in ({}, {"Authorization": f"Bearer {TOKEN[:-1]}"}, {"Authorization": f"Basic {TOKEN}"}):
        answer = client.get("/models", headers=wrong)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert client.get("/models", headers={"Authorization": f"Bearer {TOKEN}x"}).status_code == 200
    assert client.get("/metrics").status_code == 401
    assert client.get("/health/ready").status_code == client.get("/health/live").status_code == 200


def test_tokens_change_while_the_service_runs(tmp_path, monkeypatch):
    monkeypatch.setattr("libelle.service.tokens._LOOK", 0)
    path = tmp_path / "tokens"
    path.write_text(f"recap {TOKEN}", encoding="utf-8")
    tokens = Tokens(str(path))
    assert tokens.owner(f"Bearer {TOKEN}") == "recap"
    path.write_text(f"recap {TOKEN}new", encoding="utf-8")
    assert tokens.owner(f"Bearer {TOKEN}") is None
    assert tokens.owner(f"bearer {TOKEN}new") == "recap"
    path.write_text("recap", encoding="utf-8")
    assert tokens.owner(f"Bearer {TOKEN}new") == "recap"  # a damaged file changes nothing
    path.unlink()
    assert tokens.owner(f"Bearer {TOKEN}new") == "recap"


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("", "holds no token; write a line with a name and a token."),
        ("recap\n", "line 1: write a name, a space and a token, and nothing else."),
        ("recap short\n", "the token of recap has fewer than 16 characters and could be guessed"),
    ],
)
def test_a_file_of_tokens_that_cannot_be_is_one_sentence(tmp_path, lines, sentence):
    (tmp_path / "tokens").write_text(lines, encoding="utf-8")
    with pytest.raises(UserError, match=sentence):
        Tokens(str(tmp_path / "tokens"))


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"host": "0.0.0.0"}, "host=0.0.0.0 would serve anybody who reaches this machine; set LIBELLE_TOKEN"),
        ({"tls_key": "x"}, "tls_certificate= and tls_key= belong together"),
        ({"shadow": "forms"}, "shadow=forms names no version; write forms@ and its number."),
        ({"trusted": "keys.pem"}, "add verify=required, or leave it out."),
        ({"verify": "required"}, "verify=required needs the keys to trust"),
        ({"published": ""}, "published= is empty"),
        ({"shadow": " "}, "shadow= is empty"),
        ({"origins": "foo"}, "origins=foo is no origin as browsers send it; write https://<host>"),
        ({"origins": "https://a.fr,https://b.fr/"}, "origins=https://b.fr/ is no origin"),
        ({"origins": "https://a.fr:443"}, "origins=https://a.fr:443 is no origin"),
    ],
)
def test_settings_that_cannot_be_are_one_sentence(keys, sentence, monkeypatch):
    monkeypatch.delenv("LIBELLE_TOKEN", raising=False)
    monkeypatch.delenv("LIBELLE_TRUSTED_KEYS", raising=False)
    with pytest.raises(UserError, match=sentence):
        Settings(**keys)


@pytest.mark.parametrize(
    ("certificate", "key", "sentence"),
    [
        ("mine.crt", "other.key", "tls_key=other.key is not the key of tls_certificate=mine.crt"),
        ("mine.key", "mine.crt", "tls_certificate=mine.key holds no certificate"),
        ("mine.crt", "other.crt", "tls_key=other.crt holds no private key"),
        ("mine.crt", "secret.key", "tls_key=secret.key is encrypted, and workers begin without being asked"),
        ("mine.crt", "short.key", "tls_key=short.key is no file"),
    ],
)
def test_tls_files_that_cannot_be_used_are_one_sentence_that_names_them(
    tmp_path, monkeypatch, certificate, key, sentence
):
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "other"):
        make_certificate(tmp_path / f"{name}.crt", tmp_path / f"{name}.key")
    openssl("pkey", "-in", "mine.key", "-aes256", "-passout", "pass:secret", "-out", "secret.key")
    with pytest.raises(UserError, match=sentence):
        Settings(tls_certificate=certificate, tls_key=key)


def test_pages_of_other_hosts_ask_only_where_they_are_named(published, monkeypatch):
    monkeypatch.setenv("LIBELLE_TOKEN", TOKEN)
    preflight = {"Origin": "https://a.fr", "Access-Control-Request-Method": "POST"}
    closed = client_of(context_of(published)).options("/models/forms/predict", headers=preflight)
    assert "access-control-allow-origin" not in closed.headers
    client = client_of(context_of(published, origins="https://a.fr,http://[::1]:8080"))
    opened = client.options("/models/forms/predict", headers=preflight)
    assert opened.headers["access-control-allow-origin"] == "https://a.fr"
    refused = client.post("/models/forms/predict", headers={"Origin": "https://a.fr"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://a.fr")
    other = client.post("/models/forms/predict", headers={"Origin": "https://b.fr"})
    assert "access-control-allow-origin" not in other.headers

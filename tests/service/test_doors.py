"""Signed models, and HTTPS."""

import json
import os
import signal
import ssl
from contextlib import suppress
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from helpers.openssl import make_certificate, openssl
from helpers.serving import PATIENCE, context_of, serving
from libelle.errors import UserError
from libelle.publication import publish
from libelle.published import find
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.service.models_served import load_first
from libelle.service.scout import Scout
from libelle.service.settings import Settings
from libelle.stores.local import LocalStore


@pytest.fixture
def keys(tmp_path):
    private, public = tmp_path / "key.pem", tmp_path / "trusted.pem"
    openssl("genpkey", "-algorithm", "ed25519", "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    return str(private), str(public)


def test_only_signed_models_are_served_where_a_signature_is_required(place, keys):
    store = LocalStore(str(place / "store"))
    settings = {"published": "forms", "verify": "required", "trusted": keys[1]}
    with pytest.raises(UserError, match=r"forms@2 in .* is not signed"):
        context_of(store, **settings)
    run = Run.open(store, RunId.parse(find(store, "forms").run_id))
    signed = publish(store, run, "forms", threshold=0.5, sign=keys[0])
    (served,) = context_of(store, **settings).catalogue.served
    assert served.publication.version == signed.version
    publish(store, run, "forms", threshold=0.6)
    told = []
    scout = Scout(store, Settings(**settings), {"forms": signed.version})
    assert not scout.look(told.append)
    (refused,) = (message for message in told if "refused" in message)
    assert "forms@4 in" in refused["reason"]
    assert "is not signed" in refused["reason"]


def test_of_all_that_is_published_what_can_be_served_is(place):
    store = LocalStore(str(place / "store"))
    run = Run.open(store, RunId.parse(find(store, "forms").run_id))
    broken = publish(store, run, "broken", threshold=0.5)
    next((place / "store" / broken.prefix).glob("model/*")).write_bytes(b"damaged")
    loaded, refused = load_first(store, Settings())
    assert list(loaded) == ["forms"]
    assert "was altered since its manifest was written" in refused["broken"]
    with pytest.raises(UserError, match="was altered"):
        load_first(store, Settings(published="forms,broken"))


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"published": "forsm"}, "^published=forsm is not in"),
        ({"published": "forms", "shadow": "forms@9"}, "^shadow=forms@9 is not in .*; versions of forms there: 1, 2"),
        ({"published": "forms", "shadow": "forsm@1"}, "^shadow=forsm@1 is not in .*; published there:"),
        ({"published": "forms", "noncodable": "forsm"}, "^noncodable=forsm is not served; name one of these: forms.$"),
        ({"published": "forms", "shadow": "forms@1", "noncodable": "forms@1"}, "^noncodable=forms@1 is not served"),
    ],
)
def test_a_model_that_is_not_there_is_named_with_its_key_before_anybody_asks(published, keys, sentence):
    with pytest.raises(UserError, match=sentence):
        load_first(published, Settings(**keys))


def test_a_refused_version_is_tried_again_later_and_less_and_less_often(place, monkeypatch):
    store = LocalStore(str(place / "store"))
    now = [1000.0]
    monkeypatch.setattr("libelle.service.scout.time.monotonic", lambda: now[0])
    next((place / "store" / find(store, "forms").prefix).glob("model/*")).write_bytes(b"damaged")
    scout = Scout(store, Settings(published="forms"), {"forms": 1})
    tries = []
    for second in range(0, 600, 10):
        now[0] = 1000.0 + second
        told = []
        scout.look(told.append)
        tries += [second for message in told if "trying" in message]
    assert tries == [0, 70, 200, 450]


def test_a_revoked_token_stays_so_where_the_file_is_damaged_and_a_worker_replaced(place):
    old, new, file = "0123456789abcdef0123", "0123456789abcdef4567", place / "tokens"
    file.write_text(f"recap {old}", encoding="utf-8")
    with serving(place, "published=forms", "workers=1", "reload=0", f"tokens={file}") as service:
        file.write_text(f"recap {new}", encoding="utf-8")
        service.until(lambda: service.log.count("was read again: recap") == 2)  # though nobody has asked
        file.write_text("recap", encoding="utf-8")
        service.until(lambda: service.log.count("The tokens stay as they were") == 2)
        workers = service.children()
        os.kill(*workers, signal.SIGKILL)
        assert [service.ask("/models", token=token)[0] for token in (old, new)] == [401, 200]
        assert service.children() != workers


def test_it_speaks_tls_where_it_has_a_certificate(place):
    certificate, key = place / "cert.pem", place / "key.pem"
    make_certificate(certificate, key)
    files = [f"tls_certificate={certificate}", f"tls_key={key}"]
    with serving(place, "published=forms", "workers=1", "reload=0", *files) as service:
        context = ssl.create_default_context(cafile=str(certificate))
        body = json.dumps({"records": [{"job": "maçon"}]}).encode()
        url = f"https://localhost:{service.port}/models/forms/predict"

        def answers(context):
            with suppress(URLError), urlopen(Request(url, body), timeout=PATIENCE, context=context) as answer:
                return json.load(answer)["results"][0]["status"] == "ok"
            return False  # the certificate is another one

        assert answers(context)
        make_certificate(place / "other.pem", key)
        workers = service.children()
        service.process.send_signal(signal.SIGHUP)
        service.until(lambda: f"The workers stay as they were: tls_key={key} is not the key of" in service.log)
        assert service.children() == workers
        os.kill(*workers, signal.SIGKILL)  # the one that takes its place has the former key, too
        assert answers(context)
        assert service.children() != workers
        make_certificate(certificate, key)
        service.process.send_signal(signal.SIGHUP)
        renewed = ssl.create_default_context(cafile=str(certificate))
        service.until(lambda: answers(renewed))

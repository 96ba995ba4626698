"""The page for people, as it is sent: its languages, its headers, and whether its parts fit together."""

import asyncio
import json
import re
from html.parser import HTMLParser

import pytest

from helpers.scripts import ROOT
from libelle.language import LANGUAGES
from libelle.service.app import create_app
from libelle.service.context import Context
from libelle.service.models_served import Catalogue
from libelle.service.page.sentences import sentences
from libelle.service.settings import Settings
from libelle.service.tokens import Tokens

STATIC = ROOT / "src/libelle/service/page/static"
TOKEN = "0123456789abcdef"


@pytest.fixture
def get(monkeypatch):
    """Ask a service that wants a token, without one: status, headers and body."""
    monkeypatch.setenv("LIBELLE_TOKEN", TOKEN)
    app = create_app(Context(Settings(max_records=70), Catalogue([]), Tokens(None)))

    def ask(path, query="", **headers):
        sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": sent}
        messages = []

        async def receive():
            return {"type": "http.request", "body": b""}

        async def send(message):
            messages.append(message)

        asyncio.run(app(scope, receive, send))
        start = messages[0]
        answered = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], answered, b"".join(message.get("body", b"") for message in messages)

    return ask


class Parts(HTMLParser):
    """What a page consists of."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.told = [], {}
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][1].get("id") == "service" and data.strip():
            self.told.update(json.loads(data))

    def named(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.parametrize(
    ("accepted", "query", "language"),
    [
        ("", "", "en"),
        ("fr", "", "fr"),
        ("fr-FR,fr;q=0.9,en;q=0.5", "", "fr"),
        ("en-GB,fr;q=0.9", "", "en"),
        ("fr;q=0.2, en;q=0.8", "", "en"),
        ("de, fr-CA;q=0.4", "", "fr"),
        ("de;q=x, *", "", "en"),
        ("fr;q=0", "", "en"),
        ("en", "language=fr", "fr"),
        ("fr", "language=de", "fr"),
    ],
)
def test_the_page_is_sent_in_the_language_that_is_asked_for(get, accepted, query, language):
    status, headers, body = get("/", query, accept_language=accepted)
    assert (status, headers["content-language"], headers["vary"]) == (200, language, "Accept-Language")
    assert f'<html lang="{language}">' in body.decode()
    assert f'<h1 data-say="title">{sentences(language)["title"]}</h1>' in body.decode()


def test_everybody_gets_the_page_and_nobody_the_models_without_a_token(get):
    assert get("/")[0] == get("/page/page.js")[0] == 200
    assert get("/models")[0] == 401


def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing_that_stands_in_it(get):
    _, headers, body = get("/")
    policy = headers["content-security-policy"].split("; ")
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert (headers["referrer-policy"], headers["x-content-type-options"]) == ("no-referrer", "nosniff")
    page = Parts(body)
    assert not page.named("style")
    assert not [
        attributes for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "style"
    ]
    loaded = [attributes["src"] for attributes in page.named("script") if "src" in attributes]
    loaded += [attributes["href"] for attributes in page.named("link")]
    for path in loaded:
        # Relative: a proxy may have put the service below a path.
        assert get(f"/{path}")[0] == 200, path
    for path in STATIC.iterdir():
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|innerHTML|eval\(|Storage", path.read_text()), path


@pytest.mark.parametrize(
    ("name", "kind"), [("page.css", "text/css"), ("page.js", "text/javascript"), ("icon.svg", "image/svg+xml")]
)
def test_a_file_is_sent_with_its_type_and_once(get, name, kind):
    status, headers, body = get(f"/page/{name}")
    assert (status, headers["content-type"].partition(";")[0]) == (200, kind)
    assert body == (STATIC / name).read_bytes()
    status, _, body = get(f"/page/{name}", if_none_match=headers["etag"])
    assert (status, body) == (304, b"")


@pytest.mark.parametrize("name", ["index.html", "nothing.js", "../routes.py", "..%2froutes.py"])
def test_nothing_else_is_sent(get, name):
    status, _, body = get(f"/page/{name}")
    assert status == 404
    assert "error" in json.loads(body)


def test_the_page_knows_the_limits_and_all_languages(get):
    told = Parts(get("/")[2]).told
    assert told["limits"] == {"records": 70, "bytes": Settings().max_bytes}
    assert told["sentences"] == {language: sentences(language) for language in LANGUAGES}


def test_all_languages_say_all_sentences_with_the_same_holes():
    english = sentences("en")
    for language in LANGUAGES:
        spoken = sentences(language)
        assert spoken.keys() == english.keys()
        for key, sentence in spoken.items():
            assert holes(sentence) == holes(english[key]), key
    assert sentences("fr")["title"] == "Classer des enregistrements"


def holes(sentence):
    forms = sentence if isinstance(sentence, list) else [sentence]
    return [sorted(re.findall(r"\{\w+\}", form)) for form in forms]


def test_every_sentence_is_said_and_none_is_missing():
    modules = "\n".join(path.read_text() for path in STATIC.glob("*.js"))
    page = (STATIC / "index.html").read_text()
    keys = set(sentences("en"))
    said = set(re.findall(r'data-say="(\w+)"', page)) | set(re.findall(r'\bsay\("(\w+)"', modules))
    said |= {
        f"column_{key}" for found in re.findall(r"\bhead\(([^)]*)\)", modules) for key in re.findall(r'"(\w+)"', found)
    }
    assert said <= keys
    # What is chosen by a condition stands between quotation marks, or has a short form.
    words = set(re.findall(r'"(\w+)"', modules))
    assert keys - said - words == {f"{key}_shortly" for key in keys if f"{key}_shortly" in keys}


def test_every_element_that_a_module_asks_for_is_on_the_page(get):
    page = Parts(get("/")[2])
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    modules = "\n".join(path.read_text() for path in STATIC.glob("*.js"))
    assert set(re.findall(r'\bat\("([\w-]+)"\)', modules)) <= ids
    labelled = {attributes["for"] for attributes in page.named("label")}
    for tag in ("input", "select", "textarea"):
        assert {attributes["id"] for attributes in page.named(tag)} <= labelled

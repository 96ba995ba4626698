"""The languages of pages: every sentence has a translation, numbers are written as people write them."""

import re
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from helpers.scripts import ROOT
from libelle import language
from libelle.errors import UserError
from libelle.language import LOCALES, require_language, speaking

KEYWORDS = {"N_": None, "_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
TRANSLATED = [path.parents[1].name for path in LOCALES.glob("*/LC_MESSAGES/libelle.po")]


def catalogue(code: str) -> Catalog:
    with (LOCALES / code / "LC_MESSAGES" / "libelle.po").open("rb") as file:
        return read_po(file, locale=code)


def texts(entry: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (entry,) if isinstance(entry, str) else tuple(entry)


def said_in_the_source() -> set[tuple[str, ...]]:
    with (ROOT / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(ROOT, methods, options, keywords=KEYWORDS)
    return {texts(message) for _, _, message, _, _ in found}


def holes(text: str) -> list[str]:
    # A language has its own quotation marks, instead of those of `!r`.
    return sorted(re.findall(r"%\(\w+\)s|%%|\{\w+(?::[^}]*)?\}|<[^>]+>", text.replace("!r", "")))


def test_every_sentence_of_the_source_has_a_translation() -> None:
    said = {message[0] for message in said_in_the_source()}
    assert len(said) > 250
    assert [code for code in language.LANGUAGES if code != language.ENGLISH] == TRANSLATED
    for code in TRANSLATED:
        kept = {texts(message.id)[0]: message for message in catalogue(code) if message.id}
        assert said == set(kept), "run make messages, and translate what is new"
        assert [name for name, message in kept.items() if message.fuzzy or not all(texts(message.string))] == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_translation_has_the_holes_of_its_sentence(code: str) -> None:
    for message in catalogue(code):
        if message.id:
            for text in texts(message.string):
                assert holes(text) == holes(texts(message.id)[-1]), message.id


@pytest.mark.parametrize("code", TRANSLATED)
def test_what_is_compiled_is_what_is_written(code: str) -> None:
    with (LOCALES / code / "LC_MESSAGES" / "libelle.mo").open("rb") as file:
        compiled = {(message.context, texts(message.id)): texts(message.string) for message in read_mo(file)}
    written = {(message.context, texts(message.id)): texts(message.string) for message in catalogue(code)}
    del compiled[None, ("",)], written[None, ("",)]
    assert compiled == written, "run make messages"


def test_french_punctuation_has_spaces_that_do_not_break() -> None:
    for message in catalogue("fr"):
        for text in texts(message.string) if message.id else ():
            plain = re.sub(r"<code>.*?</code>|%\(\w+\)s|%%|(?<=\w):[^}]*(?=\})", "", text)
            assert not re.search(r" [:;?!»]|« |[\w)}][;?!]|[\w)}]:(?!\w)", plain), text
            assert " %%" not in text, text
            assert "'" not in re.sub(r"<code>.*?</code>", "", text), text


def test_numbers_are_written_as_the_language_does() -> None:
    def numbers() -> list[str]:
        return [
            language.count(1234567),
            language.decimal(0.511),
            language.decimal(-2.5, 1),
            language.signed(0.01234),
            language.signed(-0.01234),
            language.signed(-0.00001),
            language.general(0.5),
            language.general(1e-05),
            language.percent(0.1234),
        ]

    assert numbers() == ["1,234,567", "0.5110", "-2.5", "+0.0123", "−0.0123", "+0.0000", "0.5", "1e-05", "12.3 %"]
    with speaking("fr"):
        assert numbers() == [
            "1\u202f234\u202f567",
            "0,5110",
            "−2,5",
            "+0,0123",
            "−0,0123",
            "+0,0000",
            "0,5",
            "1e-05",
            "12,3\u202f%",
        ]
        assert language.gettext("threshold") == "seuil"
        assert language.ngettext("label", "labels", 1) == "modalité"
    assert language.gettext("threshold") == "threshold"


def test_english_does_without_babel_and_french_says_that_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "babel"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "babel", None)
    assert language.percent(0.5) == "50.0 %"
    with pytest.raises(UserError, match=r"report\.language=fr needs babel.*libelle\[languages\]"):
        require_language("fr")


def test_a_language_without_a_catalogue_is_refused() -> None:
    with pytest.raises(UserError, match="language=de is not a language of the pages; choose en or fr"):
        require_language("de", "language")


def test_catalogues_lie_in_the_package() -> None:
    assert Path(language.__file__).parent in LOCALES.parents

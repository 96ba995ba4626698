"""Cleaners: each text on its own, in any order, and never more than their name says."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.scripts import CONF
from libelle.cleaners import base
from libelle.cleaners.base import Cleaner, LineCleaner, TextCleaner, clean_table
from libelle.cleaners.text import (
    FRENCH_STOPWORDS,
    Accents,
    Lowercase,
    Punctuation,
    SpecialCharacters,
    Stopwords,
    Whitespace,
    without_accents,
)
from libelle.components import build
from libelle.errors import UserError

FILES = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((CONF / "cleaner").iterdir())}
CLEANERS = {name: build(node, Cleaner, name) for name, node in FILES.items() if "_target_" in node}
#: Those that some list of conf/cleaner holds: what goes together without a look at the data.
LISTED = {name for node in FILES.values() for name in node.get("defaults", ())}
each = pytest.mark.parametrize("cleaner", CLEANERS.values(), ids=CLEANERS)

# Without musical notes, symbols that fall into parts of another category when accents are removed.
letters = st.characters(codec="utf-8", exclude_characters=[chr(code) for code in range(0x1D100, 0x1D200)])
texts = st.one_of(
    st.text(letters),
    st.text("aàÉe\u0301œÆ ẞΣςİQUde'’-_.°€\u00a0\u200b\n", max_size=30),
    st.lists(st.sampled_from(["DE", "l'Été", "Même", "me\u0302me", "qu", "R", "12 BIS", "—", "AUX", " "])).map(
        " ".join
    ),
)
columns = st.lists(st.one_of(st.none(), texts), max_size=6)


@dataclass
class Foreign(Cleaner):
    """A cleaner that libelle did not write."""

    change: Callable[[pd.Series], object]

    def clean(self, texts):
        return self.change(texts)


def clean(values: list[str | None], *cleaners) -> list[str | None]:
    cleaned = clean_table(pd.DataFrame({"text": pd.Series(values, dtype="str")}), cleaners)["text"]
    assert cleaned.dtype == "str"
    return [None if pd.isna(text) else text for text in cleaned]


@settings(max_examples=100, deadline=None)
@given(columns, st.permutations(list(CLEANERS.values())))
def test_the_order_of_the_cleaners_makes_no_difference(values, order):
    assert clean(values, *order) == clean(values, *CLEANERS.values())
    assert clean(values, *order[:2]) == clean(values, *order[1::-1])


@each
@settings(max_examples=60, deadline=None)
@given(values=columns)
def test_each_text_is_cleaned_on_its_own_and_once_is_enough(cleaner, values):
    cleaned = clean(values, cleaner)
    assert cleaned == [clean([value], cleaner)[0] for value in values]
    assert clean(cleaned, cleaner) == cleaned
    assert [text is None for text in cleaned] == [value is None for value in values]


@settings(max_examples=60, deadline=None)
@given(
    columns | st.lists(st.text("ab .,A"), max_size=8),
    st.lists(st.text("ab .,-'\\_{}~A\x7f\t\n"), max_size=8),
    st.permutations(list(CLEANERS.values())),
)
def test_many_texts_at_once_are_cleaned_as_each_alone(values, plain, order):
    values = [*values, *plain, *values]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "_MANY", 0)
        together = clean(values, *order)
        assert clean(values, order[0]) == [clean([value], order[0])[0] for value in values]
    assert together == clean(values, *order)


@each
def test_index_order_and_columns_are_kept(cleaner):
    table = pd.DataFrame({"b": ["x", None, "y"], "a": ["y", "x", None]}, index=[7, 3, 5], dtype="str")
    cleaned = clean_table(table, [cleaner])
    pd.testing.assert_frame_equal(cleaned.isna(), table.isna())


@pytest.mark.parametrize("values", [[], [None, None], [""]])
def test_columns_without_text_pass_through_all_cleaners(values):
    assert clean(values, *CLEANERS.values()) == values


@pytest.mark.parametrize("name", sorted(LISTED))
@pytest.mark.parametrize("text", ["nan", "na", "null", "none", "qu", "d", "r", "l", "75001", "2a004", "sarl x"])
def test_names_and_address_codes_are_texts_like_others(name, text):
    assert clean([text, text.upper()], CLEANERS[name]) == [text, text if name == "lowercase" else text.upper()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ÉTAIT été Ete e\u0301te\u0301", ""),
        ("L'HÔTEL DE LA GARE", "L'HÔTEL GARE"),
        ("rue du Même", "rue"),
        ("des-champs", "-champs"),
        ("QU DES ORFEVRES", "QU ORFEVRES"),
        ("12 R DE D", "12 R D"),
        ("déchets unité", "déchets unité"),
        ("Saint_Denis_de_la_Réunion", "Saint_Denis___Réunion"),
    ],
)
def test_stop_words_go_whatever_their_case_and_accents(text, expected):
    assert clean([text], Stopwords()) == [expected]


def test_stop_words_hold_no_single_letter_and_no_address_code():
    assert not [word for word in FRENCH_STOPWORDS if len(word) == 1]
    assert not {"qu", "av", "bd", "st", "ste", "pl", "est", "sa"} & set(FRENCH_STOPWORDS)


def test_own_stop_words_are_found_whatever_their_case_and_accents():
    assert clean(["SOCIÉTÉ Dupont de Nemours"], Stopwords(words=["Societe"])) == ["Dupont de Nemours"]


@pytest.mark.parametrize(
    ("cleaner", "text", "expected"),
    [
        (SpecialCharacters(), "L’ÉCOLE — 5° étage: 10 €_a\u200bb", "L ÉCOLE 5 étage 10 a b"),
        (SpecialCharacters(), "--- !", ""),
        (Punctuation(), "L’ÉCOLE — 5°: 10\u200b€_a\n?!", "L ’ ÉCOLE — 5 ° : 10 € _ a ? !"),
        (Accents(), "Cœur d'Élan ÆGIDE ǣ ç", "Coeur d'Elan AEGIDE ae c"),
        (Lowercase(), "ÉCOLE ΟΔΟΣ", "école οδοσ"),
        (Whitespace(), " a\u00a0\tb\n", "a b"),
    ],
)
def test_each_cleaner_does_what_its_name_says(cleaner, text, expected):
    assert clean([text], cleaner) == [expected]


@given(st.text(st.characters(codec="ascii")))
def test_punctuation_is_set_apart_alike_in_ascii_and_beyond(text):
    assert clean([f"{text} É"], Punctuation()) == [f"{clean([text], Punctuation())[0]} É".strip()]


def test_without_accents_leaves_ascii_unchanged():
    ascii_text = "".join(map(chr, range(128)))
    assert without_accents(ascii_text) == ascii_text


def test_no_cleaners_leave_the_table_unchanged():
    table = pd.DataFrame({"a": ["  É "]}, dtype="str")
    assert clean_table(table, []) is table


def test_a_text_that_another_persons_cleaner_makes_missing_is_missing():
    foreign = Foreign(lambda texts: texts.where(texts != "?"))
    assert clean(["?", "É", None, "?", "é"], foreign, Lowercase()) == [None, "é", None, None, "é"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda texts: texts[texts != "b"], "length, order and index"),
        (lambda texts: texts[::-1], "length, order and index"),
        (lambda texts: texts.tolist(), "length, order and index"),
        (lambda texts: texts.str.len(), "the int 1"),
    ],
)
def test_a_cleaner_that_does_not_return_a_text_for_each_is_named(change, named):
    with pytest.raises(UserError, match=f"the cleaner Foreign .*{named}"):
        clean(["a", "b", "cd"], Foreign(change))


@dataclass
class ForeignText(TextCleaner):
    """The same, by text."""

    change: Callable[[str], object]

    def clean_text(self, text):
        return self.change(text)


@dataclass
class ForeignLines(LineCleaner):
    """The same, by lines."""

    change: Callable[[str], object]

    def clean_text(self, text):
        return text

    def clean_lines(self, lines):
        return self.change(lines)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (len, "the int 1; let clean_text"),
        (str.split, r"the list \['a'\]; let clean_text"),
        (str.encode, "the bytes b'a'; let clean_text"),
        (lambda text: float("nan"), "the float nan; let clean_text"),
    ],
)
def test_a_cleaner_of_texts_that_returns_something_else_is_named(change, named):
    with pytest.raises(UserError, match=f"the cleaner ForeignText returned {named}"):
        clean(["a", "é", None], ForeignText(change), Lowercase())


def test_a_cleaner_that_returns_half_of_a_character_is_named():
    foreign = ForeignText(lambda text: text.encode().decode("ascii", "surrogateescape"))
    with pytest.raises(UserError, match=r"the cleaner ForeignText returned '\\udcc3', which is half"):
        clean(["a", "é", None], foreign, Lowercase())


@pytest.mark.parametrize("change", [lambda lines: " ".join(lines.split()), str.splitlines, lambda lines: f"\n{lines}"])
def test_a_cleaner_of_lines_that_loses_or_adds_one_is_named(change):
    texts = [f"text {number}" for number in range(40)]
    for values in (texts, [*texts, "é"]):
        with pytest.raises(UserError, match="the cleaner ForeignLines did not return one line for each"):
            clean(values, ForeignLines(change))

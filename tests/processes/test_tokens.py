"""The process `tokens`: vocabulary, markers, length caps, and n-grams as scikit-learn computes them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from helpers.bags import parts
from helpers.ragged import flatten
from libelle.errors import UserError
from libelle.features import Ragged
from libelle.processes.ngrams import sort_hashes
from libelle.processes.tfidf import Tfidf
from libelle.processes.tokens import EMPTY_ID, MISSING_ID, SPECIAL, UNKNOWN_ID, Tokens

TEXTS = ["boulangerie du centre", "boulangerie", "mairie du centre", "mairie de la ville", "du pain du vin du fromage"]


def table(*texts: str | None, **fields: list[str | None]) -> pd.DataFrame:
    return pd.DataFrame(fields or {"job": list(texts)}, dtype="str")


def fitted(*texts: str | None, **options: int) -> Tokens:
    frame = table(*texts)
    return Tokens(**{"min_records": 1, **options}).fit(frame, pd.Series(["0"] * len(frame)))  # type: ignore[arg-type]


def words(tokens: Tokens, block: Ragged) -> list[list[str]]:
    known = [*SPECIAL, *tokens.words_, *map(str, tokens.rare_)]
    rows = flatten(block)
    return [[known[i] for i in rows.ids[rows.offsets[r] : rows.offsets[r + 1]]] for r in range(len(rows))]


def encoded(tokens: Tokens, *texts: str | None) -> list[list[str]]:
    features = tokens.transform(table(*texts))
    assert features.words is not None
    return words(tokens, features.words["job"])


def test_unknown_missing_and_emptied_are_distinguished_and_nothing_shifts() -> None:
    tokens = fitted(*TEXTS * 5)
    assert encoded(tokens, "boulangerie xyz centre", None, "", "xyz") == [
        ["boulangerie", "<unknown>", "centre"],
        ["<missing>"],
        ["<empty>"],
        ["<unknown>"],
    ]
    assert (UNKNOWN_ID, MISSING_ID, EMPTY_ID) == (1, 2, 3)


def test_rare_words_are_unknown_and_the_last_word_is_known() -> None:
    tokens = fitted(*TEXTS * 5, min_count=10)
    assert set(tokens.words_) == {"du", "boulangerie", "mairie", "centre"}
    last = tokens.words_[-1]
    assert encoded(tokens, last) == [[last]]
    assert len(fitted(*TEXTS * 5, max_words=3).words_) == 3


def test_a_word_of_another_field_is_known() -> None:
    frame = table(job=["chef"] * 5, town=["lyon"] * 5)
    tokens = Tokens().fit(frame, pd.Series(["0", "1"]))
    features = tokens.transform(table(job=["lyon"], town=["chef"]))
    assert features.words is not None
    assert words(tokens, features.words["job"]) == [["lyon"]]


def test_lengths_are_cut_at_a_quantile() -> None:
    tokens = fitted(*["a b"] * 99, "a " * 50, min_count=1)
    assert len(encoded(tokens, "a " * 50)[0]) == int(np.ceil(np.quantile([2] * 99 + [50], 0.995)))
    assert len(encoded(fitted(*["a b"] * 999, "a " * 50), "a " * 50)[0]) == 2


def test_items_are_weighted_by_the_rows_that_hold_them() -> None:
    features = fitted(*TEXTS, char_ngrams_max=0).transform(table(*TEXTS))
    expected = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", norm=None).fit_transform(TEXTS)
    for row, weights in enumerate(parts(features)):
        np.testing.assert_allclose(sorted(weights.values()), np.sort(expected[[row]].data), rtol=1e-5)


def test_the_characters_of_a_word_are_of_length_one_whatever_its_length() -> None:
    tokens = fitted("le boulanger", word_ngrams=1)
    assert tokens.transform(table("le boulanger")).bag is not None
    for text in ("le", "boulanger"):
        own, *characters = parts(tokens.transform(table(text)))[0].values()
        assert np.square(characters).sum() == pytest.approx(own**2, rel=1e-5)


def test_a_word_that_is_not_kept_as_text_is_taken_apart_alike() -> None:
    known, rare = fitted(*TEXTS * 5, min_count=1), fitted(*TEXTS * 5, min_count=15)
    assert len(rare.words_) < len(known.words_)
    assert parts(rare.transform(table(*TEXTS, "mairies"))) == parts(known.transform(table(*TEXTS, "mairies")))


def test_the_bag_distinguishes_missing_from_empty_and_both_from_unknown() -> None:
    features = fitted(*TEXTS).transform(table(None, "", "xyz"))
    missing, empty, unknown = parts(features)
    assert len(missing) == len(empty) == 1
    assert missing != empty
    assert not set(unknown) & {*missing, *empty}
    assert features.bag is not None
    assert max(*missing, *empty) < features.bag.size


def test_fields_share_characters_but_not_words() -> None:
    frame = table(job=["chef de gare", None, "chef"], town=["lyon", "gare", None])
    tokens = Tokens(char_ngrams_max=3, min_records=1).fit(frame, pd.Series(["0", "1", "0"]))
    features = tokens.transform(frame)
    assert features.bag is not None
    assert list(features.bag.texts) == ["job", "town"]
    job, town = set(parts(features, "job")[0]), set(parts(features, "town")[1])
    assert {part for part in job & town if part >= tokens.bags_.first_character_} == job & town != set()
    moved = tokens.transform(table(job=["lyon"], town=["chef"]))
    assert min(parts(moved, "job")[0]) >= tokens.bags_.first_character_


def test_ngrams_of_the_test_rows_are_not_kept() -> None:
    tokens = fitted("abc")
    features = tokens.transform(table("xyz"))
    assert parts(features) == [{}]


@pytest.mark.parametrize("texts", [[None, None], ["", ""], ["x" * 1_000_000, "y"], ["é" * 3, "a\u0301"]])
def test_odd_fields_are_encoded(texts: list[str | None]) -> None:
    features = fitted(*texts).transform(table(*texts))
    assert features.words is not None
    assert all(len(row) for row in words(fitted(*texts), features.words["job"]))


@given(st.lists(st.one_of(st.none(), st.text(max_size=20)), min_size=1, max_size=8))
def test_rows_are_encoded_one_by_one_as_together(texts: list[str | None]) -> None:
    tokens = fitted(*TEXTS, min_count=1)
    together = tokens.transform(table(*texts))
    alone = [tokens.transform(table(text)) for text in texts]
    assert encoded(tokens, *texts) == [encoded(tokens, text)[0] for text in texts]
    assert parts(together) == [parts(features)[0] for features in alone]
    bags = [features.bag for features in (together, *alone) if features.bag is not None]
    first, *others = [bag.squares[bag.texts["job"].index] for bag in bags]
    np.testing.assert_array_equal(first, np.concatenate(others))


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    frame = table(**{"job/é": ["a b", "b c"], "empty": [None, None]})
    tokens = Tokens().fit(frame, pd.Series(["0", "1"]))
    tokens.save(tmp_path)
    again = Tokens().load(tmp_path)
    first, second = tokens.transform(frame), again.transform(frame)
    for field in frame:
        assert parts(first, field) == parts(second, field)
        assert words(tokens, first.words[field]) == words(again, second.words[field])  # type: ignore[index]
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}


def test_contradicting_lengths_are_one_sentence() -> None:
    for process in (Tokens, Tfidf):
        with pytest.raises(UserError, match="char_ngrams_max=2"):
            process(char_ngrams_min=3, char_ngrams_max=2)


@given(st.lists(st.sampled_from([0, 1, 2, 7, 8, 1 << 40, (1 << 63) + 1, (1 << 64) - 1]), max_size=40))
def test_hashes_that_share_their_first_bits_are_sorted_like_any_others(numbers):
    hashes = np.array(numbers, dtype=np.uint64)
    ordered, order = sort_hashes(hashes)
    assert order.tolist() == np.argsort(hashes, kind="stable").tolist()
    assert ordered.tolist() == sorted(numbers)

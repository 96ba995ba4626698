"""The process `tokens`: vocabulary, markers, length caps, and n-grams as scikit-learn computes them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from libelle.errors import UserError
from libelle.features import Ragged
from libelle.processes.columns import FUSED
from libelle.processes.tokens import EMPTY_ID, MISSING_ID, SPECIAL, UNKNOWN_ID, Tokens

TEXTS = ["boulangerie du centre", "boulangerie", "mairie du centre", "mairie de la ville", "du pain du vin du fromage"]


def table(*texts: str | None, **fields: list[str | None]) -> pd.DataFrame:
    return pd.DataFrame(fields or {"job": list(texts)}, dtype="str")


def fitted(*texts: str | None, **options: int) -> Tokens:
    frame = table(*texts)
    return Tokens(**options).fit(frame, pd.Series(["0"] * len(frame)))  # type: ignore[arg-type]


def words(tokens: Tokens, block: Ragged) -> list[list[str]]:
    known = [*SPECIAL, *tokens.words_]
    rows = block.flatten()
    return [[known[i] for i in rows.ids[rows.offsets[r] : rows.offsets[r + 1]]] for r in range(len(rows))]


def encoded(tokens: Tokens, *texts: str | None) -> list[list[str]]:
    features = tokens.transform(table(*texts))
    assert features.words is not None
    return words(tokens, features.words["job"])


def test_unknown_missing_and_emptied_are_distinguished_and_nothing_shifts() -> None:
    tokens = fitted(*TEXTS, min_count=2)
    assert encoded(tokens, "boulangerie xyz centre", None, "", "xyz") == [
        ["boulangerie", "<unknown>", "centre"],
        ["<missing>"],
        ["<empty>"],
        ["<unknown>"],
    ]
    assert (UNKNOWN_ID, MISSING_ID, EMPTY_ID) == (1, 2, 3)


def test_rare_words_are_unknown_and_the_last_word_is_known() -> None:
    tokens = fitted(*TEXTS, min_count=2)
    assert set(tokens.words_) == {"du", "boulangerie", "mairie", "centre"}
    last = tokens.words_[-1]
    assert encoded(tokens, last) == [[last]]
    assert len(fitted(*TEXTS, min_count=1, max_words=3).words_) == 3


def test_a_word_of_another_field_is_known() -> None:
    frame = table(job=["chef", "chef"], town=["lyon", "lyon"])
    tokens = Tokens().fit(frame, pd.Series(["0", "1"]))
    features = tokens.transform(table(job=["lyon"], town=["chef"]))
    assert features.words is not None
    assert words(tokens, features.words["job"]) == [["lyon"]]


def test_lengths_are_cut_at_a_quantile() -> None:
    tokens = fitted(*["a b"] * 99, "a " * 50, min_count=1)
    assert len(encoded(tokens, "a " * 50)[0]) == int(np.ceil(np.quantile([2] * 99 + [50], 0.995)))
    assert len(encoded(fitted(*["a b"] * 999, "a " * 50), "a " * 50)[0]) == 2


@pytest.mark.parametrize(
    ("options", "vectorizer"),
    [
        (
            {"char_ngrams_max": 0, "word_ngrams": 2},
            {"ngram_range": (1, 2), "token_pattern": r"\S+", "lowercase": False},
        ),
        (
            {"word_ngrams": 1, "char_ngrams_min": 2, "char_ngrams_max": 3},
            {"analyzer": "char_wb", "ngram_range": (2, 3), "lowercase": False},
        ),
    ],
)
def test_ngram_weights_are_those_of_scikit_learn(options: dict[str, int], vectorizer: dict[str, object]) -> None:
    tokens = fitted(*TEXTS, **options)
    features = tokens.transform(table(*TEXTS, "pain inconnu"))
    assert features.bag is not None
    rows = features.bag["job"].flatten()
    expected = TfidfVectorizer(sublinear_tf=True, **vectorizer).fit(TEXTS).transform([*TEXTS, "pain inconnu"])
    words_kept = len(tokens.bags_.ngrams_["job"][0])
    for row in range(len(rows)):
        part = slice(rows.offsets[row], rows.offsets[row + 1])
        assert rows.weights is not None
        characters = rows.ids[part] >= words_kept
        kept = rows.weights[part][characters == ("analyzer" in vectorizer)]
        np.testing.assert_allclose(np.sort(kept), np.sort(expected[[row]].data), rtol=1e-5)


def test_the_bag_distinguishes_missing_from_empty_and_both_from_unknown() -> None:
    features = fitted(*TEXTS).transform(table(None, "", "xyz"))
    assert features.bag is not None
    rows = features.bag["job"].flatten()
    ids = [rows.ids[rows.offsets[row] : rows.offsets[row + 1]].tolist() for row in range(3)]
    assert len(ids[0]) == len(ids[1]) == 1
    assert ids[0] != ids[1]
    assert ids[0][0] not in ids[2]
    assert max(ids[0] + ids[1]) < features.bag["job"].size


def test_several_fields_have_a_bag_of_all_joined_beside_their_own() -> None:
    frame = table(job=["chef de gare", None, "chef"], town=["lyon", "gare", None])
    tokens = Tokens(char_ngrams_max=0).fit(frame, pd.Series(["0", "1", "0"]))
    bags = tokens.transform(frame).bag
    assert bags is not None
    assert list(bags) == ["job", "town", FUSED]
    joined = bags[FUSED].flatten()
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+")
    expected = vectorizer.fit_transform(["chef de gare lyon", "gare", "chef"])
    assert joined.weights is not None
    for row in range(3):
        weights = joined.weights[joined.offsets[row] : joined.offsets[row + 1]]
        np.testing.assert_allclose(np.sort(weights), np.sort(expected[[row]].data), rtol=1e-5)
    assert len({bag.size for bag in bags.values()}) == 1
    ends = [max(bag.ids) for bag in bags.values()]
    assert ends == sorted(ends)
    moved = tokens.transform(table(job=["lyon"], town=["gare"])).bag
    assert moved is not None
    assert len(moved["job"].flatten().ids) == 0
    assert len(moved[FUSED].flatten().ids) == 2


def test_one_field_or_unfused_ones_have_no_such_bag() -> None:
    alone = fitted(*TEXTS).transform(table(*TEXTS)).bag
    frame = table(job=["chef"], town=["lyon"])
    unfused = Tokens(fused=False).fit(frame, pd.Series(["0"])).transform(frame).bag
    assert alone is not None
    assert unfused is not None
    assert (list(alone), list(unfused)) == (["job"], ["job", "town"])


def test_ngrams_of_the_test_rows_are_not_kept() -> None:
    tokens = fitted("abc")
    features = tokens.transform(table("xyz"))
    assert features.bag is not None
    assert len(features.bag["job"].flatten().ids) == 0


@pytest.mark.parametrize("texts", [[None, None], ["", ""], ["x" * 1_000_000, "y"], ["é" * 3, "a\u0301"]])
def test_odd_fields_are_encoded(texts: list[str | None]) -> None:
    features = fitted(*texts).transform(table(*texts))
    assert features.words is not None
    assert all(len(row) for row in words(fitted(*texts), features.words["job"]))


@given(st.lists(st.one_of(st.none(), st.text(max_size=20)), min_size=1, max_size=8))
def test_rows_are_encoded_one_by_one_as_together(texts: list[str | None]) -> None:
    tokens = fitted(*TEXTS, min_count=1)
    together = tokens.transform(table(*texts))
    assert together.words is not None
    assert together.bag is not None
    for block in (together.words["job"], together.bag["job"]):
        flat = block.flatten()
        for row, text in enumerate(texts):
            alone = tokens.transform(table(text))
            name = "words" if block is together.words["job"] else "bag"
            single = getattr(alone, name)["job"].flatten()
            part = slice(flat.offsets[row], flat.offsets[row + 1])
            np.testing.assert_array_equal(flat.ids[part], single.ids)
            if flat.weights is not None:
                np.testing.assert_array_equal(flat.weights[part], single.weights)


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    frame = table(**{"job/é": ["a b", "b c"], "empty": [None, None]})
    tokens = Tokens().fit(frame, pd.Series(["0", "1"]))
    tokens.save(tmp_path)
    again = Tokens().load(tmp_path)
    for name in ("words", "bag"):
        first, second = getattr(tokens.transform(frame), name), getattr(again.transform(frame), name)
        for field in first:
            np.testing.assert_array_equal(first[field].ids, second[field].ids)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}


def test_contradicting_lengths_are_one_sentence() -> None:
    with pytest.raises(UserError, match="char_ngrams_max=2"):
        Tokens(char_ngrams_min=3, char_ngrams_max=2)

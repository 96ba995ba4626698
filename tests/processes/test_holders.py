"""Records are counted, not occurrences: in words, in n-grams of characters, over all fields."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libelle.data.columns import from_frame
from libelle.processes.field_texts import FieldTexts
from libelle.processes.holders import Holders

WORDS = ["ab", "bc", "abc", "cab", "x"]
TEXT = st.one_of(st.none(), st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join))


def records_of(rows: list[list[str | None]], holds: object) -> int:
    """How many records hold a word for which `holds` is true, counted one by one."""
    assert callable(holds)
    return sum(any(holds(word) for text in row if text for word in text.split()) for row in rows)


@given(st.lists(st.lists(TEXT, min_size=2, max_size=2), min_size=1, max_size=12), st.integers(1, 6))
def test_words_and_parts_of_words_are_held_by_as_many_records_as_one_counts_by_hand(rows, least):
    columns = from_frame(pd.DataFrame(rows, columns=["a", "b"], dtype="str"))
    texts = FieldTexts.of(columns)
    holders = Holders.of(texts, least)
    words = texts.table.words
    assert holders.frequent.tolist() == [records_of(rows, word.__eq__) >= least for word in words]
    pairs = [(part, number) for number, word in enumerate(words) for part in sorted(set(word))]
    parts = sorted({part for part, _ in pairs})
    numbers = np.array([parts.index(part) for part, _ in pairs], dtype=np.int64)
    held = holders.hold(numbers, np.array([number for _, number in pairs], dtype=np.int64), len(parts))
    assert held.tolist() == [records_of(rows, lambda word, part=part: part in word) >= least for part in parts]


@pytest.mark.parametrize("fields", [["a"], ["a", "b"]])
def test_a_record_that_says_a_word_twice_counts_once(fields):
    table = pd.DataFrame({name: ["rare rare", "often", "often"] for name in fields}, dtype="str")
    texts = FieldTexts.of(from_frame(table))
    found = dict(zip(texts.table.words, Holders.of(texts, 2).frequent.tolist(), strict=True))
    assert found == {"rare": False, "often": True}

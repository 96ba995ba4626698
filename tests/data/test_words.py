"""Texts as words: the same however many there are."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libelle.data import words
from libelle.data.stored_tables import StoredTexts
from libelle.data.words import WordTable

TEXTS = st.lists(
    st.text("ab \t\n\x1c\x85\u00a0\u2028\u3000\u200bé☃") | st.text(st.characters(codec="utf-8")), max_size=8
) | st.lists(st.text("ab .~"), max_size=8)


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_arrow_splits_texts_as_python_does(texts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "_FEW_TEXTS", -1)
        table = WordTable.split(texts)
    assert [[table.words[word] for word in row] for row in np.split(table.codes, table.offsets[1:-1])][
        : len(texts)
    ] == [text.split() for text in texts]
    few = WordTable.split(texts)
    assert table.words == few.words
    for ours, theirs in ((table.codes, few.codes), (table.offsets, few.offsets)):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


@pytest.mark.parametrize("behind", [b"\xff", b"a", b" "])
@pytest.mark.parametrize("last", [["☃ "], ["☃ ", ""], ["☃", "\n"]])
def test_what_follows_in_memory_changes_no_word(last, behind):
    texts = ["a b"] * 300 + last
    data = "".join(texts).encode()
    offsets = np.cumsum([0, *(len(text.encode()) for text in texts)])
    buffers = [None, pa.py_buffer(offsets.astype(np.int64)), pa.py_buffer(data + behind * 8)]
    table = WordTable.split(StoredTexts(pa.Array.from_buffers(pa.large_string(), len(texts), buffers)))
    assert table.words == ["a", "b", "☃"]


def test_half_a_character_is_a_word_among_many():
    table = WordTable.split(["a \ud800"] * 300)
    assert table.words == ["a", "\ud800"]

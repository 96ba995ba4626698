"""Columns by their distinct texts say what a Series says, however they are made."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libelle.data import columns as columns_
from libelle.data.columns import Column, ColumnBuilder, from_frame, row_keys
from libelle.data.words import WordTable
from libelle.errors import UserError
from libelle.processes.field_texts import FieldTexts

TEXT = st.sampled_from(["a", "b", "", "É", "a b"]) | st.none()
TEXTS = st.lists(TEXT, min_size=1, max_size=30)


def series(texts):
    return pd.Series(texts, dtype="str")


def same(column: Column, texts) -> None:
    """Whether a column has these texts, each once, in the order of its first row."""
    pd.testing.assert_series_equal(column.series(), series(texts))
    assert column.texts == list(dict.fromkeys(text for text in texts if text is not None))
    assert column.index.dtype == np.int32


@settings(max_examples=50, deadline=None)
@given(TEXTS, st.sampled_from([0, 1000]))
def test_a_column_says_what_its_series_says(texts, few):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns_, "FEW_ROWS", few)  # by Arrow, and by Python
        column = Column.of(series(texts))
        same(column, texts)
        assert column.missing.tolist() == [text is None for text in texts]
        assert column.rows(np.array([0, len(texts) - 1])) == [texts[0], texts[-1]]


@settings(max_examples=50, deadline=None)
@given(TEXTS, TEXTS)
def test_columns_of_parts_and_of_chosen_rows_are_those_of_their_texts(first, second):
    builder = ColumnBuilder()
    builder.add(series(first))
    builder.add(series(second))
    texts = first + second
    column = builder.build()
    same(column, texts)
    rows = np.arange(len(texts))[::-2]
    same(column.take(rows), [texts[row] for row in rows])
    same(column.replace([text.lower().strip() for text in column.texts]), [text and text.lower() for text in texts])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*[st.sampled_from(["a", "b", None])] * 3), min_size=1, max_size=30))
def test_rows_have_one_key_where_all_their_texts_are_equal(rows):
    keys = row_keys(from_frame(pd.DataFrame(rows, columns=["x", "y", "z"], dtype="str")))
    assert len(set(keys.tolist())) == len(set(rows))
    assert all((keys[0] == key) == (rows[0] == row) for key, row in zip(keys, rows, strict=True))


def test_texts_that_become_missing_are_no_texts():
    column = Column.of(series(["a", "b", None, "c", "b"])).replace(["x", None, "x"])
    same(column, ["x", None, None, "x", None])


@pytest.mark.parametrize("few", [0, 1000])
@pytest.mark.parametrize(("value", "named"), [(3, "the int 3"), (2.5, "the float 2.5"), (b"a", "the bytes b'a'")])
def test_what_is_no_text_is_refused_whatever_the_size(monkeypatch, few, value, named):
    monkeypatch.setattr(columns_, "FEW_ROWS", few)
    for column in (pd.Series(["a", None, value], dtype="object"), pd.Series([value])):
        with pytest.raises(UserError, match=rf"{named}.*astype\('str'\)"):
            Column.of(column)
        with pytest.raises(UserError, match=named):
            ColumnBuilder().add(column)
    same(Column.of(pd.Series(["a", None, float("nan"), pd.NA, pd.NaT], dtype="object")), ["a", *[None] * 4])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=30), st.randoms())
def test_words_found_before_rows_are_taken_or_fields_joined_are_those_that_are_found_afterwards(rows, chance):
    fields = dict(zip("ab", zip(*rows, strict=True), strict=True))
    before, after = ({name: Column.of_texts(texts) for name, texts in fields.items()} for _ in range(2))
    for column in before.values():
        assert column.words.words == list(dict.fromkeys(word for text in column.texts for word in text.split()))
    same_words(FieldTexts.of(before).table, FieldTexts.of(after).table)
    chosen = np.array(chance.choices(range(len(rows)), k=5))
    same_words(before["a"].take(chosen).words, after["a"].take(chosen).words)


def same_words(found: WordTable, expected: WordTable) -> None:
    """Whether two tables hold the same words at the same places."""
    assert found.words == expected.words
    np.testing.assert_array_equal(found.codes, expected.codes)
    np.testing.assert_array_equal(found.offsets, expected.offsets)

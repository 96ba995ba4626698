"""Categories and numbers as one matrix: what is learnt, and what becomes of values that are new."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import SplineTransformer

from helpers.households import KINDS, encoding_of, make_households
from libelle.cleaners.text import Lowercase
from libelle.data.columns import from_frame
from libelle.data.field_kinds import Kinds
from libelle.errors import UserError
from libelle.processes.table_encoder import STEPS, TableEncoder, clean_fields
from libelle.processes.tfidf import Tfidf
from libelle.processes.tokens import Tokens


def columns(**fields):
    return from_frame(pd.DataFrame({name: pd.Series(texts, dtype="str") for name, texts in fields.items()}))


def encoded(encoder, **fields):
    return encoder.transform(columns(**fields)).toarray()


def test_categories_are_columns_and_so_are_other_ones_and_none():
    encoder = TableEncoder.fit(columns(a=["x", "y", "x", "y", "y", "once", None]), Kinds(("a",)), 2)
    assert encoder.categories == {"a": ["y", "x"]}
    assert encoded(encoder, a=["x", "y", "once", "new", None]).tolist() == [
        [0, 1, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
    ]


def test_a_number_is_shared_by_its_knots_and_has_a_rank():
    encoder = TableEncoder.fit(columns(n=["0", "10", "20", "10", None]), Kinds((), ("n",)), 1)
    assert encoder.knots == {"n": [0, 10, 20]}
    expected = [[1, 0, 0, 0, 0], [0, 0.75, 0.25, 0.625, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1], [1, 0, 0, 0, 0]]
    assert encoded(encoder, n=["0", "12,5", "99", None, "-5"]).tolist() == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.lists(st.floats(-2e6, 2e6), min_size=1, max_size=9))
def test_any_numbers_are_encoded_without_a_value_below_zero(training, later):
    encoder = TableEncoder.fit(columns(n=[repr(number) for number in training]), Kinds((), ("n",)), 1)
    matrix = encoded(encoder, n=[repr(number) for number in later])
    assert matrix.min() >= 0
    np.testing.assert_allclose(matrix[:, :-2].sum(axis=1), 1, rtol=1e-5)
    order = np.argsort(later, kind="stable")
    assert (np.diff(matrix[order, -2]) >= 0).all()


def test_the_knots_are_those_of_scikit_learns_splines():
    numbers = np.random.default_rng(0).lognormal(size=500)
    encoder = TableEncoder.fit(columns(n=[repr(number) for number in numbers.tolist()]), Kinds((), ("n",)), 1)
    splines = SplineTransformer(STEPS + 1, degree=1, knots="quantile", extrapolation="constant")
    expected = splines.fit_transform(numbers[:, None])
    found = encoded(encoder, n=[repr(number) for number in numbers.tolist()])[:, :-2]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_field_without_a_number_says_only_that():
    encoder = TableEncoder.fit(columns(n=[None, None]), Kinds((), ("n",)), 1)
    assert encoded(encoder, n=[None, "5"]).tolist() == [[0, 1], [0, 0]]


def test_it_comes_back_as_saved(tmp_path):
    encoder = encoding_of(Tokens(), make_households(50)).table
    assert encoder is not None
    encoder.save(tmp_path)
    assert TableEncoder.load(tmp_path) == encoder


def test_where_all_fields_are_text_there_is_nothing_to_load(tmp_path):
    assert TableEncoder.load(tmp_path) is None


def test_cleaners_leave_categories_as_they_are():
    given = columns(job=["Chef"], region=[" Hauts de SEINE "], age=["7"])
    cleaned = clean_fields(given, [Lowercase()], KINDS)
    assert {name: column.texts for name, column in cleaned.items()} == {
        "job": ["chef"],
        "region": ["Hauts de SEINE"],
        "age": ["7"],
    }


def test_a_record_without_a_number_where_one_belongs_is_named():
    encoder = encoding_of(Tfidf(), make_households(50)).table
    with pytest.raises(
        UserError, match=r"Record 2: the numeric field 'age' holds 'old', which is no number; correct it"
    ):
        clean_fields(columns(job=["a", "b"], region=[None, None], age=["1", "old"]), [], encoder)


def test_neither_the_largest_number_nor_a_category_of_few_rows_is_kept(tmp_path):
    ages = [str(number) for number in range(100)] + ["999999"]
    regions = ["Bretagne"] * 97 + ["Corse"] * 4
    encoder = TableEncoder.fit(columns(age=ages, region=regions), Kinds(("region",), ("age",)))
    assert encoder.categories == {"region": ["Bretagne"]}
    assert max(encoder.knots["age"]) == 96
    assert min(encoder.knots["age"]) == 4

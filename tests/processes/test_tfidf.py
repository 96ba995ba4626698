"""Processes `tfidf` and `bigrams`: their numbers are those of scikit-learn."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from helpers.matrices import FIELDS, dense, labels, one_field
from helpers.tiny import make_forms
from libelle.data.columns import from_frame
from libelle.errors import UserError
from libelle.processes.bigrams import Bigrams
from libelle.processes.tfidf import FUSED, Tfidf


@pytest.fixture(scope="module")
def forms() -> pd.DataFrame:
    return make_forms()


TEXTS = ["boulangerie du centre", "boulangerie", "mairie du centre", "boulangerie", "du pain du vin du fromage"]


@pytest.mark.parametrize("sublinear", [True, False])
def test_tfidf_is_that_of_scikit_learn(sublinear):
    table = one_field(*TEXTS)
    ours = dense(Tfidf(char_ngrams_max=0, sublinear=sublinear, min_records=1).fit(table, labels(5)).transform(table))[
        :, :-2
    ]
    theirs = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=sublinear).fit_transform(TEXTS).toarray()
    assert ours.shape == theirs.shape
    # The order of columns differs: compare the products of rows.
    assert np.allclose(ours @ ours.T, theirs @ theirs.T, atol=1e-6)


@pytest.mark.parametrize(("weight", "binary"), [("count", False), ("presence", True)])
@pytest.mark.parametrize(("words", "shortest"), [(True, 1), (False, 2)])
def test_bigrams_are_those_of_scikit_learn(weight, binary, words, shortest):
    texts = [*TEXTS, "du vin du vin du vin"]
    table = one_field(*texts)
    ours = dense(Bigrams(words=words, weight=weight, min_records=1).fit(table, labels(6)).transform(table))[:, :-2]
    theirs = CountVectorizer(ngram_range=(shortest, 2), binary=binary).fit_transform(texts).toarray()
    assert ours.shape == theirs.shape
    assert np.array_equal(ours @ ours.T, theirs @ theirs.T)


def test_frequencies_count_rows_not_distinct_texts():
    table = one_field("chef", "chef", "maire")
    matrix = Tfidf(char_ngrams_max=0, min_df=2).fit(table, labels(3)).transform(table).matrix
    assert matrix is not None
    assert matrix["job"].toarray()[:, 0].tolist() == [1, 1, 0]
    assert matrix["job"].shape == (3, 1 + 2)
    limited = Tfidf(char_ngrams_max=0, max_features=1).fit(table, labels(3)).transform(table).matrix
    assert limited is not None
    assert limited["job"].toarray()[:, 0].tolist() == [1, 1, 0]


def test_tfidf_is_sparse_per_field_and_fused(forms):
    matrix = Tfidf(fused=True).fit(forms[FIELDS], forms["label"]).transform(forms[FIELDS]).matrix
    assert matrix is not None
    assert list(matrix) == [*FIELDS, FUSED]
    assert all(isinstance(part, scipy.sparse.csr_array) and part.dtype == np.float32 for part in matrix.values())
    alone = Tfidf(per_field=False, fused=True).fit(forms[FIELDS], forms["label"]).transform(forms[FIELDS]).matrix
    assert alone is not None
    assert list(alone) == [FUSED]
    with pytest.raises(UserError, match=r"process\.per_field=false and process\.fused=false"):
        Tfidf(per_field=False)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(*[st.text(st.characters(codec="utf-8"), max_size=12) | st.none()] * 2), min_size=1, max_size=8),
    st.booleans(),
)
def test_any_texts_come_back_as_saved(tmp_path_factory, rows, fused):
    table = pd.DataFrame(rows, columns=["a.b/c", FUSED + " "], dtype="str")
    process = Tfidf(fused=fused).fit(table, labels(len(rows)))
    folder = tmp_path_factory.mktemp("process")
    process.save(folder)
    loaded = Tfidf(fused=fused).load(folder)
    assert np.array_equal(dense(process.transform(table)), dense(loaded.transform(table)))


def test_a_class_that_defines_transform_alone_is_asked_by_it(forms):
    class Capitals(Tfidf):
        def transform(self, table):
            return super().transform(table.apply(lambda column: column.str.upper()))

    process = Capitals().fit(forms[FIELDS], forms["label"])
    by_columns = process.transform_columns(from_frame(forms[FIELDS])).matrix
    for name, matrix in process.transform(forms[FIELDS]).matrix.items():
        assert (matrix != by_columns[name]).nnz == 0
        assert matrix.nnz != Tfidf().fit(forms[FIELDS], forms["label"]).transform(forms[FIELDS]).matrix[name].nnz

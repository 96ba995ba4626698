"""The linear path: what scikit-learn's LinearSVC finds, without the matrix of n-grams."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.svm import LinearSVC

from helpers.tiny import make_forms
from libelle.features import Dataset, Features
from libelle.models.base import Training
from libelle.models.linear_path import solve
from libelle.models.linear_rows import Rows
from libelle.models.mlp import MLP
from libelle.models.network import LossConfig
from libelle.processes.tokens import Tokens

FIELDS = ["employer", "job", "town"]
FORMS = make_forms(200)


@pytest.fixture(scope="module")
def features() -> Features:
    return Tokens().fit(FORMS[FIELDS], FORMS["label"]).transform(FORMS[FIELDS])


def rows_of(features: Features) -> Rows:
    assert features.bag is not None
    return Rows.of(features)


def matrix(rows: Rows) -> scipy.sparse.csr_array:
    """The rows as scikit-learn takes them."""
    product = scipy.sparse.csr_array(rows.items @ rows.parts)
    return scipy.sparse.csr_array(
        (product.data, product.indices.astype(np.int32), product.indptr.astype(np.int32)), shape=product.shape
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_solved_as_by_liblinear(features: Features, weighted: bool) -> None:
    rows, targets = rows_of(features), pd.factorize(FORMS["town"].fillna("none"))[0]
    cost = np.where(weighted, np.linspace(0.1, 1, len(targets)), 0.5)
    signs = np.where(targets[:, None] == np.arange(targets.max() + 1), 1, -1).astype(np.float32)
    weights, constants = solve(rows, signs, cost)
    reference = LinearSVC(C=1, tol=1e-8, max_iter=100_000, random_state=1).fit(matrix(rows), targets, cost)
    decisions = rows.items @ (rows.parts @ weights) + constants
    np.testing.assert_allclose(decisions, reference.decision_function(matrix(rows)), atol=0.05)


def test_rows_meet_each_other_as_in_the_matrix(features: Features) -> None:
    rows = rows_of(features)
    values = np.random.default_rng(1).normal(size=(features.rows, 3)).astype(np.float32)
    expected = matrix(rows) @ (matrix(rows).T @ values) + values.sum(axis=0)
    np.testing.assert_allclose(rows.kernel(values), expected, rtol=1e-3, atol=1e-3)


def test_each_record_is_the_sum_of_its_words_scaled_by_their_length(features: Features) -> None:
    product = rows_of(features).items
    squares = np.asarray(product.multiply(product).sum(axis=1)).ravel()
    # Pairs of words, and words that stand twice, come on top of the words, which are of length 1.
    assert squares.min() == pytest.approx(1, rel=1e-4)


def test_it_is_part_of_the_scores_and_balances_classes_where_asked(features: Features, tmp_path: Path) -> None:
    targets = (np.arange(200) >= 180).astype(np.int64)
    data = Dataset(features, targets)

    def positive(weights: str) -> float:
        model = MLP(word_dim=4, ngram_dim=4, hidden=[4], ngram_hidden=[4], loss=LossConfig(class_weights=weights))  # type: ignore[arg-type]
        model.fit(data, data, 2, Training(tmp_path, trainer={"max_epochs": 1, "accelerator": "cpu"}))
        weight = model.weights_["wide.weight"]
        np.testing.assert_array_equal(weight[:, 0], -weight[:, 1])
        return float(model.weights_["wide.constant"][1])

    assert positive("balanced") > positive("none")

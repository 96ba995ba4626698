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
from libelle.models.count_ratios import squared_scales
from libelle.models.linear_path import solve
from libelle.models.linear_rows import Kernel, Rows
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
    each = np.linspace(0.1, 1, len(targets)) if weighted else np.ones(len(targets))
    signs = np.where(targets[:, None] == np.arange(targets.max() + 1), 1, -1).astype(np.float32)
    weights, constants = solve(rows, signs, each, 0.5)
    decisions = rows.items @ (rows.parts @ weights) + constants
    scales = np.sqrt(squared_scales(rows, signs, each))
    for label, decision in enumerate(decisions.T):
        scaled = matrix(rows).multiply(scales[:, label]).tocsr()
        svm = LinearSVC(C=0.5, tol=1e-8, max_iter=100_000, random_state=1).fit(scaled, targets == label, each)
        np.testing.assert_allclose(decision, svm.decision_function(scaled), atol=0.05)


def test_classes_are_solved_as_many_at_once_as_memory_takes(
    features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, targets = rows_of(features), pd.factorize(FORMS["town"].fillna("none"))[0]
    signs = np.where(targets[:, None] == np.arange(targets.max() + 1), 1, -1).astype(np.float32)
    together = solve(rows, signs, np.ones(len(targets)), 0.5)
    monkeypatch.setattr("libelle.models.linear_path._CELLS", 2 * max(rows.parts.shape))
    for found, expected in zip(solve(rows, signs, np.ones(len(targets)), 0.5), together, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-3)


def test_what_tells_a_class_apart_is_scaled_up_the_more_so_the_more_records_hold_it() -> None:
    always, often, once, elsewhere = range(4)
    targets = np.arange(40) < 20
    there = np.zeros((40, 4), np.float32)
    there[:, always] = 1
    there[:15, often] = 1
    there[0, once] = 1
    there[20:36, elsewhere] = 1
    rows = Rows(scipy.sparse.csr_array(there), scipy.sparse.eye_array(4, dtype=np.float32, format="csr"), 4)
    signs = np.where(targets[:, None], np.float32(1), np.float32(-1))
    scales = squared_scales(rows, signs, np.ones(40))[:, 0]
    assert scales[often] > 1 > scales[once] > scales[always]
    np.testing.assert_allclose(squared_scales(rows, -signs, np.ones(40))[:, 0], scales, rtol=1e-5)


def test_rows_without_a_known_ngram_have_constants_alone() -> None:
    texts = pd.DataFrame({"code": [f"w{number}" for number in range(40)]}, dtype="str")
    process = Tokens(char_ngrams_max=0).fit(texts[:20], pd.Series(["a", "b"] * 10))
    rows = rows_of(process.transform(texts[20:]))
    signs = np.where(np.arange(20)[:, None] < 15, np.float32(1), np.float32(-1))
    assert not rows.parts.nnz
    weights, constants = solve(rows, signs, np.ones(20), 0.5)
    assert not weights.any()
    assert constants[0] > 0


def test_a_class_without_rows_is_no_obstacle(features: Features) -> None:
    signs = np.full((features.rows, 2), -1, np.float32)
    signs[::2, 0] = 1
    rows = rows_of(features)
    weights, constants = solve(rows, signs, np.ones(features.rows), 0.5)
    assert np.isfinite(weights).all()
    margins = rows.items @ (rows.parts @ weights) + constants
    assert (margins[:, 1] < 0).all()


def test_rows_meet_each_other_as_in_the_matrix(features: Features) -> None:
    rows = rows_of(features)
    values = np.random.default_rng(1).normal(size=(features.rows, 3)).astype(np.float32)
    squares = np.random.default_rng(2).random((rows.parts.shape[1], 3)).astype(np.float32)
    expected = matrix(rows) @ (squares * (matrix(rows).T @ values)) + values.sum(axis=0)
    kernel = Kernel.of(rows, squares)
    np.testing.assert_allclose(kernel(values), expected, rtol=1e-3, atol=1e-3)
    last = np.array([False, False, True])
    np.testing.assert_allclose(kernel.columns(last)(values[:, last]), expected[:, last], rtol=1e-3, atol=1e-3)


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

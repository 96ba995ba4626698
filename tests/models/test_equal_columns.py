"""Equal columns fitted as one: nothing but the time is different."""

import numpy as np
import pytest
import scipy.sparse

from libelle.models.equal_columns import MergedColumns


@pytest.fixture
def matrix() -> scipy.sparse.csr_array:
    """Three columns of ones, of which two are equal, two empty ones, and one like the first but for its values."""
    rows = [[1, 0, 1, 0, 0, 2], [0, 0, 0, 0, 1, 0], [1, 0, 1, 0, 0, 2], [1, 0, 1, 0, 1, 2]]
    return scipy.sparse.csr_array(np.array(rows, dtype=np.float32))


def test_equal_columns_are_one_and_no_others(matrix: scipy.sparse.csr_array) -> None:
    merged = MergedColumns.of(matrix, "")
    assert merged.matrix.shape == (4, 4)
    assert merged.places[0] == merged.places[2]
    assert merged.places[1] == merged.places[3]
    assert len({*merged.places.tolist()}) == 4


def test_spread_weights_score_as_those_of_the_merged_columns(matrix: scipy.sparse.csr_array) -> None:
    merged = MergedColumns.of(matrix, "")
    weights = np.random.default_rng(1).random((3, 4))
    spread = merged.spread(weights)
    np.testing.assert_allclose(matrix @ spread.T, merged.matrix @ weights.T, rtol=1e-6)
    np.testing.assert_allclose((spread**2).sum(axis=1), (weights**2).sum(axis=1))  # the penalty is the same too


def test_a_linear_model_finds_what_it_finds_on_all_columns() -> None:
    from sklearn.svm import LinearSVC

    generator = np.random.default_rng(1)
    few = (generator.random((60, 8)) > 0.6).astype(np.float32)
    every = scipy.sparse.csr_array(few[:, generator.integers(8, size=30)])
    targets = generator.integers(3, size=60)
    merged = MergedColumns.of(every, "")
    assert merged.matrix.shape[1] <= 8
    ours, theirs = (LinearSVC(tol=1e-8, random_state=1).fit(rows, targets) for rows in (merged.matrix, every))
    np.testing.assert_allclose(merged.spread(ours.coef_), theirs.coef_, atol=1e-4)


def test_dense_matrices_and_such_without_rows_or_columns_are_taken(matrix: scipy.sparse.csr_array) -> None:
    dense = matrix.toarray()
    assert MergedColumns.of(dense, "").matrix is dense
    assert MergedColumns.of(matrix[:, :0], "").matrix.shape == (4, 0)
    assert MergedColumns.of(matrix[:0], "").matrix.shape == (0, 1)

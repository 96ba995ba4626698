"""Classical models: probabilities for every label, saved without pickle, refused where memory is short."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from libelle import memory as room
from libelle.errors import UserError
from libelle.features import Dataset, Features
from libelle.models import classical
from libelle.models.base import Training
from libelle.models.classical import ClassicalModel, folds
from libelle.models.linear import LinearSVM, LogisticRegression, LogisticRegressionCV, NaiveBayes
from libelle.models.trees import DecisionTree, XGBoost
from libelle.processes.tfidf import Tfidf

MODELS = {
    "logreg": LogisticRegression,
    "logreg_cv": lambda: LogisticRegressionCV(Cs=[0.1, 10.0]),
    "svm": LinearSVM,
    "naive_bayes": NaiveBayes,
    "tree": DecisionTree,
    "xgboost": lambda: XGBoost(rounds=10),
}


def make_data(counts: list[int], columns: int = 6, sparse: bool = True, seed: int = 1) -> Dataset:
    """Rows of each label; column `label` is large, the others are noise; in two matrices."""
    generator = np.random.default_rng(seed)
    targets = np.repeat(np.arange(len(counts)), counts)
    generator.shuffle(targets)
    matrix = (generator.random((len(targets), columns)) * (generator.random((len(targets), columns)) > 0.5)) * 0.3
    matrix[np.arange(len(targets)), targets % columns] += 1
    whole = matrix.astype(np.float32)
    parts = {"first": whole[:, : columns // 2], "second": whole[:, columns // 2 :]} if columns > 1 else {"only": whole}
    blocks = {name: scipy.sparse.csr_array(part) if sparse else part for name, part in parts.items()}
    for block in blocks.values():  # as a memory-mapped base is
        for array in [block] if isinstance(block, np.ndarray) else [block.data, block.indices, block.indptr]:
            array.setflags(write=False)
    return Dataset(Features(len(targets), matrix=blocks), targets)


def fitted(name: str, train: Dataset, classes: int, folder: Path, validation: Dataset | None = None) -> ClassicalModel:
    return MODELS[name]().fit(train, validation or train, classes, Training(folder, seed=3))


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("counts", [[20, 30], [20, 15, 10, 1, 2]])
@pytest.mark.parametrize("name", MODELS)
def test_every_label_has_a_probability(name: str, counts: list[int], sparse: bool, tmp_path: Path) -> None:
    data = make_data(counts, sparse=sparse)
    # The last label has no training row, and one has a single one.
    model = fitted(name, data, len(counts) + 1, tmp_path)
    scores = model.predict_proba(data.features)
    assert scores.dtype == np.float32
    assert scores.shape == (len(data), len(counts) + 1)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert (scores[:, -1] == 0).all()
    assert (scores.argmax(axis=1) == data.targets).mean() > 0.8
    alone = np.concatenate([model.predict_proba(data.features.take(np.array([row]))) for row in range(len(data))])
    np.testing.assert_allclose(alone, scores, atol=1e-6)
    assert model.predict_proba(data.features.take(np.array([], dtype=np.int64))).shape == (0, len(counts) + 1)
    np.testing.assert_array_equal(fitted(name, data, len(counts) + 1, tmp_path).predict_proba(data.features), scores)


@pytest.mark.parametrize("counts", [[20, 30], [20, 15, 10, 1], [12]])
@pytest.mark.parametrize("name", MODELS)
def test_what_is_saved_scores_the_same_in_many_threads(name: str, counts: list[int], tmp_path: Path) -> None:
    data = make_data(counts)
    model = fitted(name, data, len(counts), tmp_path)
    saved = tmp_path / "saved"
    saved.mkdir()
    model.save(saved)
    assert {path.suffix for path in saved.iterdir()} <= {".json", ".safetensors", ".skops", ".ubj"}
    again = MODELS[name]().load(saved)
    expected = model.predict_proba(data.features)
    with ThreadPoolExecutor(4) as pool:
        for scores in pool.map(again.predict_proba, [data.features] * 8):
            np.testing.assert_array_equal(scores, expected)


@pytest.mark.parametrize("name", MODELS)
def test_one_label_one_column_and_labels_of_validation_alone(name: str, tmp_path: Path) -> None:
    single = make_data([8])
    assert (fitted(name, single, 3, tmp_path).predict_proba(single.features) == [1, 0, 0]).all()
    narrow = make_data([8, 8], columns=1)
    np.testing.assert_allclose(
        fitted(name, narrow, 2, tmp_path).predict_proba(narrow.features).sum(axis=1), 1, atol=1e-5
    )
    train, validation = make_data([9, 9]), make_data([3, 3, 3])
    scores = fitted(name, train, 3, tmp_path, validation).predict_proba(validation.features)
    assert (scores[:, 2] == 0).all()
    unknown = Dataset(validation.features.take(np.flatnonzero(validation.targets == 2)), np.array([2, 2, 2]))
    assert fitted(name, train, 3, tmp_path, unknown).predict_proba(unknown.features).shape == (3, 3)
    rare = make_data([1, 1, 1])
    assert np.isfinite(fitted(name, rare, 3, tmp_path).predict_proba(rare.features)).all()


@pytest.mark.parametrize("name", MODELS)
def test_class_weights_favour_the_small_class(name: str, tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    matrix = scipy.sparse.csr_array(generator.random((200, 2)).astype(np.float32).round(1))
    data = Dataset(Features(200, matrix={"noise": matrix}), (generator.random(200) < 0.1).astype(np.int64))
    plain, balanced = MODELS[name](), MODELS[name]()
    balanced.class_weights = "balanced"
    shares = [
        model.fit(data, data, 2, Training(tmp_path)).predict_proba(data.features)[:, 1].mean()
        for model in (plain, balanced)
    ]
    assert shares[1] > shares[0]


@pytest.mark.parametrize("name", MODELS)
def test_indices_of_64_bits_are_taken_too(name: str, tmp_path: Path) -> None:
    data = make_data([8, 8], columns=1)
    block = data.features.matrix["only"]
    wide = scipy.sparse.csr_array(
        (block.data, block.indices.astype(np.int64), block.indptr.astype(np.int64)), shape=block.shape
    )
    same = Dataset(Features(len(data), matrix={"only": wide}), data.targets)
    np.testing.assert_array_equal(
        fitted(name, same, 2, tmp_path).predict_proba(same.features),
        fitted(name, data, 2, tmp_path).predict_proba(data.features),
    )


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_rows_are_scored_in_blocks(name: str, sparse: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_data([20, 15, 10], sparse=sparse)
    model = fitted(name, data, 3, tmp_path)
    together = model.predict_proba(data.features)
    monkeypatch.setattr(classical, "PREDICT_ROWS", 7)
    np.testing.assert_allclose(model.predict_proba(data.features), together, atol=1e-6)


def test_support_vectors_are_calibrated(tmp_path: Path) -> None:
    """On labels that columns predict in 80 of 100 rows, a probability of about 0.8 is right."""
    generator = np.random.default_rng(1)
    label = generator.integers(2, size=2000)
    said = np.where(generator.random(2000) < 0.8, label, 1 - label)
    matrix = np.eye(2, dtype=np.float32)[said]
    data = Dataset(Features(2000, matrix={"said": matrix}), label)
    scores = fitted("svm", data, 2, tmp_path).predict_proba(data.features)
    for value in (0, 1):
        assert scores[said == value, 1].mean() == pytest.approx(label[said == value].mean(), abs=0.02)


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(2, 4))
def test_folds_hold_each_frequent_row_out_once_and_no_rare_one(targets: list[int], count: int) -> None:
    array = np.array(targets)
    held = [rows for train, rows in folds(array, count, seed=1) if not np.intersect1d(train, rows).size]
    frequent = np.flatnonzero(np.bincount(array)[array] >= count)
    assert sorted(np.concatenate(held).tolist() if held else []) == frequent.tolist()


def test_naive_bayes_refuses_values_below_zero(tmp_path: Path) -> None:
    data = Dataset(Features(2, matrix={"x": np.array([[-1.0], [1.0]], dtype=np.float32)}), np.array([0, 1]))
    with pytest.raises(UserError, match="process=tfidf"):
        fitted("naive_bayes", data, 2, tmp_path)


@pytest.mark.parametrize("name", ["logreg", "logreg_cv", "svm", "naive_bayes", "tree", "xgboost"])
def test_what_does_not_fit_into_memory_is_refused_first(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_data([20, 20], sparse=True)
    data = Dataset(Features(len(data), matrix={"one": data.features.matrix["first"]}), data.targets)
    monkeypatch.setattr(room, "available_memory", lambda: 100)
    model = MODELS[name]()
    model.check(Tfidf())
    with pytest.raises(UserError, match=r"GB of memory.*process\.max_features"):
        model.fit(data, data, 2, Training(tmp_path))


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("logreg", "model=mlp"),
        ("svm", "model=mlp"),
        ("naive_bayes", "model=mlp"),
        ("xgboost", "model=mlp"),
        ("tree", "model.min_samples_leaf"),
    ],
)
def test_rows_times_labels_count_too(name: str, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty labels on one column: it is not the matrix that is large."""
    data = Dataset(Features(600, matrix={"x": np.zeros((600, 1), np.float32)}), np.arange(600) % 60)
    monkeypatch.setattr(room, "available_memory", lambda: 100_000)
    with pytest.raises(UserError, match=rf"60 labels.*GB of memory.*{advice}"):
        fitted(name, data, 60, tmp_path)


@pytest.mark.parametrize(("model", "library"), [(DecisionTree, "skops"), (XGBoost, "xgboost")])
def test_a_missing_library_is_said_before_any_data_is_read(
    model: type[ClassicalModel], library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UserError, match=rf"{library}.*libelle\[classical\]"):
        model().check(Tfidf())


def test_early_stopping_keeps_the_best_round(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    noise = [
        Dataset(Features(60, matrix={"x": generator.random((60, 4), np.float32)}), np.arange(60) % 2) for _ in "ab"
    ]
    model = XGBoost(rounds=50, early_stopping=3).fit(noise[0], noise[1], 2, Training(tmp_path))
    assert model.booster_.num_boosted_rounds() < 20


def test_a_saved_tree_with_other_types_is_refused(tmp_path: Path) -> None:
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    skops.io.dump(FunctionTransformer(np.sum), tmp_path / "tree.skops")
    (tmp_path / "classes.json").write_text(json.dumps({"classes": 2, "seen": [0, 1]}))
    with pytest.raises(ValueError, match="rusted"):
        DecisionTree().load(tmp_path)

"""`mlp` and its relatives score in numpy what their networks compute in torch."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import scipy.special
from threadpoolctl import ThreadpoolController

from helpers.networks import scored_by_network
from helpers.tiny import make_forms
from libelle.features import Dataset
from libelle.models.base import Training
from libelle.models.dense_scorer import blas_threads, gelu
from libelle.models.item_vectors import multiply
from libelle.models.mlp import MLP
from libelle.models.paths import PathsModel
from libelle.models.transformer import Transformer
from libelle.processes.tokens import Tokens

M = TypeVar("M", bound=PathsModel)

FIELDS = ["employer", "job", "town"]
SMALL = {"word_dim": 8, "hidden": [8], "ngram_dim": 4, "ngram_hidden": [4]}
MODELS = {
    "as by default": SMALL,
    "fused": {**SMALL, "fusion": "fused"},
    "averages alone": {**SMALL, "first_words": 0},
    "fused averages alone": {**SMALL, "first_words": 0, "fusion": "fused"},
    "without a linear path": {**SMALL, "wide": False},
    "without hidden layers": {**SMALL, "hidden": [], "ngram_hidden": []},
    "with two hidden layers": {**SMALL, "hidden": [8, 6], "ngram_hidden": [8, 6]},
}


#: Those whose words torch encodes.
OTHERS: dict[str, Callable[[], PathsModel]] = {
    "transformer": lambda: Transformer(dim=8, heads=2, feed_forward=8, ngram_dim=4, ngram_hidden=[4]),
    "transformer without a linear path": lambda: Transformer(dim=8, ngram_dim=4, ngram_hidden=[4], wide=False),
    "mlp_lstm": lambda: MLP(**SMALL, word_encoder="lstm", lstm=[8]),  # type: ignore[arg-type]
}


def trained(process: Tokens, forms: pd.DataFrame, folder: Path, **keys: object) -> MLP:
    return fitted(MLP(**keys), process, forms, folder)  # type: ignore[arg-type]


def fitted(model: M, process: Tokens, forms: pd.DataFrame, folder: Path) -> M:
    features = process.transform(forms[FIELDS])
    data = Dataset(features, forms["label"].astype("int64").to_numpy())
    return model.fit(data, data, 3, Training(folder, trainer={"max_epochs": 2, "accelerator": "cpu"}))


def records() -> pd.DataFrame:
    """Forms, among them words that nobody has seen, empty and missing texts, and texts that are cut."""
    forms = make_forms(60, seed=5)[FIELDS]
    forms.loc[0, FIELDS] = None
    forms.loc[1, FIELDS] = ""
    forms.loc[2, FIELDS] = ["☃ carreleurs", "infirmières du nord", "lyon paris brest sète lyon paris brest"]
    forms.loc[3, "job"] = "Lyon"
    return forms


@pytest.mark.parametrize("ngrams", [True, False], ids=["n-grams", "words alone"])
@pytest.mark.parametrize("name", MODELS)
def test_scores_are_those_of_the_network(name: str, ngrams: bool, tmp_path: Path) -> None:
    forms = make_forms(90)
    process = Tokens(ngrams=ngrams).fit(forms[FIELDS], forms["label"])
    model = trained(process, forms, tmp_path, **MODELS[name])
    features = process.transform(records())
    scores = model.predict_proba(features)
    np.testing.assert_allclose(scores, scored_by_network(model, features), atol=1e-5)
    assert scores.std(axis=0).min() > 1e-4


@pytest.mark.parametrize("ngrams", [True, False], ids=["n-grams", "words alone"])
@pytest.mark.parametrize("name", OTHERS)
def test_networks_whose_words_torch_encodes_score_alike(name: str, ngrams: bool, tmp_path: Path) -> None:
    forms = make_forms(90)
    process = Tokens(ngrams=ngrams).fit(forms[FIELDS], forms["label"])
    model = fitted(OTHERS[name](), process, forms, tmp_path)
    model.warm_up()
    features = process.transform(records())
    scores = model.predict_proba(features)
    np.testing.assert_allclose(scores, scored_by_network(model, features), atol=1e-5)
    assert scores.std(axis=0).min() > 1e-4
    assert model.predict_proba(features.take(np.arange(0))).shape == (0, 3)
    (tmp_path / "saved").mkdir()
    model.save(tmp_path / "saved")
    np.testing.assert_array_equal(OTHERS[name]().load(tmp_path / "saved").predict_proba(features), scores)


def test_weights_that_are_missing_or_cut_are_found(tmp_path: Path) -> None:
    forms = make_forms(90)
    process = Tokens().fit(forms[FIELDS], forms["label"])
    mlp = trained(process, forms, tmp_path, **SMALL)
    kept = 6
    mlp.shape_ = replace(mlp.shape_, words=kept)
    tables = mlp.weights_["words.table.weight"].reshape(1 + mlp.first_words, -1, mlp.word_dim)
    mlp.use({**mlp.weights_, "words.table.weight": tables[:, :kept].reshape(-1, mlp.word_dim)})
    with pytest.raises(LookupError):
        mlp.predict_proba(process.transform(records()))
    transformer = fitted(OTHERS["transformer"](), process, forms, tmp_path / "other")
    with pytest.raises(LookupError, match=r"words_dense"):
        transformer.use({name: array for name, array in transformer.weights_.items() if "words_dense" not in name})


def test_scores_do_not_depend_on_what_was_scored_before(tmp_path: Path) -> None:
    forms = make_forms(90)
    process = Tokens().fit(forms[FIELDS], forms["label"])
    model = trained(process, forms, tmp_path, **SMALL)
    features = process.transform(records())
    together = model.predict_proba(features)
    with ThreadPoolExecutor(8) as pool:
        parts = [np.arange(start, start + 10) for start in range(0, 60, 10)] * 4
        for rows, scores in zip(
            parts, pool.map(lambda rows: model.predict_proba(features.take(rows)), parts), strict=True
        ):
            np.testing.assert_allclose(scores, together[rows], atol=1e-6)
    other = Tokens().fit(forms[FIELDS], forms["label"]).transform(records())
    np.testing.assert_array_equal(model.predict_proba(other), together)


@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_sums_are_those_of_a_sparse_matrix(kind: type) -> None:
    generator = np.random.default_rng(1)
    table = generator.normal(size=(9, 5)).astype(np.float32)
    offsets = np.array([0, 3, 3, 4, 12])  # a text without items among them
    ids, weights = generator.integers(0, 9, 12).astype(kind), generator.random(12).astype(np.float32)
    sums = scipy.sparse.csr_array((weights, ids, offsets.astype(kind)), (4, 9)) @ table
    np.testing.assert_array_equal(multiply(ids, offsets, weights, table), sums)
    before = np.ones((4, 5), np.float32)
    np.testing.assert_allclose(multiply(ids, offsets, weights, table, before), 1 + sums, rtol=1e-6)
    with pytest.raises(AssertionError):  # else the sums would be those of a copy
        multiply(ids, offsets, weights, table, np.ones((4, 6), np.float32)[:, :5])


def test_gelu_is_that_of_the_error_function() -> None:
    values = np.linspace(-9, 9, 20_001, dtype=np.float32)
    exact = values / 2 * (1 + scipy.special.erf(values.astype(np.float64) / np.sqrt(2)))
    np.testing.assert_allclose(gelu(values), exact, atol=1e-6)


def test_the_modules_that_score_are_imported_without_torch() -> None:
    modules = ["mlp", "paths_scorer", "paths", "neural", "network"]
    imports = "; ".join(f"import libelle.models.{name}" for name in modules)
    code = f"import sys; {imports}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_threads_that_score_at_once_leave_the_products_as_they_were() -> None:
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    before = [library.get_num_threads() for library in libraries]
    entered, leave = Barrier(4), Barrier(4)

    def compute(_: int) -> list[int]:
        with blas_threads(1):
            entered.wait(60)
            seen: list[int] = [library.get_num_threads() for library in libraries]
            leave.wait(60)
        return seen

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(compute, range(4))) == [[1] * len(libraries)] * 4
    assert [library.get_num_threads() for library in libraries] == before

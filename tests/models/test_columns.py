"""Categories and numbers in the models: they learn from them, and numpy scores as torch does."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression as Plain
from sklearn.svm import LinearSVC

from helpers.encoders import make_bert
from helpers.households import encoding_of, make_households
from helpers.networks import scored_by_network
from libelle.components import build, describe
from libelle.data.columns import from_frame
from libelle.features import TABLE, Dataset, Features
from libelle.models.base import Model, Training
from libelle.models.count_ratios import squared_scales
from libelle.models.linear import LinearSVM, LogisticRegression, NaiveBayes
from libelle.models.linear_path import solve
from libelle.models.linear_rows import Rows
from libelle.models.mlp import MLP
from libelle.models.network import OptimizerConfig
from libelle.models.pretrained import Pretrained
from libelle.models.transformer import Transformer
from libelle.models.trees import DecisionTree, XGBoost
from libelle.processes.pretrained import PretrainedTokens
from libelle.processes.tfidf import Tfidf
from libelle.processes.tokens import Tokens
from libelle.processes.union import Union

FIELDS = ["job", "region", "age"]
TRAIN, TEST = make_households(1500), make_households(1000, seed=2)
SMALL = {"word_dim": 8, "hidden": [8], "ngram_dim": 4, "ngram_hidden": [4]}
MODELS = {
    "mlp": lambda: (Tokens(), MLP()),
    "mlp_fusion": lambda: (Tokens(), MLP(fusion="fused")),
    "mlp_lstm": lambda: (Tokens(), MLP(word_encoder="lstm", lstm=[16])),
    "transformer": lambda: (Tokens(), Transformer()),
    "logreg": lambda: (Tfidf(), LogisticRegression()),
    "svm": lambda: (Tfidf(), LinearSVM()),
    "naive_bayes": lambda: (Tfidf(), NaiveBayes()),
    "tree": lambda: (Tfidf(), DecisionTree(max_depth=6)),
    "xgboost": lambda: (Union({"tfidf": {"_target_": "tfidf"}}), XGBoost(rounds=60)),
}


def targets_of(table: pd.DataFrame) -> np.ndarray:
    return table["label"].astype("int64").to_numpy()


def plain_accuracy() -> float:
    """That of the better of two models of scikit-learn on one-hot regions and ages."""
    both = pd.concat([TRAIN, TEST])
    age = both["age"].astype(float)
    columns = pd.get_dummies(both["region"], dummy_na=True).assign(age=age.fillna(age.median()) / 40, none=age.isna())
    matrix, targets = columns.to_numpy(dtype=float), targets_of(both)
    models = Plain(), HistGradientBoostingClassifier(random_state=1)
    known = len(TRAIN)
    return max(m.fit(matrix[:known], targets[:known]).score(matrix[known:], targets[known:]) for m in models)


@pytest.fixture(scope="module")
def reachable() -> float:
    return plain_accuracy()


@pytest.mark.parametrize("name", MODELS)
def test_a_threshold_and_a_category_are_learnt(name: str, reachable: float, tmp_path: Path) -> None:
    process, model = MODELS[name]()
    encoding = encoding_of(process, TRAIN)
    features = encoding.transform(from_frame(TRAIN[FIELDS]))
    data = Dataset(features, targets_of(TRAIN))
    held = data.take(np.arange(0, len(data), 5))
    model.fit(data, held, 2, Training(tmp_path, trainer={"max_epochs": 6, "accelerator": "cpu"}))
    later = encoding.transform(from_frame(TEST[FIELDS]))
    scores = model.predict_proba(later)
    assert (scores.argmax(axis=1) == targets_of(TEST)).mean() > reachable - 0.03
    np.testing.assert_allclose(restored(model, tmp_path / "saved").predict_proba(later), scores, atol=1e-6)


def restored(model: Model, folder: Path) -> Model:
    folder.mkdir()
    model.save(folder)
    return build(describe(model), Model, "model").load(folder)  # type: ignore[type-abstract]


NETWORKS = {
    "as by default": SMALL,
    "fused": {**SMALL, "fusion": "fused"},
    "averages alone": {**SMALL, "first_words": 0},
    "without a linear path": {**SMALL, "wide": False},
    "without hidden layers": {**SMALL, "hidden": [], "ngram_hidden": []},
}


@pytest.mark.parametrize("ngrams", [True, False], ids=["n-grams", "words alone"])
@pytest.mark.parametrize("name", NETWORKS)
def test_numpy_scores_as_the_network_does(name: str, ngrams: bool, tmp_path: Path) -> None:
    table = TRAIN[:120]
    encoding = encoding_of(Tokens(ngrams=ngrams), table)
    data = Dataset(encoding.transform(from_frame(table[FIELDS])), targets_of(table))
    model = MLP(**NETWORKS[name])  # type: ignore[arg-type]
    model.fit(data, data, 3, Training(tmp_path, trainer={"max_epochs": 2, "accelerator": "cpu"}))
    later = TEST[FIELDS][:60].reset_index(drop=True)
    later.loc[0] = None
    later.loc[1, ["region", "age"]] = ["Mars", "100000"]
    features = encoding.transform(from_frame(later))
    scores = model.predict_proba(features)
    one_by_one = np.concatenate([model.predict_proba(features.take(np.array([row]))) for row in range(60)])
    np.testing.assert_allclose(one_by_one, scores, atol=1e-6)
    np.testing.assert_allclose(scores, scored_by_network(model, features), atol=1e-5)


def test_the_linear_path_is_a_support_vector_machine_on_all_columns() -> None:
    table = TRAIN[:200]
    features = encoding_of(Tokens(), table).transform(from_frame(table[FIELDS]))
    rows = Rows.of(features)
    signs = np.where(targets_of(table) == 1, np.float32(1), np.float32(-1))[:, None]
    each = np.ones(len(table))
    weights, constant = solve(rows, signs, each, 0.5)
    scales = np.sqrt(squared_scales(rows, signs, each)[:, 0])
    assert (scales[features.bag.size :] == 1).all()  # type: ignore[union-attr]
    matrix = (rows.items @ rows.parts).toarray() * scales
    assert matrix.shape[1] == features.bag.size + features.matrix[TABLE].shape[1]  # type: ignore[union-attr,index]
    exact = LinearSVC(C=0.5, tol=1e-8, max_iter=100_000, intercept_scaling=1).fit(matrix, signs[:, 0])
    found = matrix @ (weights[:, 0] / scales) + constant[0]
    np.testing.assert_allclose(found, exact.decision_function(matrix), atol=0.02)


def test_without_such_columns_nothing_is_added(tmp_path: Path) -> None:
    texts = TRAIN[["job"]][:60]
    features: Features = Tokens().fit(texts, TRAIN["label"][:60]).transform(texts)
    data = Dataset(features, targets_of(TRAIN)[:60])
    model = MLP(**SMALL).fit(data, data, 2, Training(tmp_path, trainer={"max_epochs": 1, "accelerator": "cpu"}))  # type: ignore[arg-type]
    assert "columns" not in model.shape_.to_json()
    assert not [name for name in model.weights_ if "columns" in name]


@pytest.mark.slow
@pytest.mark.parametrize("tuning", ["full", "frozen", "lora"])
def test_a_pretrained_encoder_sees_them_in_its_head(tuning: str, tmp_path: Path) -> None:
    encoder = make_bert(tmp_path / "bert")
    process = PretrainedTokens(encoder=encoder, max_length=48)
    encoding = encoding_of(process, TRAIN)
    data = Dataset(encoding.transform(from_frame(TRAIN[FIELDS])), targets_of(TRAIN))
    model = Pretrained(encoder=encoder, tuning=tuning, optimizer=OptimizerConfig(lr=3e-3))  # type: ignore[arg-type]
    held = data.take(np.arange(0, len(data), 5))
    model.fit(data, held, 2, Training(tmp_path, trainer={"max_epochs": 4, "accelerator": "cpu"}))
    later = encoding.transform(from_frame(TEST[FIELDS]))
    scores = model.predict_proba(later)
    assert (scores.argmax(axis=1) == targets_of(TEST)).mean() > 0.85
    np.testing.assert_allclose(restored(model, tmp_path / "saved").predict_proba(later), scores, atol=1e-6)

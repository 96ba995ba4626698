"""Odd data the whole way: labels and fields that training never saw, single rows, a megabyte, unknown words."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from helpers.encoders import make_bert, pair
from helpers.ragged import flatten
from helpers.tiny import make_forms, tiny_plan
from libelle import Pipeline
from libelle import memory as room
from libelle.data.file_source import FileSource
from libelle.data.split import SplitConfig
from libelle.errors import UserError
from libelle.evaluation.calibration import Beta, Temperature
from libelle.features import Dataset
from libelle.models.base import Training
from libelle.models.linear import LinearSVM, LogisticRegression
from libelle.models.mlp import MLP
from libelle.models.neural import NeuralModel
from libelle.models.transformer import Transformer
from libelle.models.trees import XGBoost
from libelle.processes.base import Process
from libelle.processes.subword import Subword
from libelle.processes.tfidf import Tfidf
from libelle.processes.tokens import Tokens
from libelle.training.plan import Plan
from libelle.training.workflow import full

LONG = "infirmière " * 90_000 + "x" * (1 << 17)

PLANS: dict[str, Callable[[Plan], Plan]] = {
    "mlp": lambda plan: replace(plan, calibration=Temperature()),
    "subword transformer": lambda plan: replace(
        plan, process=Subword(vocab_size=200), model=Transformer(dim=8, heads=2, wide_cost=0.5)
    ),
    "pretrained": lambda plan: replace(plan, **pair(make_bert(Path(plan.source.path).with_name("bert")))),
    "logreg": lambda plan: replace(plan, process=Tfidf(), model=LogisticRegression()),
    "logreg beta": lambda plan: replace(plan, process=Tfidf(), model=LogisticRegression(), calibration=Beta()),
    "svm": lambda plan: replace(plan, process=Tfidf(), model=LinearSVM()),
    "xgboost": lambda plan: replace(plan, process=Tfidf(), model=XGBoost(rounds=3)),
}
#: Scores at most of labels without a training row; label smoothing leaves each label a little in networks.
HIGHEST = {"mlp": 0.1, "subword transformer": 0.1, "logreg": 0, "svm": 0, "xgboost": 0}


def odd_forms() -> pd.DataFrame:
    """Label 2 stands in one training row, 3 in validation alone, 4 in test alone; nobody filled in `nothing`."""
    forms = make_forms(90)
    forms["split"] = pd.Series(["train", "train", "train", "validation", "test"] * 18, dtype="str")
    forms.loc[0, "label"], forms.loc[[3, 8], "label"], forms.loc[[4, 9], "label"] = "2", "3", "4"
    forms["nothing"] = pd.Series([None] * 90, dtype="str")
    forms.loc[[1, 13, 14], "job"] = LONG
    forms.loc[[18, 19], ["employer", "job", "town"]] = "zzzq wwwx"
    return forms


@pytest.mark.parametrize("name", PLANS)
def test_odd_data_are_trained_on_and_scored(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    forms = odd_forms()
    forms.to_csv(tmp_path / "odd.csv", index=False)
    columns = ["employer", "job", "town", "nothing"]
    source = FileSource(
        path=str(tmp_path / "odd.csv"), id="form", columns=columns, target="label", split=SplitConfig(column="split")
    )
    plan = PLANS[name](tiny_plan(tmp_path, source=source, model=MLP(word_dim=8, ngram_dim=8, hidden=[8])))
    with caplog.at_level("WARNING"):
        outcome = full(plan)
    assert "2 labels have no training row and cannot be learnt: 3, 4" in caplog.text
    records = [{"nothing": "seen now"}, {"job": LONG}, {"job": "zzzq"}, {"job": "wwwx ☃"}, {"town": ""}]
    pipeline = Pipeline.load(outcome.run_id, plan.store)

    def score(rows: pd.DataFrame | list[dict[str, str]]) -> npt.NDArray[np.floating]:
        return pipeline.predict(rows).filter(like="score_").to_numpy()

    for rows in (forms, records):
        scores = score(rows)
        assert scores.shape == (len(rows), 5)
        assert np.isfinite(scores).all()
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    # Labels without a training row; one with a single one is learnt.
    scores = score(forms)
    if name in HIGHEST:
        assert scores[:, 3:].max() <= HIGHEST[name]
    assert scores[:, 4].max() < scores[:, :2].mean(axis=0).min()
    assert set(scores.argmax(axis=1)) <= {0, 1, 2}
    assert outcome.metrics["test"]["classes"]["4"]["recall"] == 0
    assert outcome.metrics["test"]["accuracy"] < 1
    assert scores[:, 2].max() > 0
    # Unknown words say no more than each other, in a field that was always empty as in one that was not.
    for field in ("nothing", "job"):
        one, other = score([{field: "zzz"}, {field: "kkk"}])
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("process", [Tokens(), Subword(vocab_size=200)], ids=["tokens", "subword"])
def test_the_words_of_a_long_text_are_cut_and_its_ngrams_are_not(process: Process) -> None:
    forms = make_forms(90)
    fields = forms[["employer", "job", "town"]]
    process.fit(fields, forms["label"])
    long = pd.DataFrame({"job": ["médecin " * 140_000, "médecin " * 140_000 + "maçon"]}, dtype="str")
    features = process.transform(long.reindex(columns=fields.columns).astype("str"))
    assert features.words is not None
    assert features.bag is not None
    words, bag = flatten(features.words["job"]), flatten(features.bag.texts["job"])
    longest = features.words["job"].lengths.max()
    assert longest == process.transform(fields).words["job"].lengths.max() < 256
    np.testing.assert_array_equal(words.ids[: words.offsets[1]], words.ids[words.offsets[1] :])
    first, second = set(bag.ids[: bag.offsets[1]].tolist()), set(bag.ids[bag.offsets[1] :].tolist())
    assert first < second


@pytest.mark.parametrize(
    ("model", "advice"),
    [
        (MLP(word_dim=1, ngram_dim=1, hidden=[1], ngram_hidden=[1]), "set model.wide=false, or lower process.max_ng"),
        (
            MLP(word_dim=1, ngram_dim=99, hidden=[1], ngram_hidden=[1]),
            "set model.ngram_dim below 99, or lower process.max_ng",
        ),
        (MLP(word_dim=9999, ngram_dim=1, hidden=[1]), "set model.word_dim below 9999, or lower .* process.max_words"),
        (Transformer(dim=996, ngram_dim=1, feed_forward=1), "make the layers of the model smaller"),
    ],
    ids=["wide", "n-grams", "words", "layers"],
)  # fmt: skip
def test_a_network_that_does_not_fit_into_memory_is_refused_first(
    model: NeuralModel, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forms = make_forms(90)
    fields = forms[["employer", "job", "town"]]
    features = Tokens().fit(fields, forms["label"]).transform(fields)
    data = Dataset(features, forms["label"].astype("int64").to_numpy())
    model.check(Tokens())
    monkeypatch.setattr(room, "available_memory", lambda: 1000)
    with pytest.raises(UserError, match=rf"model: training [\d,]+ weights needs .* GB of memory.*{advice}"):
        model.fit(data, data, 20, Training(tmp_path))

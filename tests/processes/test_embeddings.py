"""Word vectors in processes and models: through each mode, to runtime and publication, with words never seen before."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.fasttext_models import WORDS, table, texts, train_bin
from helpers.networks import network_of
from helpers.ragged import flatten
from helpers.tiny import make_forms, tiny_plan
from libelle import Pipeline
from libelle.errors import UserError
from libelle.feature_files import load_features, save_features
from libelle.features import Dataset
from libelle.models.base import Training
from libelle.models.mlp import MLP
from libelle.models.paths import PathsModel
from libelle.models.transformer import Transformer
from libelle.processes.base import Process
from libelle.processes.fasttext_mean import FastTextMean
from libelle.processes.matrices import FLAGS
from libelle.processes.tokens import SPECIAL, UNKNOWN_ID, Tokens
from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.training.workflow import full, prepare, train
from libelle.vectors.sources import WordVectors

FIELDS = ["employer", "job", "town"]
SMALL: dict[str, Any] = {"hidden": [8], "ngram_dim": 4, "ngram_hidden": []}
MODELS: dict[str, Callable[..., PathsModel]] = {
    "mlp": lambda **more: MLP(**SMALL, word_dim=8, **more),
    "mlp fused, of another size": lambda **more: MLP(**SMALL, word_dim=6, fusion="fused", **more),
    "mlp_lstm": lambda **more: MLP(**SMALL, word_dim=8, word_encoder="lstm", lstm=[4], **more),
    "mlp_fasttext": lambda **more: MLP(**SMALL, word_dim=8, word_encoder="lstm", lstm=[4], fusion="fused", **more),
    "transformer": lambda **more: Transformer(**SMALL, dim=8, heads=2, feed_forward=16, **more),
}


def vectors() -> WordVectors:
    return WordVectors(dim=8, epochs=1, buckets=100_003)


def tokens(**options: Any) -> Tokens:
    return Tokens(embeddings="fasttext", vectors=vectors(), **options)


def fitted(process: Process, frame: pd.DataFrame) -> Any:
    return process.fit(frame, pd.Series(["0"] * len(frame)))


@pytest.fixture(scope="module")
def process() -> Tokens:
    return fitted(tokens(), make_forms(90)[FIELDS])


@pytest.fixture(scope="module")
def data(process: Tokens) -> Dataset:
    forms = make_forms(90)
    forms.loc[3, "job"] = "infirmières carreleuse"  # words of no training row
    forms.loc[4, "job"] = "☃☃☃"
    return Dataset(process.transform(forms[FIELDS]), forms["label"].astype("int64").to_numpy())


def test_the_vocabulary_has_fasttexts_vectors(tmp_path: Path) -> None:
    import fasttext

    path = train_bin(tmp_path / "some.bin")
    source = WordVectors(source="path", path=str(path), dim=12)
    process = fitted(Tokens(embeddings="fasttext", vectors=source), table(*texts()))
    given = process.transform(table("mairie")).vectors
    library = fasttext.load_model(str(path))
    assert not given.vocabulary[: len(SPECIAL)].any()
    expected = [library.get_word_vector(word) for word in process.words_]
    np.testing.assert_allclose(given.vocabulary[len(SPECIAL) :], expected, atol=1e-6)
    path.unlink()  # the saved process needs the file no more
    process.save(tmp_path)
    again = Tokens(embeddings="fasttext", vectors=source).load(tmp_path).transform(table("mairies"))
    np.testing.assert_array_equal(again.vectors.unseen, process.transform(table("mairies")).vectors.unseen)


def test_unseen_words_have_ids_of_their_own_and_unknown_ones_none(process: Tokens) -> None:
    frame = make_forms(3)[FIELDS]
    frame["job"] = ["infirmières", "☃☃☃ infirmières", None]
    frame["employer"], frame["town"] = ["infirmières", "", "infirmière"], None
    features = process.transform(frame)
    assert features.words is not None
    assert features.vectors is not None
    assert features.vectors.unseen.shape == (1, 8)
    size = len(process.words_) + len(SPECIAL)
    rows = {name: flatten(block) for name, block in features.words.items()}
    ids = rows["job"].ids[: rows["job"].offsets[2]].tolist()
    assert ids == [size, UNKNOWN_ID, size]
    assert rows["employer"].ids[0] == size


def test_by_choice_unseen_words_are_unknown() -> None:
    process = fitted(tokens(embeddings_unseen=False), make_forms(90)[FIELDS])
    frame = make_forms(1)[FIELDS].assign(job="infirmières")
    features = process.transform(frame)
    assert flatten(features.words["job"]).ids.tolist() == [UNKNOWN_ID]
    assert len(features.vectors.unseen) == 0
    assert len(process.table_.ngrams) == 0


def test_features_with_vectors_come_back(data: Dataset, tmp_path: Path) -> None:
    save_features(data.features, tmp_path)
    again = load_features(tmp_path)
    assert again.vectors is not None
    assert data.features.vectors is not None
    np.testing.assert_array_equal(again.vectors.vocabulary, data.features.vectors.vocabulary)
    np.testing.assert_array_equal(again.vectors.unseen, data.features.vectors.unseen)
    assert len(again.vectors.unseen)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_models_start_from_the_vectors(name: str, frozen: bool, data: Dataset, process: Tokens, tmp_path: Path) -> None:
    def fit() -> PathsModel:
        model = MODELS[name](freeze_words=frozen)
        return model.fit(data, data, 2, Training(tmp_path, seed=3, trainer={"max_epochs": 1, "accelerator": "cpu"}))

    model = fit()
    table, start = (model.weights_[f"words.words.{name}"] for name in ("table.weight", "scale"))
    start = process.matrix_ * start
    assert np.array_equal(table, start) is frozen
    assert np.linalg.norm(table - start) < 0.5 * np.linalg.norm(start)
    together = model.predict_proba(data.features)
    np.testing.assert_array_equal(fit().predict_proba(data.features), together)
    alone = np.concatenate([model.predict_proba(data.features.take(np.array([row]))) for row in range(len(data))])
    np.testing.assert_allclose(alone, together, atol=1e-6)
    saved = tmp_path / "saved"
    saved.mkdir()
    model.save(saved)
    again = MODELS[name](freeze_words=frozen).load(saved)
    np.testing.assert_array_equal(again.predict_proba(data.features), together)


def test_what_an_unseen_word_is_like_decides(process: Tokens, data: Dataset, tmp_path: Path) -> None:
    model = MODELS["mlp"](freeze_words=True)
    model.fit(data, data, 2, Training(tmp_path, trainer={"max_epochs": 1, "accelerator": "cpu"}))
    frame = pd.concat([make_forms(1)[FIELDS]] * 3, ignore_index=True).assign(job=["infirmières", "☃☃☃", "couvreuses"])
    features = process.transform(frame)
    encoder = network_of(model).words
    from libelle.models.batches import make_batch

    batch = make_batch(features, np.arange(3))
    with torch.inference_mode():
        states = encoder(batch["words"], batch["word_offsets"], batch["unseen"])
    assert not torch.allclose(states[0], states[1])
    assert not torch.allclose(states[0], states[2])


def test_frozen_words_need_vectors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"process=tokens_fasttext"):
        full(tiny_plan(tmp_path, model=MODELS["mlp"](freeze_words=True)))
    assert not list(tmp_path.glob("store/runs/*"))  # refused before any work


def raw() -> pd.DataFrame:
    forms = make_forms(20, seed=9).drop(columns="label")
    forms.loc[0, "job"] = "infirmières"
    forms.loc[1, FIELDS] = None
    forms.loc[2, FIELDS] = ["☃", "☃☃", "☃☃☃"]
    return forms


@pytest.mark.parametrize("mode", ["full", "base"])
def test_the_whole_way(mode: str, tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path, process=tokens(), model=MODELS["mlp_fasttext"](freeze_words=True))
    if mode == "base":
        prepare(plan)
        outcome = train(tiny_plan(tmp_path, model=MODELS["mlp_fasttext"](freeze_words=True)))
    else:
        outcome = full(plan)
    loaded = Pipeline.load(outcome.run_id, plan.store)
    forms = make_forms()
    before, after = outcome.pipeline.predict(forms), loaded.predict(forms)
    np.testing.assert_allclose(before["score_1"], after["score_1"], atol=1e-6)
    run = Run.open(plan.store, RunId.parse(outcome.run_id))
    written = pd.read_parquet(plan.store.local_path(run.key("predictions.parquet")))
    at_runtime = after.set_index("id").loc[written["id"], "score_1"]
    np.testing.assert_allclose(at_runtime, written["score_1"], atol=1e-6)
    publish(plan.store, run, "forms", threshold=0.5)
    published = Pipeline.load("forms", plan.store).predict(raw())
    np.testing.assert_array_equal(published["score_1"], loaded.predict(raw())["score_1"])
    one_by_one = [loaded.predict(raw().iloc[[row]])["score_1"].item() for row in range(20)]
    np.testing.assert_allclose(published["score_1"], one_by_one, atol=1e-6)


def test_averages_by_hand_and_flags_where_there_is_nothing(tmp_path: Path) -> None:
    process = fitted(FastTextMean(vectors(), min_records=1), table(*texts(60)))
    values = ["chef du du", "chef ☃☃☃", "☃☃☃", "", None, "chef"]
    features = process.transform(table(*values))
    matrix = features.matrix["job"]
    assert matrix.dtype == np.float32
    (chef, du), _ = process.table_.lookup(["chef", "du"])
    np.testing.assert_allclose(matrix[0, :-FLAGS], (chef + 2 * du) / 3, atol=1e-6)
    np.testing.assert_allclose(matrix[[1, 5], :-FLAGS], [chef, chef], atol=1e-7)
    assert not matrix[2:5, :-FLAGS].any()
    assert matrix[2:5, -FLAGS:].tolist() == [[0, 0], [0, 1], [1, 0]]
    process.save(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}
    again = FastTextMean(vectors(), min_records=1).load(tmp_path)
    for text in values:
        np.testing.assert_allclose(
            again.transform(table(text)).matrix["job"], process.transform(table(text)).matrix["job"], atol=1e-7
        )
    np.testing.assert_array_equal(again.transform(table(*values)).matrix["job"], matrix)


def test_fields_are_averaged_apart() -> None:
    frame = pd.DataFrame({"job/é": ["chef", "maire"], "town": [None, None]}, dtype="str")
    features = fitted(FastTextMean(vectors(), min_records=1), frame).transform(frame)
    assert list(features.matrix) == ["job/é", "town"]
    assert features.matrix["job/é"].any(axis=1).all()
    assert not features.matrix["town"][:, :-FLAGS].any()
    assert FastTextMean.blocks == {"matrix"}
    assert features.words is features.bag is None


def test_no_word_is_kept_as_text_by_the_averages(tmp_path: Path) -> None:
    fitted(FastTextMean(vectors(), min_records=1), table(*texts(60))).save(tmp_path)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(word.encode() in content for word in WORDS if len(word) > 3)
    assert json.loads((tmp_path / "fields.json").read_text(encoding="utf-8")) == ["job"]

"""Bases: prepared once, read by many, replaced without disturbing anybody."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.ragged import flatten
from helpers.tiny import tiny_plan
from libelle.errors import UserError
from libelle.models.linear import LogisticRegression
from libelle.processes.tfidf import Tfidf
from libelle.samplers.rows import Oversample
from libelle.stores.local import LocalStore
from libelle.training.bases import read_base
from libelle.training.plan import Plan, Provenance
from libelle.training.workflow import check_base, full, prepare, train


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return tiny_plan(tmp_path)


def versions(plan: Plan, name: str = "based") -> list[str]:
    return list(plan.store.folders(f"based/{name}/"))


def predictions(plan: Plan, run_id: str) -> pd.DataFrame:
    (path,) = Path(plan.store.root).glob(f"runs/*/*/{run_id}.predictions.parquet")  # type: ignore[attr-defined]
    return pd.read_parquet(path)


def test_train_from_the_base_equals_a_full_run(plan: Plan, tmp_path: Path) -> None:
    whole = full(plan)
    prepare(tiny_plan(tmp_path))
    from_base = train(tiny_plan(tmp_path))
    pd.testing.assert_frame_equal(predictions(plan, whole.run_id), predictions(plan, from_base.run_id))
    assert whole.metrics == from_base.metrics


def test_the_base_holds_no_raw_record_and_no_pickle(plan: Plan) -> None:
    prepare(plan)
    files = {path.name for path in Path(plan.store.root).rglob("*") if path.is_file()}  # type: ignore[attr-defined]
    assert {Path(name).suffix for name in files} <= {".json", ".parquet", ".npy", ".safetensors"}


def test_features_come_back_as_they_were(plan: Plan, tmp_path: Path) -> None:
    prepare(plan)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    prepared = read_base(plan.store, "based", scratch).prepared
    texts = pd.DataFrame({name: ["lyon", None, ""] for name in prepared.fields}, dtype="str")
    encoded = prepared.process.transform(texts)
    words, bags = prepared.features.words, prepared.features.bag
    assert words is not None
    assert bags is not None
    assert encoded.matrix is prepared.features.matrix is None
    for data in (*words.values(), *bags.texts.values()):
        assert len(data) == len(prepared.rows)
        assert isinstance(data.ids, np.memmap)
    assert isinstance(bags.known.parts, np.memmap)


def test_readers_of_the_old_base_are_not_disturbed(plan: Plan, tmp_path: Path) -> None:
    old = prepare(plan)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    reading = read_base(plan.store, "based", scratch)
    new = prepare(tiny_plan(tmp_path))
    assert old != new
    assert versions(plan) == [new]
    data = reading.prepared.dataset("train")
    assert int(flatten(data.features.take(np.arange(len(data))).words["job"]).ids.sum()) > 0  # type: ignore[index]


def test_a_failed_prepare_leaves_the_old_base(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = prepare(plan)
    wrong = tiny_plan(tmp_path, source=replace(plan.source, target="nothing"))
    with pytest.raises(UserError, match="nothing"):
        prepare(wrong)
    put = LocalStore.put

    def die(self: LocalStore, key: str, data: bytes) -> None:
        if key.endswith("manifest.json"):
            raise KeyboardInterrupt
        put(self, key, data)

    monkeypatch.setattr(LocalStore, "put", die)
    with pytest.raises(KeyboardInterrupt):
        prepare(tiny_plan(tmp_path))
    monkeypatch.undo()
    pointer = json.loads(plan.store.get("based/based/current.json"))
    assert pointer["version"] == old
    assert train(tiny_plan(tmp_path)).value > 0


def test_bases_live_side_by_side(plan: Plan, tmp_path: Path) -> None:
    prepare(plan)
    other = tiny_plan(tmp_path, base_name="other")
    prepare(other)
    assert len(versions(plan)) == len(versions(plan, "other")) == 1


def test_a_base_that_the_model_does_not_go_with_is_said_to_be_the_wrong_one(plan: Plan, tmp_path: Path) -> None:
    prepare(plan)
    other = tiny_plan(tmp_path, process=Tfidf(), model=LogisticRegression())
    for refused in (train, check_base):
        with pytest.raises(UserError, match=r"process=tokens, .* model=logreg; .*process=tfidf with base"):
            refused(other)


def test_without_a_base_the_sentence_says_how_to_make_one(plan: Plan) -> None:
    with pytest.raises(UserError, match=r"mode=prepare base.name=mine"):
        train(replace(plan, base_name="mine"))


def test_an_altered_base_is_refused(plan: Plan, tmp_path: Path) -> None:
    prepare(plan)
    (path,) = Path(plan.store.root).glob("based/based/*/rows.parquet")  # type: ignore[attr-defined]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"rows\.parquet"):
        train(tiny_plan(tmp_path))


def test_what_was_typed_and_differs_is_refused(plan: Plan, tmp_path: Path) -> None:
    config = {"data": {"name": "tiny"}, "process": {"min_count": 2}}
    prepare(replace(plan, provenance=Provenance(config, options={"data": "csv", "process": "tokens"})))
    for typed, words in (
        ({"process.min_count": 3}, "process.min_count=3 differs"),
        ({"data": "bi"}, "data=bi differs"),
        ({"cleaner.accents": None}, None),
        ({"process.min_count": 2, "data": "csv"}, None),
    ):
        again = tiny_plan(tmp_path, provenance=Provenance(typed=typed))
        if words is None:
            assert train(again).value > 0
        else:
            with pytest.raises(UserError, match=words):
                train(again)


def test_samplers_touch_training_rows_alone(plan: Plan, tmp_path: Path) -> None:
    without = full(plan)
    with_sampler = full(tiny_plan(tmp_path, sampler=Oversample()))
    for split in ("train", "validation", "test"):
        assert with_sampler.metrics[split]["rows"] == without.metrics[split]["rows"]

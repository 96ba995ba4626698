"""The keys of Lightning's Trainer: each trains a whole run, or is refused before any work starts."""

import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from helpers.scripts import call
from helpers.tiny import make_forms
from libelle.pipeline import Pipeline
from libelle.runs.run_list import newest
from libelle.stores.local import LocalStore

#: Two batches an epoch, two epochs.
ARGUMENTS = (
    "data=csv", "data.path=forms.csv", "data.id=form", "data.columns=[employer,job,town]", "data.target=label",
    "trainer.max_epochs=2", "trainer.accelerator=cpu",
)  # fmt: skip
SMALL = ("model.hidden=[8]", "model.ngram_hidden=[8]", "model.word_dim=8", "model.ngram_dim=8")


@pytest.fixture
def train(tmp_path):
    make_forms().to_csv(tmp_path / "forms.csv", index=False)
    return lambda *keys: call("train.py", *ARGUMENTS, *keys, cwd=tmp_path)


@pytest.mark.parametrize(
    "keys",
    [
        "trainer.fast_dev_run=true",
        "trainer.num_sanity_val_steps=2",
        "trainer.val_check_interval=0.5",
        "trainer.val_check_interval=3 trainer.check_val_every_n_epoch=null trainer.max_epochs=3",
        "trainer.check_val_every_n_epoch=2",
        "trainer.max_epochs=-1 trainer.max_steps=4",
        "trainer.limit_train_batches=1",
        "trainer.precision=bf16-mixed",
        "trainer.precision=64-true",
        "trainer.max_epochs='2'",
        "+trainer.gradient_clip_algorithm=norm trainer.gradient_clip_val=1",
    ],
)
def test_a_key_that_works_ends_in_a_whole_run(train, tmp_path, keys):
    answer = train(*SMALL, *keys.split())
    assert answer.returncode == 0, answer.stderr
    store = LocalStore(str(tmp_path / "store"))
    run_id = newest(store)
    assert Pipeline.load(str(run_id), store).labels == ["0", "1"]  # replays the golden records
    folder = tmp_path / "store" / "runs" / str(run_id).replace("_", "/")
    scores = pd.read_parquet(folder / f"{run_id}.predictions.parquet")
    metrics = pd.read_json(folder / f"{run_id}.metrics.json", typ="series")
    for split, rows in scores.groupby("split"):
        expected = average_precision_score(rows["target"] == "1", rows["score_1"])
        assert metrics[split]["average_precision"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("+trainer.epochs=3", ["trainer.epochs", "max_epochs"]),
        ("trainer.max_epochs=abc", ["trainer.max_epochs=abc", "integer"]),
        ("trainer.max_epochs=-1", ["trainer.max_epochs=-1", "trainer.max_steps"]),
        ("trainer.max_epochs=0", ["trainer.max_epochs=0", "at least 1"]),
        ("trainer.max_steps=0", ["trainer.max_steps=0", "at least 1"]),
        ("trainer.accumulate_grad_batches=0", ["trainer.accumulate_grad_batches=0", "at least 1"]),
        ("trainer.limit_train_batches=0", ["trainer.limit_train_batches=0", "more than 0"]),
        ("trainer.limit_val_batches=0", ["trainer.limit_val_batches=0", "more than 0"]),
        ("trainer.limit_val_batches=0.0001", ["limit_val_batches", "trainer"]),
        ("trainer.overfit_batches=1", ["trainer.overfit_batches=1", "trainer.limit_train_batches"]),
        ("trainer.devices=2", ["trainer.devices=1"]),
        ("+trainer.strategy=ddp", ["trainer.devices=1", "trainer.strategy"]),
        ("trainer.accelerator=tpu", ["trainer", "tpu"]),
        ("trainer.precision=33", ["trainer.precision=33"]),
        ("trainer.max_time=abc", ["trainer", "abc", "DD:HH:MM:SS"]),
        ("trainer.profiler=abc", ["trainer", "profiler", "simple"]),
        ("trainer.max_steps=1", ["trainer.max_steps", "trainer.val_check_interval"]),
        ("trainer.check_val_every_n_epoch=5", ["trainer.max_epochs", "trainer.check_val_every_n_epoch"]),
        ("trainer.val_check_interval=1000", ["2 batches", "trainer.val_check_interval"]),
        ("+trainer.logger=true", ["trainer.logger", "the group logger"]),
        ("+trainer.callbacks=[]", ["trainer.callbacks", "the group callbacks"]),
        ("+trainer.default_root_dir=x", ["trainer.default_root_dir", "leave it out"]),
    ],
)
def test_a_key_that_does_not_is_refused_in_a_sentence(train, keys, words):
    answer = train(*SMALL, *keys.split())
    assert answer.returncode == 2, answer.stderr
    assert "Traceback" not in answer.stderr
    assert all(word in answer.stderr.splitlines()[-1] for word in words), answer.stderr


def test_a_refused_key_costs_no_run(train, tmp_path):
    assert train(*SMALL, "trainer.devices=2").returncode == 2
    assert not list((tmp_path / "store").rglob("*.json"))


def test_a_classical_model_asks_lightning_for_nothing(train):
    assert train("model=logreg", "trainer.devices=2").returncode == 0

"""The keys of Lightning's Trainer: each trains a whole run, or is refused before any work starts."""

from unittest.mock import Mock

import pandas as pd
import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import nn

from helpers.scripts import call
from helpers.tiny import make_forms
from libelle.models.base import Training
from libelle.models.lightning import Classifier
from libelle.models.lightning_trainer import make_trainer
from libelle.pipeline import Pipeline
from libelle.runs.run_list import newest
from libelle.stores.local import LocalStore

#: Two batches an epoch, two epochs.
DATA = ("data=csv", "data.path=forms.csv", "data.id=form", "data.columns=[employer,job,town]", "data.target=label")
TRAINER = ("trainer.max_epochs=2", "trainer.accelerator=cpu")
SMALL = ("model.batch_size=64", "model.hidden=[8]", "model.ngram_hidden=[8]", "model.word_dim=8", "model.ngram_dim=8")
no_gpu = pytest.mark.skipif(torch.accelerator.is_available(), reason="there is a GPU")


@pytest.fixture
def train(tmp_path):
    make_forms().to_csv(tmp_path / "forms.csv", index=False)
    return lambda *keys: call("train.py", *DATA, *TRAINER, *keys, cwd=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "keys",
    [
        "trainer.fast_dev_run=true",
        "trainer.num_sanity_val_steps=2",
        "trainer.val_check_interval=0.5",
        "trainer.val_check_interval=2",
        "trainer.check_val_every_n_epoch=2",
        "trainer.max_epochs=-1 trainer.max_steps=4",
        "trainer.limit_train_batches=1",
        "trainer.precision=bf16-mixed",
        "trainer.precision=64-true",
        "trainer.strategy=ddp",
        "trainer.max_epochs=null trainer.max_time=00:00:00:00",
        "trainer.max_epochs='2'",
        "trainer.gradient_clip_val=1",
        "trainer.gradient_clip_val=0.1 +trainer.gradient_clip_algorithm=value",
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
        ("trainer.max_epochs=abc", ["trainer.max_epochs=abc", "whole number"]),
        ("trainer.max_epochs=-1", ["trainer.max_epochs=-1", "trainer.max_steps"]),
        ("trainer.max_epochs=0", ["trainer.max_epochs=0", "at least 1"]),
        ("trainer.max_steps=0", ["trainer.max_steps=0", "at least 1"]),
        ("trainer.accumulate_grad_batches=0", ["trainer.accumulate_grad_batches=0", "at least 1"]),
        ("trainer.limit_train_batches=0", ["trainer.limit_train_batches=0", "more than 0"]),
        ("trainer.limit_val_batches=0", ["trainer.limit_val_batches=0", "more than 0"]),
        ("trainer.limit_val_batches=0.0001", ["limit_val_batches", "trainer"]),
        ("trainer.overfit_batches=1", ["trainer.overfit_batches=1", "trainer.limit_train_batches"]),
        ("trainer.devices=0", ["trainer", "devices=0"]),
        ("trainer.devices=10000", ["trainer.devices=10000", "GB"]),
        ("trainer.devices=2 trainer.strategy=fsdp", ["trainer.strategy=fsdp", "ddp"]),
        ("trainer.devices=2 +trainer.num_nodes=2", ["trainer.num_nodes", "one machine"]),
        pytest.param("trainer.accelerator=gpu trainer.precision=bf16-mixed", ["trainer.accelerator=gpu"], marks=no_gpu),
        ("trainer.accelerator=abc", ["trainer", "abc"]),
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


@pytest.mark.parametrize(
    ("rows", "keys", "epochs"),
    [
        (500, {}, 8),
        (20_000, {}, 5),
        (1_000_000, {}, 2),
        (1_000_000, {"max_epochs": 7}, 7),
        (500, {"max_steps": 9}, -1),
        (500, {"max_time": "00:00:01:00"}, 1000),
    ],
)
def test_larger_sets_have_fewer_epochs_unless_a_key_says_how_long(tmp_path, rows, keys, epochs):
    assert make_trainer(Training(tmp_path, trainer={"accelerator": "cpu", **keys}), rows).max_epochs == epochs


def test_a_refused_key_costs_no_run(train, tmp_path):
    assert train(*SMALL, "trainer.strategy=fsdp").returncode == 2
    assert not list((tmp_path / "store").rglob("*.json"))


@pytest.mark.parametrize("key", ["trainer.devices=2", "trainer.precision=bf16-mixed", "trainer.accelerator=gpu"])
def test_devices_for_a_classical_model_are_refused(tmp_path, key):
    make_forms().to_csv(tmp_path / "forms.csv", index=False)
    answer = call("train.py", *DATA, "model=naive_bayes", key, cwd=tmp_path)
    assert answer.returncode == 2
    assert f"{key} is for networks, and model=naive_bayes is none; leave it out" in answer.stderr
    assert not (tmp_path / "store").exists()


def test_a_classical_model_trains_where_what_was_typed_is_true_of_it_and_in_a_sweep_with_networks(tmp_path):
    make_forms().to_csv(tmp_path / "forms.csv", index=False)
    alone = call("train.py", *DATA, "model=naive_bayes", *TRAINER, "trainer.devices=1", cwd=tmp_path)
    assert alone.returncode == 0, alone.stderr
    both = call("train.py", "--multirun", *DATA, *TRAINER, "model=mlp,naive_bayes", cwd=tmp_path)
    assert both.returncode == 0, both.stderr


def test_sparse_gradients_are_clipped_with_the_dense_ones():
    dense, sparse = nn.Linear(1, 1, bias=False), nn.Embedding(5, 1, sparse=True)
    (4 * sparse(torch.tensor([2, 2, 3])).sum() + 3 * dense(torch.ones(1)).sum()).backward()  # 8, 4 and 3
    optimizer = torch.optim.SGD([*dense.parameters(), *sparse.parameters()], lr=1)
    Classifier.configure_gradient_clipping(Mock(), optimizer, 1.0, "norm")
    clipped = torch.cat([dense.weight.grad.flatten(), sparse.weight.grad.to_dense().flatten()])
    expected = torch.tensor([3.0, 0, 0, 8, 4, 0]) / 89**0.5
    torch.testing.assert_close(clipped, expected)

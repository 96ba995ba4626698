"""Training on several devices: one run, each row once an epoch, and what one device comes to."""

import json
import signal
import threading

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from torch.utils.data import BatchSampler, SequentialSampler

from helpers.place import run_file
from helpers.scripts import call, start
from helpers.tiny import make_forms
from libelle.errors import UserError
from libelle.features import Dataset, Features, Ragged
from libelle.models.bucketing import LengthBuckets
from libelle.models.devices import _failure
from libelle.models.handover import ERROR, Failure
from libelle.models.training_job import Batches

#: Whole commands, one after the other.
pytestmark = pytest.mark.slow

#: 84 training rows: the second batch has one, of which a rank has none.
TINY = [
    *("data=csv", "data.path=forms.csv", "data.id=form", "data.columns=employer,job,town", "data.target=label"),
    *("model.word_dim=8", "model.ngram_dim=8", "model.hidden=[8]", "model.ngram_hidden=[8]", "model.batch_size=83"),
    *("trainer.max_epochs=3", "trainer.accelerator=cpu"),
]
#: Without dropout, nothing is drawn but the order of the rows.
STILL = ["model.dropout=0", "model.word_dropout=0", "model.ngram_dropout=0", "model.optimizer.name=sgd"]
TWO = ["trainer.devices=2", "trainer.strategy=ddp"]
KILLER = ["+callbacks.killer._target_=helpers.ranks.Killer", "+callbacks.killer.marker=killed"]
SAME = ["pipeline/model/weights.safetensors", "predictions.parquet", "history.csv", "metrics.json"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    make_forms().to_csv(tmp_path / "forms.csv", index=False)
    return tmp_path


@pytest.fixture(scope="module")
def two_devices(tmp_path_factory):
    place = tmp_path_factory.mktemp("two")
    make_forms().to_csv(place / "forms.csv", index=False)
    return trained(place, *TINY, *TWO)


def trained(place, *arguments, number=1):
    answer = call("train.py", *arguments, cwd=place)
    assert answer.returncode == 0, answer.stderr
    assert len(list((place / "store" / "runs").glob("*/*/*.manifest.json"))) == number
    return place, run_of(place)


def run_of(place):
    *_, path = sorted((place / "store" / "runs").glob("*/*/*.manifest.json"))
    return path.name.removesuffix(".manifest.json")


def manifest_of(place):
    return json.loads(run_file(place, run_of(place), "manifest.json").read_text())


def children():
    return [child for child in psutil.Process().children(recursive=True) if "libelle.models.rank" in child.cmdline()]


def rows(count):
    """As many rows of a word or more; the target of each is its number."""
    index = np.arange(count, dtype=np.int32)
    words = Ragged(np.zeros(3 * count, np.int32), np.arange(0, 3 * count + 1, 3), 1, None, index)
    return Dataset(Features(count, words={"job": words}), np.arange(count), np.arange(count, dtype=np.float64))


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("padded", [True, False])
def test_each_epoch_has_every_row_once_over_all_ranks(ranks, padded):
    dataset = rows(10)
    order = BatchSampler(SequentialSampler(range(10)), 3, drop_last=False)
    if padded:
        order = LengthBuckets(dataset.features.lengths, 3, torch.Generator().manual_seed(1))
    for _ in range(2):
        batches = list(order)
        shares = [[Batches(dataset, rank, ranks)[batch] for batch in batches] for rank in range(ranks)]
        seen = [row for share in shares for _, targets in share for row in targets.tolist()]
        assert sorted(seen) == list(range(10))
        assert all(len(share) == 4 for share in shares)  # all ranks take part in each step
        for features, targets in (batch for share in shares for batch in share):
            assert len(features["word_offsets"]) > 1  # a row at least, for the network
            assert features["row_weights"].tolist() == targets.tolist()


def test_two_devices_learn_what_one_does(place):
    keys = [*TINY, *STILL, "model.optimizer.lr=0.1", "model.loss.class_weights=balanced", "model.wide_cost=0.5"]
    one = trained(place, *keys)
    two = trained(place, *keys, *TWO, number=2)
    scores = [pd.read_parquet(run_file(*run, "predictions.parquet")).set_index("id")["score_1"] for run in (one, two)]
    assert scores[1].to_numpy() == pytest.approx(scores[0].to_numpy(), abs=1e-5)
    history = [pd.read_csv(run_file(*run, "history.csv")) for run in (one, two)]
    for name in ("train_loss", "validation_loss", "validation_average_precision"):  # of a pool found by steps, too
        assert history[1][name].dropna().to_numpy() == pytest.approx(history[0][name].dropna().to_numpy(), abs=1e-4)
    assert "epoch=" not in run_file(*two, "log.txt").read_text()
    assert "process 2 of 2 said" in run_file(*two, "log.txt").read_text()
    assert list((place / "state" / "libelle" / "work").iterdir()) == children() == []


def test_the_process_that_failed_first_says_why(tmp_path):
    said = [UserError("callbacks.x is wrong; leave it out."), RuntimeError("Connection closed by peer")]
    for rank, (when, error) in enumerate([(2.0, said[1]), (1.0, said[0])]):
        Failure(when, error).write(tmp_path / ERROR.format(rank))
    assert str(_failure([1, 1], tmp_path)) == str(said[0])
    assert str(_failure([1, 1, -signal.SIGABRT], tmp_path)) == str(said[0])


def test_an_exception_that_cannot_be_handed_over_keeps_its_traceback(tmp_path):
    error = RuntimeError("no", threading.Lock())
    try:
        raise error
    except RuntimeError:
        Failure(1.0, error).write(tmp_path / "error")
    assert "test_devices.py" in "".join(Failure.read(tmp_path / "error").error.__notes__)


@pytest.mark.parametrize(("code", "words"), [(-signal.SIGKILL, "was killed (SIGKILL)"), (143, "ended with status 143")])
def test_a_process_that_died_without_a_word_is_named(tmp_path, code, words):
    Failure(1.0, RuntimeError("Connection closed by peer")).write(tmp_path / ERROR.format(0))
    error = _failure([1, code], tmp_path)
    assert f"trainer.devices=2: process 2 of 2 {words}" in str(error)
    assert isinstance(error, UserError)


def test_the_same_seed_and_devices_give_the_same_scores_also_where_a_process_is_killed(place, two_devices):
    answer = call("train.py", *TINY, *TWO, *KILLER, cwd=place)
    assert answer.returncode == 2
    assert "process 2 of 2 was killed (SIGTERM)" in answer.stderr.splitlines()[-1]
    assert f"resume={run_of(place)}" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert (manifest_of(place)["status"], children()) == ("failed", [])
    answer = call("train.py", f"resume={run_of(place)}", cwd=place)
    assert answer.returncode == 0, answer.stderr
    for name in SAME:
        assert run_file(place, run_of(place), name).read_bytes() == run_file(*two_devices, name).read_bytes(), name


def test_what_a_process_refuses_is_the_command_s_sentence(place):
    answer = call("train.py", *TINY, *TWO, "+callbacks.refuser._target_=helpers.ranks.Refuser", cwd=place)
    assert answer.returncode == 2
    assert answer.stderr.splitlines()[-1] == "callbacks.refuser refuses; leave it out."
    assert children() == []


@pytest.mark.parametrize(("by", "status"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 143)])
def test_all_processes_end_with_the_command(place, by, status):
    keys = [*TINY, *TWO, "trainer.max_epochs=10000", "callbacks.early_stopping.patience=10000"]
    with start("train.py", *keys, cwd=place) as command:
        while not (line := command.stderr.readline()).startswith("epoch 1 "):
            assert line, "the command ended"
        ranks = psutil.Process(command.pid).children(recursive=True)
        command.send_signal(by)
        gone, alive = psutil.wait_procs(ranks, timeout=60)
        assert (len(gone), alive) == (2, [])
        command.stderr.read()
        assert command.wait() == status


def test_a_sweep_trains_on_several_devices_and_prunes(place):
    # A rate of nearly zero learns nothing: its curve stays flat below the other's.
    sweep = ["tune=custom", "hydra.sweeper.max_trials=2", "model.optimizer.lr=0.02,1e-9", "model.wide=false"]
    early = ["pruning=median", "callbacks.pruning.startup_trials=1", "callbacks.pruning.warmup_epochs=1"]
    answer = call("train.py", *TINY, *TWO, *sweep, *early, "trainer.precision=bf16-mixed", cwd=place)
    assert answer.returncode == 0, answer.stderr
    found = [json.loads(path.read_text()) for path in sorted((place / "store" / "runs").glob("*/*/*.manifest.json"))]
    assert [(run["status"], run["trial"]) for run in found] == [("completed", 0), ("failed", 1)]
    assert "pruned after epoch" in found[1]["error"]


@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_an_encoder_is_tuned_on_several_devices(place, bert, tuning):
    keys = [*TINY[:5], *TINY[-2:], "model=pretrained", f"model.encoder={bert}", f"model.tuning={tuning}"]
    keys += ["process.max_length=64", "model.dropout=0", "model.optimizer.lr=1e-3"]
    two = trained(place, *keys, *TWO)
    answer = call("runtime.py", f"run_id={two[1]}", "text=MARTIN", "record.job=maçon", "format=json", cwd=place)
    assert answer.returncode == 0, answer.stderr

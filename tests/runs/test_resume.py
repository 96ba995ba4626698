"""A run that was killed is seen, goes on from its last epoch, and ends as if nothing had happened."""

import json
import signal

import pandas as pd
import pytest

from helpers.killing import killed_at
from helpers.place import run_file
from helpers.scripts import call
from helpers.tiny import make_forms

#: Whole commands, one after the other.
pytestmark = pytest.mark.slow

STATE = "libelle.models.checkpoints:EpochState"
TINY = [
    *("data=csv", "data.path=forms.csv", "data.id=form", "data.columns=employer,job,town", "data.target=label"),
    *("model.word_dim=8", "model.ngram_dim=8", "model.hidden=[8]", "trainer.max_epochs=3"),
]
CLASSICAL = [*TINY[:5], "model=naive_bayes"]
SAME = ["pipeline/model/weights.safetensors", "predictions.parquet", "history.csv", "metrics.json", "split.parquet"]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    place = tmp_path_factory.mktemp("uninterrupted")
    make_forms().to_csv(place / "forms.csv", index=False)
    answer = call("train.py", *TINY, cwd=place)
    assert answer.returncode == 0, answer.stderr
    return place, run_of(place)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    make_forms().to_csv(tmp_path / "forms.csv", index=False)
    return tmp_path


def run_of(place):
    (path,) = (place / "store" / "runs").glob("*/*/*.manifest.json")
    return path.name.removesuffix(".manifest.json")


def manifest_of(place):
    return json.loads(run_file(place, run_of(place), "manifest.json").read_text())


def state_files(place):
    return [path for path in (place / "state").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("step", "nth"),
    [
        pytest.param(f"{STATE}.on_train_start", 1, marks=pytest.mark.slow),
        (f"{STATE}.on_train_epoch_end", 2),
        pytest.param(f"{STATE}.on_train_epoch_start", 3, marks=pytest.mark.slow),
        pytest.param("libelle.training.run_files:keep", 1, marks=pytest.mark.slow),
        ("libelle.runs.sending:dispatch", 1),
    ],
)
def test_a_killed_run_resumes_and_ends_as_an_uninterrupted_one(place, uninterrupted, step, nth):
    there, whole = uninterrupted
    assert killed_at(step, nth, "train.py", *TINY, cwd=place).returncode == -signal.SIGKILL
    assert manifest_of(place)["status"] == "running"
    answer = call("train.py", f"resume={run_of(place)}", cwd=place)
    assert answer.returncode == 0, answer.stderr
    assert manifest_of(place)["status"] == "completed"
    for name in SAME:
        assert run_file(place, run_of(place), name).read_bytes() == run_file(there, whole, name).read_bytes(), name
    assert state_files(place) == []


def test_a_run_that_was_killed_is_shown_as_lost_with_the_command_that_resumes_it(place):
    killed_at("libelle.training.run_files:keep", 1, "train.py", *CLASSICAL, cwd=place)
    run_id = run_of(place)
    for verb in (["list"], ["list", "status=lost"], ["show", run_id]):
        answer = call("runs.py", *verb, cwd=place)
        assert "lost" in answer.stdout
        assert f"python train.py resume={run_id}" in answer.stdout
    assert call("runs.py", "list", "status=running", "format=json", cwd=place).stdout.strip() == "[]"
    assert call("train.py", f"resume={run_id}", cwd=place).returncode == 0
    assert json.loads(call("runs.py", "list", "format=json", cwd=place).stdout)[0]["status"] == "completed"


@pytest.mark.parametrize(("by", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize(
    ("arguments", "step"),
    [(CLASSICAL, "libelle.models.linear:NaiveBayes.fit"), (TINY, "libelle.models.lightning:Classifier.training_step")],
)
def test_a_signal_ends_a_run_of_any_model_as_interrupted_and_it_resumes(place, by, status, arguments, step):
    answer = killed_at(step, 1, "train.py", *arguments, cwd=place, by=by)
    assert answer.returncode == status, answer.stderr
    assert "Traceback" not in answer.stderr
    assert (manifest_of(place)["status"], manifest_of(place)["error"]) == ("failed", "interrupted")
    assert f"resume={run_of(place)}" in answer.stderr
    assert call("train.py", f"resume={run_of(place)}", cwd=place).returncode == 0
    assert (manifest_of(place)["status"], manifest_of(place)["error"]) == ("completed", None)


def test_a_run_from_a_base_resumes(place):
    assert call("train.py", "mode=prepare", *TINY, cwd=place).returncode == 0
    killed_at(f"{STATE}.on_train_epoch_start", 2, "train.py", "mode=train", *TINY[5:], cwd=place)
    answer = call("train.py", f"resume={run_of(place)}", cwd=place)
    assert answer.returncode == 0, answer.stderr
    assert manifest_of(place)["base"].startswith("based/")


def test_a_run_does_not_resume_on_other_records(place):
    killed_at("libelle.training.run_files:keep", 1, "train.py", *CLASSICAL, cwd=place)
    before = make_forms()
    make_forms(seed=2).to_csv(place / "forms.csv", index=False)
    answer = call("train.py", f"resume={run_of(place)}", cwd=place)
    assert answer.returncode == 2
    assert "records are not those" in answer.stderr
    before.to_csv(place / "forms.csv", index=False)
    assert call("train.py", f"resume={run_of(place)}", cwd=place).returncode == 0


def test_what_cannot_be_resumed_is_said_in_a_sentence(place, uninterrupted):
    there, whole = uninterrupted
    for arguments, said, where in (
        ([f"resume={whole}"], "is completed; there is nothing to resume", there),
        ([f"resume={whole}", "seed=2"], "leave out seed=2", there),
        ([f"resume={whole}", "--multirun"], "leave out --multirun", there),
        (["resume=abc"], "is not a run id", place),
        (["resume=2026-01-01_1"], "resume=2026-01-01_1 is not in the local store", place),
    ):
        answer = call("train.py", *arguments, cwd=where)
        assert answer.returncode == 2, answer.stderr
        assert said in answer.stderr
        assert "Traceback" not in answer.stderr


def test_on_another_machine_it_is_said_where_a_run_was_begun(place, monkeypatch):
    killed_at("libelle.training.run_files:keep", 1, "train.py", *CLASSICAL, cwd=place)
    path = run_file(place, run_of(place), "manifest.json")
    path.write_text(json.dumps({**manifest_of(place), "host": "elsewhere"}))
    monkeypatch.setenv("XDG_STATE_HOME", str(place / "other"))
    answer = call("train.py", f"resume={run_of(place)}", cwd=place)
    assert answer.returncode == 2
    assert "begun on the machine elsewhere" in answer.stderr


def test_checkpoints_hold_tensors_and_plain_values_alone(place):
    import torch

    killed_at(f"{STATE}.on_train_epoch_start", 2, "train.py", *TINY, cwd=place)
    (path,) = (place / "state").rglob("state.ckpt")
    assert torch.load(path, weights_only=True)["epoch"] == 0


def test_the_records_of_a_resumed_run_keep_their_splits(place, uninterrupted):
    there, whole = uninterrupted
    killed_at(f"{STATE}.on_train_epoch_start", 2, "train.py", *TINY, cwd=place)
    call("train.py", f"resume={run_of(place)}", cwd=place)
    tables = [pd.read_parquet(run_file(*where, "split.parquet")) for where in ((there, whole), (place, run_of(place)))]
    pd.testing.assert_frame_equal(*tables)

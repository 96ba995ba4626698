"""A job in its own process: it says that it is at work, and ends at once where another has its trial."""

import json
from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn
from omegaconf import OmegaConf

from helpers.sweep_folders import write_sweep
from hydra_plugins.hydra_hyperopt_sweeper._job import RecordedTask, read_result
from hydra_plugins.hydra_hyperopt_sweeper._slots import Slots


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sweep whose only trial was launched as job 10, and then again as job 11."""
    folder = write_sweep(tmp_path / "sweep", [{"overrides": {"lr": 0.1}, "status": "running"}])
    again = {"event": "launched", "trial": 0, "job": 11, "parameters": {}, "overrides": ["lr=0.1"]}
    with (folder / "trials.jsonl").open("a", encoding="utf-8") as ledger:
        ledger.write(json.dumps(again) + "\n")
    return folder


def run(folder: Path, job: int, monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr(HydraConfig, "get", lambda: OmegaConf.create({"job": {"num": job}}))
    return RecordedTask(lambda _: 1.0, folder / "trials")(OmegaConf.create({}))


def test_a_job_that_waited_in_a_queue_while_its_trial_was_launched_again_does_not_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RuntimeError, match="has launched this trial again, as job 11"):
        run(folder, 10, monkeypatch)
    assert read_result(folder / "trials", 10) is None


def test_the_last_job_of_a_trial_runs_and_leaves_nothing_but_its_result(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(folder, 11, monkeypatch) == 1.0
    assert [path.name for path in (folder / "trials").iterdir()] == ["11.json"]


def test_a_job_runs_where_the_ledger_cannot_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(tmp_path / "nowhere", 0, monkeypatch) == 1.0


def test_an_interrupted_job_interrupts_those_who_wait_for_all() -> None:
    def interrupted() -> list[JobReturn]:
        raise SystemExit(130)

    slots = Slots(2, lambda overrides, job: [], one_machine=True)
    slots.start(0, interrupted)
    with pytest.raises(SystemExit):
        slots.wait()

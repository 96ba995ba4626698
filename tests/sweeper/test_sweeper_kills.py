"""Sweeps in processes of their own, killed with SIGKILL in the middle of a job, and started again."""

from pathlib import Path

import pytest

from helpers.sweep_starts import start
from helpers.sweeping import read_ledger

#: Whole commands, one after the other.
pytestmark = pytest.mark.slow

SPACE = ["x=interval(0,1)", "n=range(1,4)", "hydra.sweeper.seed=3"]


def values(folder: Path) -> dict[int, float]:
    """The value of each trial; every trial has finished exactly once."""
    finished = [line for line in read_ledger(folder) if line["event"] == "finished"]
    assert len({line["trial"] for line in finished}) == len(finished)
    return {line["trial"]: line["value"] for line in finished}


def trial_by_job(folder: Path) -> dict[int, int]:
    return {line["job"]: line["trial"] for line in read_ledger(folder) if line["event"] == "launched"}


def test_a_killed_sweep_goes_on_to_what_it_would_have_been(tmp_path: Path) -> None:
    options = [*SPACE, "hydra.sweeper.max_trials=7", "hydra.sweeper.n_jobs=2"]
    options += ["hydra/sweeper/algorithm=tpe", "hydra.sweeper.algorithm.n_startup_jobs=3"]
    whole = tmp_path / "whole"
    assert start(whole, *options).returncode == 0

    killed = tmp_path / "killed"
    # Job 3 is the second of the batch (2, 3); resumed, its trial is job 4, and job 6 is killed in turn.
    assert start(killed, *options, KILL_AT="3").returncode == -9
    first = (killed / "0" / ".hydra" / "overrides.yaml").stat().st_mtime_ns
    assert start(killed, *options, KILL_AT="6").returncode == -9
    ended = start(killed, *options)
    assert ended.returncode == 0, ended.stderr

    assert values(killed) == values(whole)
    assert trial_by_job(killed) == {0: 0, 1: 1, 2: 2, 3: 3, 4: 3, 5: 4, 6: 5, 7: 5, 8: 6}
    assert (killed / "0" / ".hydra" / "overrides.yaml").stat().st_mtime_ns == first


def test_a_killed_grid_runs_every_point_once_more_only_where_it_was_unfinished(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    grid = ["x=0.1,0.2,0.3,0.4,0.5"]
    assert start(folder, *grid, KILL_AT="2").returncode == -9
    assert start(folder, *grid).returncode == 0
    assert sorted(values(folder)) == [0, 1, 2, 3, 4]
    assert trial_by_job(folder) == {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 2, 6: 3, 7: 4}


def test_a_ledger_cut_off_in_its_last_line_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    options = [*SPACE, "hydra.sweeper.max_trials=4"]
    start(folder, *options)
    whole = values(folder)
    ledger = folder / "trials.jsonl"
    content = ledger.read_bytes()
    # At every length within the last two lines: the result is in the job's own file, or the job was never announced.
    last = content.rstrip(b"\n").rfind(b"\n")
    ledger.write_bytes(content[: last + 20])
    assert start(folder, *options).returncode == 0
    assert values(folder) == whole
    ledger.write_bytes(ledger.read_bytes()[:30])
    assert start(folder, *options).returncode == 0
    assert len(values(folder)) == 4


def test_joblib_runs_trials_side_by_side_and_loses_none_to_a_kill(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    folder = tmp_path / "sweep"
    options = [*SPACE, "hydra.sweeper.max_trials=4", "hydra.sweeper.n_jobs=2", "hydra/launcher=joblib"]
    options += ["hydra.launcher.n_jobs=2"]
    assert start(folder, *options, KILL_AT="3", KILL_PARENT="1").returncode == -9
    before = {path.name for path in (folder / "trials").glob("*.json")}
    assert {"0.json", "1.json"} <= before
    ended = start(folder, *options)
    assert ended.returncode == 0, ended.stderr
    assert sorted(values(folder)) == [0, 1, 2, 3]
    points = {tuple(line["overrides"]) for line in read_ledger(folder) if line["event"] == "launched"}
    assert len(points) == 4


def test_a_worker_that_dies_costs_only_its_own_trial(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    folder = tmp_path / "sweep"
    options = ["n=1,2,3,4", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    ended = start(folder, *options, KILL_N="2")
    assert ended.returncode == 0, ended.stderr
    finished = {line["trial"]: line["status"] for line in read_ledger(folder) if line["event"] == "finished"}
    assert finished == {0: "completed", 1: "failed", 2: "completed", 3: "completed"}

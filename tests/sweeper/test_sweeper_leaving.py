"""Sweeps that are left alone: the terminal closes, the sweeper is killed while jobs go on, somebody else looks on."""

import os
import pty
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.sweep_starts import command, start, until
from helpers.sweeping import read_ledger

DETACHED = "hydra.sweeper.detach=true"
SUBMITIT = "hydra/launcher=submitit_local"


def launched(folder: Path) -> list[tuple[int, int]]:
    """Trial and job of each launch."""
    return [(line["trial"], line["job"]) for line in read_ledger(folder) if line["event"] == "launched"]


def statuses(folder: Path) -> dict[int, str]:
    return {line["trial"]: line["status"] for line in read_ledger(folder) if line["event"] == "finished"}


def at_work(folder: Path, job: int) -> Callable[[], bool]:
    return (folder / "trials" / f"{job}.lock").exists


def in_a_terminal(arguments: list[str], cwd: Path, environment: dict[str, str]) -> tuple[int, int]:
    """Run a command in a terminal of its own; its process, and the terminal, which closes with this descriptor."""
    process, terminal = pty.fork()
    if not process:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup, whoever runs the tests ignores it
        os.chdir(cwd)
        os.execve(arguments[0], arguments, os.environ | environment)
    return process, terminal


def test_a_sweep_goes_on_when_its_terminal_closes_and_the_same_command_collects_it(tmp_path: Path) -> None:
    folder, gate = tmp_path / "sweep", tmp_path / "gate"
    hold = {"HOLD_N": "1", "HOLD_UNTIL": "../gate"}
    options = ["n=1,2,3", "hydra/sweeper/algorithm=rand", DETACHED]
    process, terminal = in_a_terminal(command(folder, *options), tmp_path, hold)
    until(at_work(folder, 0), "the first job")
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGHUP
    gate.touch()

    ended = start(folder, *options)
    assert ended.returncode == 0, ended.stderr
    assert "following it" in ended.stderr or "3 completed" in ended.stderr
    assert launched(folder) == [(0, 0), (1, 1), (2, 2)]
    assert set(statuses(folder).values()) == {"completed"}
    assert "3 completed, of 3 trials" in (folder / "sweep.log").read_text(encoding="utf-8")


def test_a_detached_sweep_is_followed_to_its_end(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    ended = start(folder, "n=1,2", DETACHED)
    assert ended.returncode == 0, ended.stderr
    assert "the same command follows it" in ended.stderr
    assert "2 completed, of 2 trials" in ended.stderr
    assert statuses(folder) == {0: "completed", 1: "completed"}
    # With nothing left to do, it says so again.
    assert "2 completed, of 2 trials" in start(folder, "n=1,2", DETACHED).stderr


def test_a_detached_sweep_that_fails_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    ended = start(folder, "n=1,2", "x=a_text", DETACHED)
    assert ended.returncode == 1
    assert "The sweep ended with an error" in ended.stderr
    assert "All 2 trials have failed" in ended.stderr


@pytest.mark.slow
def test_a_second_start_follows_the_first_and_says_when_that_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    environment = os.environ | {"HOLD_N": "2", "HOLD_UNTIL": "../never"}
    first = subprocess.Popen(command(folder, "n=1,2"), env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL)
    until(at_work(folder, 1), "the second job")
    with (tmp_path / "said").open("w") as said:
        second = subprocess.Popen(command(folder, "n=1,2"), cwd=tmp_path, stderr=said)
    until(lambda: "following it" in (tmp_path / "said").read_text(), "the second start")
    other = start(folder, "n=1,2,3")
    assert "another one: n was choice(1, 2) and is choice(1, 2, 3)" in other.stderr
    first.kill()
    first.wait()
    assert second.wait(timeout=100) == 1
    assert "was ended before it was done; start it again to go on" in (tmp_path / "said").read_text()
    assert start(folder, "n=1,2").returncode == 0
    assert statuses(folder) == {0: "completed", 1: "completed"}


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_jobs_that_outlive_the_sweeper_are_waited_for_and_not_run_again(tmp_path: Path, n_jobs: int) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    folder, gate = tmp_path / "sweep", tmp_path / "gate"
    options = ["n=1,2", SUBMITIT, f"hydra.sweeper.n_jobs={n_jobs}"]
    environment = os.environ | {"HOLD_N": "1", "HOLD_UNTIL": "../gate"}
    with (tmp_path / "said").open("w") as said:
        first = subprocess.Popen(command(folder, *options), env=environment, cwd=tmp_path, stderr=said)
        until(at_work(folder, 0), "the first job")
        until((folder / "trials" / "1.json").exists, "the result of the other")
        first.kill()
        first.wait()
        assert 0 not in statuses(folder)
        second = subprocess.Popen(command(folder, *options), cwd=tmp_path, stderr=said)
        # It has the ledger: its name is in it.
        until(lambda: f"process {second.pid} " in (folder / "trials" / ".owner").read_text(), "the second start")
        gate.touch()
        assert second.wait(timeout=150) == 0, (tmp_path / "said").read_text()
    assert launched(folder) == [(0, 0), (1, 1)]
    assert statuses(folder) == {0: "completed", 1: "completed"}

"""Jobs side by side, through each launcher that runs them in processes of their own: none holds or harms another."""

import subprocess
from pathlib import Path

import pytest

from helpers.ray_nodes import two_nodes
from helpers.sweep_starts import command, start, until
from helpers.sweeping import read_ledger

RAY = ["hydra/launcher=ray", "hydra.launcher.ray.init.address=local", "+hydra.launcher.ray.init.num_cpus=2"]
LAUNCHERS = [
    pytest.param(["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"], id="joblib"),
    pytest.param(["hydra/launcher=submitit_local"], id="submitit_local", marks=pytest.mark.slow),
    pytest.param(RAY, id="ray", marks=pytest.mark.slow),
]


def events(folder: Path) -> list[tuple[str, int]]:
    return [(line["event"], line["trial"]) for line in read_ledger(folder)[1:]]


def launches(folder: Path) -> list[int]:
    return [trial for event, trial in events(folder) if event == "launched"]


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_slow_trial_and_one_whose_process_dies_hold_no_other(tmp_path: Path, launcher: list[str]) -> None:
    folder = tmp_path / "sweep"
    # Trial 0 ends once three others have; a batch of two would wait for it for ever.
    slow = {"HOLD_N": "1", "HOLD_UNTIL": "trials/*.json", "HOLD_COUNT": "3"}
    ended = start(folder, "n=1,2,3,4,5", "hydra.sweeper.n_jobs=2", *launcher, KILL_N="2", **slow)
    assert ended.returncode == 0, ended.stderr
    finished = {line["trial"]: line["status"] for line in read_ledger(folder) if line["event"] == "finished"}
    assert finished == {0: "completed", 1: "failed", 2: "completed", 3: "completed", 4: "completed"}
    # The one that died runs once more, and nothing else does.
    assert sorted(launches(folder)) == [0, 1, 1, 2, 3, 4]


@pytest.mark.slow
def test_a_search_takes_trials_in_flight_into_account(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    options = ["n=range(1,5)", "x=0.1,0.2", "hydra.sweeper.max_trials=7", "hydra.sweeper.seed=1"]
    options += ["hydra/sweeper/algorithm=tpe", "hydra.sweeper.algorithm.n_startup_jobs=2", "hydra.sweeper.n_jobs=3"]
    assert start(folder, *options, "hydra/launcher=joblib", "hydra.launcher.n_jobs=3").returncode == 0
    assert len({tuple(line["overrides"]) for line in read_ledger(folder) if line["event"] == "launched"}) == 7
    # Never more than three at a time, and after the first three one as each ends.
    running = 0
    for event, _ in events(folder):
        running += 1 if event == "launched" else -1
        assert running <= 3
    assert [event for event, _ in events(folder)][:3] == ["launched"] * 3


@pytest.mark.slow
def test_a_node_that_dies_costs_its_own_trial_alone_which_runs_again_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    folder, gate, said = tmp_path / "sweep", tmp_path / "gate", tmp_path / "said"
    # Jobs have the environment of the nodes, not that of the sweeper.
    monkeypatch.setenv("HOLD_N", "1,2")
    monkeypatch.setenv("HOLD_UNTIL", "../gate")
    with two_nodes() as (cluster, second), said.open("w") as output:
        options = ["n=1,2", "hydra.sweeper.n_jobs=2", RAY[0], f"hydra.launcher.ray.init.address={cluster.address}"]
        sweep = subprocess.Popen(command(folder, *options), cwd=tmp_path, stderr=output, stdout=output)
        # Not trials/.lock, which is the sweeper's own.
        until(lambda: len(list(folder.glob("trials/[0-9]*.lock"))) == 2, "two jobs", said)
        cluster.remove_node(second, allow_graceful=False)
        until(lambda: len(launches(folder)) == 3, "the launch of the one that died", said)
        gate.touch()
        assert sweep.wait(timeout=150) == 0, said.read_text()
    finished = {line["trial"]: line["status"] for line in read_ledger(folder) if line["event"] == "finished"}
    assert finished == {0: "completed", 1: "completed"}
    assert len(launches(folder)) == 3

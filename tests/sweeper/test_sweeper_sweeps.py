"""Whole sweeps in this process: what runs, what is recorded, when it ends."""

import sys
from pathlib import Path
from typing import Any

import pytest
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from hydra.plugins.launcher import Launcher
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from helpers.sweeping import Sweep, distance
from hydra_plugins.hydra_hyperopt_sweeper._override_values import encode
from hydra_plugins.hydra_hyperopt_sweeper.pruning import Trial, TrialPruned
from hydra_plugins.hydra_hyperopt_sweeper.sweep import DimensionRecord, SweepError, SweepRecord

ADAPTIVE = ["tpe", "anneal", "rand", "mix"]
SPACE = ["x=interval(0,1)", "n=range(1,4)"]


@pytest.mark.parametrize("algorithm", [*ADAPTIVE, "grid"])
def test_a_small_finite_space_is_run_whole_whatever_the_algorithm(sweep: Sweep, algorithm: str) -> None:
    swept = sweep(f"hydra/sweeper/algorithm={algorithm}", "x=0.1,0.2", "n=int(interval(1,3))")
    assert swept.overrides == [[f"x={x}", f"n={n}"] for x in (0.1, 0.2) for n in (1, 2, 3)]
    assert swept.results["best_overrides"] == ["x=0.2", "n=1"]


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ADAPTIVE)
def test_the_same_seed_gives_the_same_trials_also_after_a_resume(sweep: Sweep, algorithm: str) -> None:
    def run(total: int, folder: str, seed: int = 5) -> list[list[str]]:
        options = [f"hydra/sweeper/algorithm={algorithm}", f"hydra.sweeper.seed={seed}"]
        options += ["hydra.sweeper.algorithm.n_startup_jobs=3"] if algorithm == "tpe" else []
        return sweep(*SPACE, *options, f"hydra.sweeper.max_trials={total}", folder=folder).overrides

    whole = run(8, "whole")
    assert run(5, "parts") + run(8, "parts") == whole
    assert run(8, "parts") == []
    assert run(2, "other", seed=6) != whole[:2]


def test_a_sweep_without_a_seed_keeps_the_one_it_drew(sweep: Sweep) -> None:
    first = sweep(*SPACE, "hydra.sweeper.max_trials=3")
    seed = first.ledger[0]["seed"]
    rest = sweep(*SPACE, "hydra.sweeper.max_trials=6")
    whole = sweep(*SPACE, "hydra.sweeper.max_trials=6", f"hydra.sweeper.seed={seed}", folder="whole")
    assert first.overrides + rest.overrides == whole.overrides


def test_no_point_is_run_twice_while_there_are_others(sweep: Sweep) -> None:
    options = ["hydra.sweeper.max_trials=15", "hydra.sweeper.seed=1", "hydra.sweeper.algorithm.n_startup_jobs=3"]
    swept = sweep("x=range(0,4)", "n=range(0,4)", "hydra/sweeper/algorithm=tpe", *options)
    assert len({tuple(job) for job in swept.overrides}) == 15


@pytest.mark.slow
def test_parallel_suggestions_differ(sweep: Sweep) -> None:
    options = ["hydra.sweeper.n_jobs=4", "hydra.sweeper.max_trials=10", "hydra.sweeper.seed=1"]
    swept = sweep("x=range(0,100)", "hydra/sweeper/algorithm=tpe", "hydra.sweeper.algorithm.n_startup_jobs=2", *options)
    assert [len(batch) for batch in swept.batches] == [4, 4, 2]
    assert len({tuple(job) for job in swept.overrides}) == 10


def test_a_grid_is_launched_in_batches_of_n_jobs_where_they_are_asked_for(sweep: Sweep) -> None:
    assert [len(batch) for batch in sweep("n=range(0,5)", "hydra.sweeper.n_jobs=2").batches] == [2, 2, 1]


def test_a_glob_is_a_choice_of_the_groups_options(sweep: Sweep) -> None:
    assert sweep("model=glob(*)").overrides == [["model=mlp"], ["model=transformer"]]


def test_an_interrupt_ends_the_sweep_and_leaves_its_trial_in_flight(
    sweep: Sweep, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(config: DictConfig) -> float:
        if config.n == 2:
            raise KeyboardInterrupt if config.x else SystemExit(130)
        return float(config.n)

    for x in (0, 1):
        with pytest.raises((SystemExit, KeyboardInterrupt)):
            sweep(f"x={x}", "n=1,2", task=interrupted, folder=f"interrupted{x}")
        swept = sweep(f"x={x}", "n=1,2", folder=f"interrupted{x}")
        assert swept.overrides == [[f"x={x}", "n=2"]]
        assert swept.results["trials"] == {"completed": 2}
    said = capsys.readouterr().out
    assert "interrupted1 is not done; the same command goes on where it was" in said


def test_a_larger_grid_than_max_trials_stops_there_and_goes_on_later(sweep: Sweep) -> None:
    grid = ["hydra/sweeper/algorithm=grid", "n=range(0,5)"]
    assert sweep(*grid, "hydra.sweeper.max_trials=3").overrides == [["n=0"], ["n=1"], ["n=2"]]
    assert sweep(*grid, "hydra.sweeper.max_trials=9").overrides == [["n=3"], ["n=4"]]


@pytest.mark.slow
def test_conditional_parameters_are_in_the_jobs_that_chose_them(sweep: Sweep) -> None:
    swept = sweep("n=range(1,200)", "hydra.sweeper.max_trials=12", "hydra.sweeper.seed=1", config="conditional")
    assert {"model=mlp", "model=transformer"} == {job[0] for job in swept.overrides}
    for job in swept.jobs:
        keys = {line.partition("=")[0] for line in job.overrides or []}
        assert ("model.layers" in keys) == (job.cfg.model.get("layers") is not None)
        assert ("model.width" in keys) == (job.cfg.model.get("width") is not None)


def test_what_is_maximised(sweep: Sweep) -> None:
    swept = sweep("n=1,2,3", "hydra.sweeper.direction=maximize", task=lambda config: config.n)
    assert (swept.results["best_value"], swept.results["best_overrides"]) == (3.0, ["n=3"])


def failing(config: DictConfig) -> float:
    match config.n:
        case 1:
            raise ValueError("no luck")
        case 2:
            return float("nan")
        case 3:
            raise TimeoutError("too slow")
        case 4:
            sys.exit(1)
        case 5:
            return float("-inf")
        case 6:
            trial = Trial.current()
            assert trial is not None
            trial.report(0, 1.0)
            raise TrialPruned
        case _:
            return float(config.n)


def test_trials_that_fail_are_recorded_and_end_nothing(sweep: Sweep) -> None:
    swept = sweep("n=range(1,9)", task=failing)
    statuses = [line["status"] for line in swept.finished]
    assert statuses == ["failed", "nan", "timeout", "failed", "nan", "pruned", "completed", "completed"]
    assert "ValueError: no luck" in swept.finished[0]["error"]
    assert "no luck" in (swept.folder / "trials" / "0.json").read_text()
    assert swept.jobs[0].status is JobStatus.FAILED
    assert swept.results["best_value"] == 7.0
    assert swept.results["trials"] == {"failed": 2, "nan": 2, "timeout": 1, "pruned": 1, "completed": 2}


@pytest.mark.parametrize("algorithm", ADAPTIVE)
def test_the_search_goes_on_past_failures(sweep: Sweep, algorithm: str) -> None:
    def odd(config: DictConfig) -> float:
        if int(config.x * 1000) % 2:
            raise ValueError
        return distance(config)

    options = [f"hydra/sweeper/algorithm={algorithm}", "hydra.sweeper.seed=1", "hydra.sweeper.max_trials=12"]
    counts = sweep("x=interval(0,1)", *options, task=odd).results["trials"]
    assert counts["failed"] + counts["completed"] == 12
    assert counts["failed"] > 1


def test_no_number_is_a_failure_of_a_search_but_not_of_a_grid(sweep: Sweep) -> None:
    assert sweep("n=1,2", task=lambda config: None).results["trials"] == {"completed": 2}
    with pytest.raises(SweepError, match="All 3 trials have failed; the last: the job returned no number"):
        sweep("x=interval(0,1)", "hydra.sweeper.max_trials=3", task=lambda config: None, folder="search")


def test_too_many_failures_stop_the_sweep(sweep: Sweep, tmp_path: Path) -> None:
    options = ["x=interval(0,1)", "n=1", "hydra.sweeper.max_trials=10", "hydra.sweeper.max_failure_rate=0.2"]
    with pytest.raises(SweepError, match=r"3 of 10 trials have failed.*max_failure_rate=0.2.*no luck"):
        sweep(*options, task=failing)
    assert (tmp_path / "sweep" / "optimization_results.yaml").exists()


def test_a_threshold_ends_the_sweep(sweep: Sweep) -> None:
    swept = sweep("n=range(9,0,-1)", "hydra.sweeper.loss_threshold=5", task=lambda config: config.n)
    assert swept.results["best_value"] == 5.0


def test_a_threshold_ends_a_maximising_sweep(sweep: Sweep) -> None:
    options = ["hydra.sweeper.loss_threshold=5", "hydra.sweeper.direction=maximize"]
    assert sweep("n=range(1,9)", *options, task=lambda config: config.n).results["best_value"] == 5.0


def test_no_progress_ends_the_sweep(sweep: Sweep) -> None:
    swept = sweep("n=3,2,1,4,5,6,7", "hydra.sweeper.no_progress_stop=3", task=lambda config: config.n)
    assert [job[0] for job in swept.overrides] == ["n=3", "n=2", "n=1", "n=4", "n=5", "n=6"]


def test_a_space_in_params_can_be_typed_too(sweep: Sweep) -> None:
    swept = sweep("+hydra.sweeper.params.text=\"'a, b','c=d'\"", "+hydra.sweeper.params.n='2,3'")
    assert [(job.cfg.text, job.cfg.n) for job in swept.jobs] == [("a, b", 2), ("a, b", 3), ("c=d", 2), ("c=d", 3)]


def test_a_spent_time_budget_starts_nothing(sweep: Sweep) -> None:
    assert sweep(*SPACE, "hydra.sweeper.timeout=0").batches == []


def test_without_a_dimension_one_plain_job_runs(sweep: Sweep) -> None:
    swept = sweep("n=2", "text='a, b'")
    assert swept.overrides == [["n=2", "text='a, b'"]]
    assert (swept.folder / "multirun.yaml").exists()
    assert not (swept.folder / "trials.jsonl").exists()
    with pytest.raises(ValueError, match="no luck"):
        sweep("n=1", task=failing)
    assert sorted(path.name for path in swept.folder.iterdir() if path.is_dir()) == ["0", "1"]


def test_folders_that_are_there_are_not_overwritten(sweep: Sweep, tmp_path: Path) -> None:
    def where(config: DictConfig) -> float:
        trial = Trial.current()
        assert trial is not None
        assert trial.folder == tmp_path / "sweep"
        assert trial.job == trial.number() + 5
        return float(config.n)

    (tmp_path / "sweep" / "4").mkdir(parents=True)
    swept = sweep("n=1,2", task=where)
    assert swept.results["trials"] == {"completed": 2}
    assert [job.hydra_cfg.hydra.job.num for job in swept.jobs] == [5, 6]


def test_a_launch_that_breaks_costs_only_the_trial_that_broke_it(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    make_launcher = Plugins.instantiate_launcher

    def fragile(*args: Any, **kwargs: Any) -> Launcher:
        launcher = make_launcher(*args, **kwargs)
        whole = launcher.launch

        def launch(job_overrides: Any, initial_job_idx: int) -> Any:
            for index, overrides in enumerate(job_overrides):
                if overrides == ["n=2"]:
                    raise RuntimeError("worker killed")
                whole([overrides], initial_job_idx=initial_job_idx + index)
            return []

        monkeypatch.setattr(launcher, "launch", launch)
        return launcher

    monkeypatch.setattr(Plugins, "instantiate_launcher", fragile)
    swept = sweep("n=1,2,3")
    assert {line["trial"]: line["status"] for line in swept.finished} == {0: "completed", 1: "failed", 2: "completed"}
    assert "worker killed" in next(line["error"] for line in swept.finished if line["trial"] == 1)
    jobs = [line["job"] for line in swept.ledger if line["event"] == "launched"]
    assert jobs == sorted(set(jobs))


def test_results_come_through_a_launcher_that_shares_no_folder(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hydra_plugins.hydra_hyperopt_sweeper._job._write", lambda *_: None)
    swept = sweep("n=range(1,9)", task=failing)
    statuses = [line["status"] for line in swept.finished]
    assert statuses == ["failed", "nan", "timeout", "failed", "nan", "pruned", "completed", "completed"]


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text().filter(lambda text: "${" not in text), min_size=4, max_size=8, unique=True))
def test_strings_arrive_in_the_job_exactly_as_written(
    sweep: Sweep, tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    arrived = []
    choices = "text=" + ",".join(encode(text) if text else "''" for text in texts)
    folder = str(tmp_path_factory.mktemp("strings"))
    sweep(choices, task=lambda config: arrived.append(config.text), folder=folder)
    expected = [text for text in texts if text != "???"]
    assert arrived == expected


def test_the_folder_says_what_the_sweep_was(sweep: Sweep) -> None:
    space = ["x=tag(log,interval(0.1,1))", "n=range(1,4)", "+o=tag('n=2',choice(a,'b, c'))"]
    swept = sweep(*space, "hydra.sweeper.max_trials=2", "hydra.sweeper.objective=loss")
    header = SweepRecord.read(swept.folder).header
    assert header.space == [
        DimensionRecord("x", [], "tag(log, interval(0.1, 1.0))", "log"),
        DimensionRecord("n", [], "range(1, 4, 1)", "linear"),
        DimensionRecord("+o", ["n=2"], "choice(a, 'b, c')", None, ["a", "'b, c'"]),
    ]
    assert (header.direction, header.objective) == ("minimize", "loss")
    assert OmegaConf.load(swept.folder / "multirun.yaml").hydra.overrides.task == space
    best = min(swept.finished, key=lambda line: line["value"])
    assert swept.results["best_trial"] == best["trial"]
    assert swept.results["best_overrides"] == swept.overrides[best["trial"]]


def test_the_table_shows_the_five_best(sweep: Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    sweep("n=range(1,8)", "x=0.3", "hydra.sweeper.objective=loss")
    shown = capsys.readouterr().err
    assert "7 completed, of 7 trials" in shown
    assert [f"n={n} " in shown for n in range(1, 8)] == [True] * 5 + [False] * 2

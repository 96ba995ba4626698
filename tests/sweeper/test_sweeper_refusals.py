"""Sweeps that are refused, each before its first job and with a sentence that shows what is wrong."""

import errno
import fcntl
import sys
from pathlib import Path

import pytest

from helpers.sweeping import Sweep
from hydra_plugins.hydra_hyperopt_sweeper.sweep import SweepError

SPACE = ["x=interval(0,1)", "n=range(1,4)"]


def test_a_grid_of_a_continuous_space_is_refused(sweep: Sweep) -> None:
    with pytest.raises(SweepError, match=r"x=interval\(0,1\)"):
        sweep("hydra/sweeper/algorithm=grid", "x=interval(0,1)")


def test_another_space_direction_objective_or_seed_is_refused(sweep: Sweep) -> None:
    options = ["hydra.sweeper.max_trials=2", "hydra.sweeper.seed=1"]
    sweep(*SPACE, *options)
    for changed, said in [
        (["x=interval(0,2)", "n=range(1,4)", *options], r"x was interval\(0.0, 1.0\) and is interval\(0.0, 2.0\)"),
        (["x=interval(0,1)", *options], "n was range.* and is not searched"),
        ([*SPACE, *options, "text=a"], "text=a was not set and is"),
        ([*SPACE, *options, "hydra.sweeper.direction=maximize"], "direction was minimize and is maximize"),
        ([*SPACE, *options, "hydra.sweeper.objective=loss"], "objective was None and is loss"),
        ([*SPACE, options[0], "hydra.sweeper.seed=2"], "seed was 1 and is 2"),
    ]:
        with pytest.raises(SweepError, match=said):
            sweep(*changed)


def test_a_named_objective_leaves_other_overrides_free(sweep: Sweep) -> None:
    named = [*SPACE, "hydra.sweeper.objective=distance"]
    sweep(*named, "hydra.sweeper.max_trials=1", "text=a")
    assert len(sweep(*named, "hydra.sweeper.max_trials=2", "text=b").jobs) == 1


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("nothing=interval(0,1)", "nothing=interval"),
        ("model=mlp,transfromer", "model=mlp,transfromer"),
        ("group=a,b", "group=a,b"),
        ("x.deeper=1,2", "x.deeper=1,2"),
        ("hydra.sweeper.n_jobs=0", "n_jobs=0"),
        ("hydra.sweeper.direction=up", "direction=up"),
        ("hydra.sweeper.seed=-1", "seed=-1"),
        ("hydra.sweeper.timeout=-1", "timeout=-1"),
        ("hydra.sweeper.max_failure_rate=1.5", "max_failure_rate=1.5"),
        ("hydra.sweeper.algorithm.gamma=0", "gamma=0"),
        ("hydra.sweeper.algorithm.n_EI_candidates=0", "n_EI_candidates=0"),
    ],
)
def test_a_mistake_stops_before_the_first_job(sweep: Sweep, tmp_path: Path, override: str, said: str) -> None:
    with pytest.raises(SweepError) as refused:
        sweep("n=1,2", "hydra/sweeper/algorithm=tpe", override)
    assert said in str(refused.value)
    assert not (tmp_path / "sweep" / "0").exists()


def test_a_conditional_key_that_no_config_has_stops_before_the_first_job(sweep: Sweep, tmp_path: Path) -> None:
    with pytest.raises(SweepError, match=r"model\.depth"):
        sweep("model=mlp,transformer", "x=interval(0,1)", "model.depth=tag('model=transformer',range(1,3))")
    assert not (tmp_path / "sweep" / "0").exists()


def test_without_hyperopt_a_sentence_names_what_to_install(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hyperopt", None)
    monkeypatch.delitem(sys.modules, "hydra_plugins.hydra_hyperopt_sweeper._suggestion", raising=False)
    with pytest.raises(SweepError, match=r"pip install 'libelle\[sweeper\]'"):
        sweep(*SPACE)


def test_a_folder_that_cannot_be_locked_is_refused(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", no_locks)
    with pytest.raises(SweepError, match=r"cannot be locked \(No locks available\); choose a hydra.sweep.dir"):
        sweep("n=1,2")

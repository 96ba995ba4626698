"""The pruning rules, and curves on disk."""

import math
from pathlib import Path

import pytest
from omegaconf import DictConfig

from helpers.sweeping import Sweep
from hydra_plugins.hydra_hyperopt_sweeper.pruning import (
    Trial,
    TrialPruned,
    outside_top_of_rung,
    read_curve,
    worse_than_median,
)

FINISHED = [{0: value, 1: value / 2} for value in (1.0, 2.0, 3.0, 4.0, 5.0)]


@pytest.mark.parametrize(
    ("curve", "direction", "expected"),
    [
        ({0: 2.9}, "minimize", False),
        ({0: 3.0}, "minimize", False),
        ({0: 3.1}, "minimize", True),
        ({0: 3.1}, "maximize", False),
        ({0: 2.9}, "maximize", True),
        # The best so far counts, so that one bad epoch costs nothing.
        ({0: 1.0, 1: 9.0}, "minimize", False),
        ({0: 9.0, 1: 9.0}, "minimize", True),
        ({0: 1.0, 1: math.nan}, "minimize", True),
        # Nobody else has come this far.
        ({7: 99.0}, "minimize", False),
    ],
)
def test_the_median_rule(curve: dict[int, float], direction: str, expected: bool) -> None:
    assert worse_than_median(curve, FINISHED, direction=direction) is expected


def test_the_median_rule_waits() -> None:
    assert not worse_than_median({0: 99.0}, FINISHED[:4])
    assert worse_than_median({0: 99.0}, FINISHED[:4], startup_trials=4)
    assert not worse_than_median({1: 99.0}, FINISHED, warmup_steps=2)


@pytest.mark.parametrize(
    ("mine", "others", "expected"),
    [
        (1.0, [], False),
        (2.0, [1.0], True),
        (1.0, [2.0], False),
        (2.0, [1.0, 3.0], True),
        (2.0, [1.0, 3.0, 4.0, 5.0, 6.0], False),
        (3.5, [1.0, 3.0, 4.0, 5.0, 6.0], True),
        (math.nan, [1.0], True),
    ],
)
def test_successive_halving_at_a_rung(mine: float, others: list[float], expected: bool) -> None:
    curves = [{0: other} for other in others]
    assert outside_top_of_rung({0: mine}, curves) is expected


def test_successive_halving_decides_only_at_rungs() -> None:
    best = [dict.fromkeys(range(9), 0.0)]
    decided = [
        step + 1 for step in range(9) if outside_top_of_rung(dict.fromkeys(range(step + 1), 1.0), best, min_resource=1)
    ]
    assert decided == [1, 3, 9]


@pytest.mark.parametrize("rungs", [{"reduction_factor": 1}, {"min_resource": 0}])
def test_rungs_that_would_never_end_are_refused(rungs: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be at least 1 and 2"):
        outside_top_of_rung({0: 1.0, 1: 1.0}, [], **rungs)


def test_a_curve_survives_being_cut_off(tmp_path: Path) -> None:
    trial = Trial(tmp_path / "trials" / "3")
    assert trial.curve() == {}
    trial.report(0, 1.5)
    trial.report(1, math.nan)
    with (tmp_path / "trials" / "3.curve.jsonl").open("a") as file:
        file.write('{"step": 2, "va')
    assert trial.job == 3
    assert trial.curve()[0] == 1.5
    assert math.isnan(trial.curve()[1])
    assert len(trial.curve()) == 2


def test_outside_a_sweep_there_is_no_trial() -> None:
    assert Trial.current() is None


def test_a_sweep_prunes_bad_trials(sweep: Sweep) -> None:
    def train(config: DictConfig) -> float:
        trial = Trial.current()
        assert trial is not None
        for step in range(4):
            trial.report(step, config.n / (step + 1))
            if worse_than_median(trial.curve(), trial.finished_curves(), startup_trials=3):
                raise TrialPruned
        return float(config.n)

    swept = sweep("n=3,2,4,1,9,8", task=train)
    assert swept.results["trials"] == {"completed": 4, "pruned": 2}
    assert len(read_curve(swept.folder / "trials" / "3")) == 4
    assert len(read_curve(swept.folder / "trials" / "4")) == 1

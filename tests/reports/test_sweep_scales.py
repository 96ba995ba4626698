"""What the figures of a sweep show, and where."""

import math

import pytest

from hydra_plugins.hydra_hyperopt_sweeper.sweep import TrialRecord
from libelle.reports.sweep_scales import limits, ticks, working_time
from libelle.tuning.sweep import Parameter


def test_ticks_are_round() -> None:
    lr = Parameter("lr", {}, [], log=True)
    assert ticks(lr, -5, -1) == [(-5, "1e-05"), (-4, "0.0001"), (-3, "0.001"), (-2, "0.01"), (-1, "0.1")]
    assert [label for _, label in ticks(lr, math.log10(30), math.log10(600))] == ["50", "100", "200", "500"]
    assert [label for _, label in ticks(Parameter("x", {}, []), 0.0, 1.0)] == "0 0.2 0.4 0.6 0.8 1".split()
    assert [label for _, label in ticks(Parameter("n", {}, [], whole=True), 2.0, 4.0)] == ["2", "3", "4"]


def test_one_diverged_trial_does_not_flatten_the_others() -> None:
    values = [0.1, 0.2, 0.3, 0.4, 1e9]
    assert limits(values, "minimize") == pytest.approx((0.1, 0.4 + 3 * 0.2))
    assert limits([-value for value in values], "maximize") == pytest.approx((-1.0, -0.1))
    assert limits([1.0, 1.0], "minimize") == (1.0, 1.0)


def test_pauses_of_a_sweep_do_not_count() -> None:
    times = [(100.0, 10.0), (105.0, 10.0), (1000.0, 5.0), (2000.0, 1.0)]
    trials = [TrialRecord(n, {}, [], started=started, seconds=seconds) for n, (started, seconds) in enumerate(times)]
    assert working_time([*trials, TrialRecord(4, {}, [])]) == {0: 10.0, 1: 15.0, 2: 20.0, 3: 21.0}

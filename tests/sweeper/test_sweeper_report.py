"""What the sweeper writes is what libelle's report reads."""

from typing import Any

from omegaconf import DictConfig

from helpers.sweeping import Sweep, distance
from hydra_plugins.hydra_hyperopt_sweeper.pruning import Trial, TrialPruned
from libelle.reports.sweep_report import write_report
from libelle.tuning.sweep import Sweep as ReadSweep


def report_and_leave(config: DictConfig) -> Any:
    trial = Trial.current()
    assert trial is not None
    trial.report(0, float(config.x))
    if trial.job == 3:
        raise TrialPruned
    if trial.job == 4:
        raise ValueError("l'été, « <b> »")
    return distance(config)


def test_a_sweep_of_the_sweeper_is_read_as_it_was(sweep: Sweep) -> None:
    swept = sweep(
        "x=interval(0,1)",
        "n=1,2",
        "+o=tag(log,'n=1',interval(1e-3,1))",
        "text='a, b'",
        "hydra.sweeper.max_trials=8",
        "hydra.sweeper.objective=distance",
        task=report_and_leave,
    )
    read = ReadSweep.read(swept.folder)
    assert (read.header.objective, read.header.direction, read.header.fixed) == (
        "distance",
        "minimize",
        ["text='a, b'"],
    )
    assert read.best is not None
    assert read.best.overrides == swept.results["best_overrides"]
    assert read.best.value == swept.results["best_value"]
    assert [trial.overrides for trial in read.trials] == swept.overrides
    assert read.counts == {"completed": 6, "pruned": 1, "failed": 1}
    assert [trial.error for trial in read.trials if trial.error] == ["ValueError: l'été, « <b> »"]
    assert read.curve(read.trials[3]) == {0: float(read.trials[3].settings["x"])}
    assert all(trial.started and trial.seconds is not None for trial in read.trials)
    keys = [(p.key, bool(p.categories), p.log, [*p.spaces]) for p in read.parameters]
    assert keys == [("x", False, False, [""]), ("n", True, False, [""]), ("+o", False, True, ["n=1"])]
    assert "l&#39;été, « &lt;b&gt; »" in write_report(swept.folder).read_text(encoding="utf-8")

"""Stopping a trial early: its curve, the curves of the trials before it, and two rules to compare them.

Inside a job of a sweep:

    trial = pruning.Trial.current()  # None outside a sweep
    trial.report(step=epoch, value=validation_loss)
    if worse_than_median(trial.curve(), trial.finished_curves(), direction="minimize"):
        raise TrialPruned

Curves are files in the sweep folder, beside the results, so every process and machine that shares the folder
sees them. Hyperopt hears of a pruned trial as a failure, not of its last value as a loss: what a curve
follows (say the validation loss) is seldom what the sweep optimises, and a value of one scale among losses of
another would mislead the search for good. Its imports are light: `pruning`, which Hydra loads in every program,
exports what is here.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ._ledger_reader import SweepRecord, curve_path, read_curve

#: Environment variable of a job: the path of its files in the sweep folder, without their endings.
VARIABLE = "HYDRA_HYPEROPT_TRIAL"

#: Intermediate values of a trial by step.
Curve = Mapping[int, float]


class TrialPruned(Exception):  # noqa: N818 - an outcome, not an error
    """Raised in a job to end it early; the trial's status becomes `pruned`."""


@dataclass(frozen=True)
class Trial:
    """The trial that this process runs: where it reports its curve and reads those of others.

    Attributes:
        stem: the path of the job's files in the sweep folder, without their endings.
    """

    stem: Path

    @classmethod
    def current(cls) -> "Trial | None":
        """The trial of the running job, also in the processes it starts; None outside a hyperopt sweep."""
        stem = os.environ.get(VARIABLE)
        return cls(Path(stem)) if stem else None

    @property
    def job(self) -> int:
        """Number of the job that runs the trial, `hydra.job.num`."""
        return int(self.stem.name)

    @property
    def folder(self) -> Path:
        """The sweep folder, `hydra.sweep.dir`."""
        return self.stem.parent.parent

    def number(self) -> int:
        """Number of the trial in the sweep: another than the job's where a trial was run again after a kill."""
        trials = SweepRecord.read(self.folder).trials
        return next(trial.number for trial in trials if self.job in trial.jobs)

    def report(self, step: int, value: float) -> None:
        """Add a point to the trial's curve; a step reported twice keeps its last value."""
        self.stem.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"step": int(step), "value": float(value) if math.isfinite(value) else None})
        with curve_path(self.stem).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def curve(self) -> dict[int, float]:
        """What this trial has reported so far, by step."""
        return read_curve(self.stem)

    def finished_curves(self, statuses: Iterable[str] = ("completed",)) -> list[dict[int, float]]:
        """The curves of the sweep's trials that ended with one of `statuses`."""
        wanted = set(statuses)
        results = sorted(self.stem.parent.glob("*.json"))
        done = [path for path in results if json.loads(path.read_text(encoding="utf-8"))["status"] in wanted]
        return [read_curve(path.with_suffix("")) for path in done if path.stem != self.stem.name]


def worse_than_median(
    curve: Curve,
    finished: Iterable[Curve],
    *,
    direction: str = "minimize",
    startup_trials: int = 5,
    warmup_steps: int = 0,
) -> bool:
    """The median stopping rule (Golovin et al., 2017, Google Vizier).

    Args:
        curve: of the trial in question; not empty.
        finished: the curves to compare it with.
        direction: `minimize` or `maximize`.
        startup_trials: least number of values to compare with.
        warmup_steps: the first step at which a trial may be stopped.

    Returns:
        Whether the best value of `curve` so far is worse than the median of the others' values at its last step, where
        a last value that is not a number is worse than any; False before `warmup_steps`, and with fewer others than
        `startup_trials`.
    """
    step = max(curve)
    if step < warmup_steps:
        return False
    losses = _losses(curve, direction)
    others = [_losses(other, direction)[step] for other in finished if step in other]
    if len(others) < max(startup_trials, 1):
        return False
    return losses[step] == math.inf or min(losses.values()) > median(others)


def outside_top_of_rung(
    curve: Curve,
    finished: Iterable[Curve],
    *,
    direction: str = "minimize",
    min_resource: int = 1,
    reduction_factor: int = 3,
) -> bool:
    """Asynchronous successive halving (Li et al., 2020, ASHA).

    Rungs lie `min_resource * reduction_factor**k` reported points into a trial.

    Args:
        curve: of the trial in question; not empty.
        finished: the curves to compare it with, those of pruned trials too: a rung compares all that came as far.
        direction: `minimize` or `maximize`.
        min_resource: reported points up to the first rung.
        reduction_factor: one in this many goes on past a rung.

    Returns:
        At a rung, whether the trial's value there is not among the best 1/`reduction_factor` of all the values known
        at it, its own included; between rungs False.

    Raises:
        ValueError: when rungs would not lie further and further apart.
    """
    if min_resource < 1 or reduction_factor < 2:
        raise ValueError(
            f"min_resource={min_resource} and reduction_factor={reduction_factor} must be at least 1 and 2."
        )
    if not _is_rung(len(curve), min_resource, reduction_factor):
        return False
    step = max(curve)
    mine = _losses(curve, direction)[step]
    others = [_losses(other, direction)[step] for other in finished if step in other]
    kept = (len(others) + 1) // reduction_factor
    # Until a rung has `reduction_factor` trials, none can be in its top part: the best so far goes on.
    better = sum(other < mine for other in others)
    return mine == math.inf or better >= max(kept, 1)


def _is_rung(reported: int, min_resource: int, reduction_factor: int) -> bool:
    rung = min_resource
    while rung < reported:
        rung *= reduction_factor
    return rung == reported


def _losses(curve: Curve, direction: str) -> dict[int, float]:
    """The curve as losses: smaller is better, and what is no number is worst."""
    sign = -1 if direction == "maximize" else 1
    return {step: math.inf if math.isnan(value) else sign * value for step, value in curve.items()}

"""Reading a sweep folder: the ledger `trials.jsonl`, and the curves that jobs leave in the folder `trials`.

The ledger holds one JSON object a line. The first line says what the sweep is, a `launched` line which job runs which
trial, a `finished` line how a trial ended. `_ledger` writes it; `sweep` exports what is here.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import ConfigDict, Field, TypeAdapter

from ._errors import SweepError
from ._ledger_lines import CLOSED, LINE, POINT, Finished, Launched, checked, unknown

COMPLETED, PRUNED, RUNNING = "completed", "pruned", "running"
FAILED, NAN, TIMEOUT = "failed", "nan", "timeout"
#: The statuses of a trial that raised, gave no finite number or took too long.
FAILURES = (FAILED, NAN, TIMEOUT)

#: The ledger's name in the sweep folder, and that of the folder in which jobs leave results and curves.
LEDGER, RESULTS = "trials.jsonl", "trials"


@dataclass
class TrialRecord:
    """One point of the space: numbered in the order of suggestion, run by one job or, after kills, several.

    Attributes:
        number: its number in the sweep.
        parameters: hyperopt's number for each dimension that the trial has, by the dimension's label.
        overrides: all overrides of its jobs, those that are the same in every trial included.
        jobs: the jobs that ran it.
        finished_by: the job that gave the result.
        status: `running` until there is a result.
        value: what the job returned; None unless the status is `completed`.
        error: why it failed.
        started: seconds since the epoch; None where the job left no result in the sweep folder.
        seconds: how long the job took; None where `started` is.
    """

    number: int
    parameters: dict[str, Any]
    overrides: list[str]
    jobs: list[int] = field(default_factory=list)
    finished_by: int | None = None
    status: str = RUNNING
    value: float | None = None
    error: str | None = None
    started: float | None = None
    seconds: float | None = None

    @cached_property
    def settings(self) -> dict[str, str]:
        """The value of each override as it is written, by its key; a deletion (`~key`) has an empty one."""
        return {key: value for key, _, value in (override.partition("=") for override in self.overrides)}


@dataclass(frozen=True)
class DimensionRecord:
    """One searched key under one set of conditions.

    Attributes:
        key: the override's key as typed (`+a`, `group@package`).
        conditions: what must hold in a trial that has the dimension, each `NAME=VALUE,VALUE`; empty for all trials.
        distribution: what is drawn, as people write it.
        scale: `linear` or `log` for values on a line; None for a choice, which has no order.
        options: the values of a choice as they are written in an override; None where there is a scale.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED

    key: str
    conditions: list[str]
    distribution: str
    scale: str | None
    options: list[str] | None = None

    @property
    def label(self) -> str:
        """Hyperopt's name of the dimension."""
        return label(self.key, self.conditions)


@dataclass(frozen=True)
class Header:
    """What a sweep is about, which must not change while it goes on.

    Attributes:
        space: what is searched.
        fixed: the overrides that every trial has, as typed.
        direction: `minimize` or `maximize`.
        objective: the name of what the jobs return; None where it has no name.
        seed: of the search; None in a start that takes whatever seed the sweep has.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED

    space: list[DimensionRecord]
    fixed: list[str]
    direction: Annotated[str, Field(pattern="^(minimize|maximize)$")]
    objective: str | None
    seed: int | None

    def differences(self, before: "Header") -> list[str]:
        """Sentences that say in what this start differs from the one that began the sweep."""
        found = []
        olds = {dimension.label: dimension.distribution for dimension in before.space}
        news = {dimension.label: dimension.distribution for dimension in self.space}
        for name in [*olds, *(news.keys() - olds.keys())]:
            old, new = olds.get(name, "not searched"), news.get(name, "not searched")
            if old != new:
                found.append(f"{name} was {old} and is {new}")
        for name in ("direction", "objective"):
            if getattr(before, name) != getattr(self, name):
                found.append(f"{name} was {getattr(before, name)} and is {getattr(self, name)}")
        if self.seed is not None and self.seed != before.seed:
            found.append(f"seed was {before.seed} and is {self.seed}")
        # With a name for the objective, what else is fixed is the user's business (a number of workers, say).
        if self.objective is None:
            found += [f"{line} was set and is not" for line in before.fixed if line not in self.fixed]
            found += [f"{line} was not set and is" for line in self.fixed if line not in before.fixed]
        return found


_HEADER = TypeAdapter(Header)


@dataclass
class SweepRecord:
    """A sweep, finished or not.

    Attributes:
        folder: the sweep folder, `hydra.sweep.dir`.
        header: what the sweep is about.
        trials: in the order of their numbers.
    """

    folder: Path
    header: Header
    trials: list[TrialRecord] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the sweep in a folder; a last line that a kill has cut off is left out.

        Raises:
            SweepError: where there is no sweep, or its ledger is damaged.
        """
        path = folder / LEDGER
        lines = _read_lines(path)
        if not lines:
            raise SweepError(f"{folder} holds no sweep: there is no {LEDGER} with a first line; check hydra.sweep.dir")
        sweep = cls(folder, _header(lines[0], path))
        for line in lines[1:]:
            try:
                sweep.apply(checked(LINE, line, path))
            except IndexError as error:
                raise unknown(path, "a trial is missing") from error
        return sweep

    def apply(self, line: Launched | Finished) -> None:
        """Take in what a line of the ledger, any but the first, says of a trial."""
        if line["event"] == "launched":
            if line["trial"] == len(self.trials):
                self.trials.append(TrialRecord(line["trial"], line["parameters"], line["overrides"]))
            self.trials[line["trial"]].jobs.append(line["job"])
        else:
            trial = self.trials[line["trial"]]
            trial.finished_by, trial.started, trial.seconds = line["job"], line["started"], line["seconds"]
            trial.status, trial.value, trial.error = line["status"], line["value"], line["error"]

    def curve(self, trial: TrialRecord) -> dict[int, float]:
        """What a trial reported on its way, by step; empty where it reported nothing."""
        job = trial.jobs[-1] if trial.finished_by is None else trial.finished_by
        return read_curve(self.folder / RESULTS / str(job))


def label(key: str, conditions: Iterable[object]) -> str:
    """Hyperopt's name of a dimension: a key may have several spaces, each under its own conditions."""
    return " ".join([key, *(f"[{condition}]" for condition in conditions)])


def ranked(trials: Sequence[TrialRecord], direction: str) -> list[TrialRecord]:
    """The trials that have a value, best first; of equals the older."""
    sign = -1 if direction == "maximize" else 1
    done = [(sign * trial.value, trial.number, trial) for trial in trials if trial.value is not None]
    return [trial for *_, trial in sorted(done, key=lambda entry: entry[:2])]


def read_curve(stem: Path) -> dict[int, float]:
    """The curve of one job by step; empty where it reported nothing. A line cut off by a kill is left out.

    Args:
        stem: the path of the job's files in the sweep folder, without their endings.
    """
    path = curve_path(stem)
    points = [checked(POINT, line, path) for line in _read_lines(path)]
    return {point["step"]: math.nan if point["value"] is None else point["value"] for point in points}


def curve_path(stem: Path) -> Path:
    """The file of a job's curve."""
    return stem.with_name(f"{stem.name}.curve.jsonl")


def _header(line: object, path: Path) -> Header:
    if not isinstance(line, dict):
        raise unknown(path, "its first line is none")
    return checked(_HEADER, {key: value for key, value in line.items() if key != "event"}, path)


def _read_lines(path: Path) -> list[Any]:
    """The objects of a JSON-lines file, none where there is no file; a last line without its end is left out."""
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in path.read_bytes().decode().split("\n")[:-1]]
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SweepError(f"{path} is damaged, a line is no JSON ({reason}); restore it or sweep anew") from error

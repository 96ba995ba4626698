"""A sweep as its folder tells it: the ledger that the sweeper keeps, and what the jobs left beside it."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from math import log10, nan
from pathlib import Path
from typing import Any

from libelle.errors import UserError

COMPLETED, PRUNED, RUNNING = "completed", "pruned", "running"
FAILURES = ("failed", "nan", "timeout")

_WHOLE = re.compile(r"-?\d+")
_LOG = re.compile(r"tag\(log,|(int\()?hp\.q?log")


@dataclass
class Trial:
    """One point of the space.

    number: its number in the sweep. words: its overrides as typed, those that are the same in every trial included.
    parameters: hyperopt's number for each dimension that the trial has. jobs: the jobs that ran it, more than one
    after a kill; finished_by: the one that gave the result. value: None unless completed. started: seconds since the
    epoch, None where the job left no file in the sweep folder.
    """

    number: int
    words: list[str]
    parameters: dict[str, Any]
    jobs: list[int] = field(default_factory=list)
    finished_by: int | None = None
    status: str = RUNNING
    value: float | None = None
    error: str | None = None
    started: float | None = None
    seconds: float | None = None

    @cached_property
    def overrides(self) -> dict[str, str]:
        """Each override's value as it is written, by its key; a deletion (`~key`) has an empty one."""
        return {key: value for key, _, value in (word.partition("=") for word in self.words)}


@dataclass(frozen=True)
class Parameter:
    """A config key that is searched.

    spaces: distribution by condition, as written; the condition is empty where the key is drawn in every trial.
    categories: the values seen, in order, of a parameter that is no number; empty for a number.
    log: whether it is drawn on a log scale. whole: whether it is a whole number in every trial.
    """

    key: str
    spaces: dict[str, str]
    categories: list[str]
    log: bool = False
    whole: bool = False

    def position(self, trial: Trial) -> float:
        """Where a trial's value lies on the parameter's scale: the number, its log10, or the category's index.

        NaN where the trial does not have the parameter.
        """
        text = trial.overrides.get(self.key)
        if text is None:
            return nan
        if self.categories:
            return self.categories.index(text)
        return log10(float(text)) if self.log else float(text)


@dataclass
class Sweep:
    """A sweep: what its ledger's first line says, and its trials.

    space: each dimension and its distribution, as texts. fixed: overrides that every trial had, as typed.
    direction: minimize or maximize. objective: its name, None where nobody gave one.
    """

    folder: Path
    space: dict[str, str]
    fixed: list[str]
    direction: str
    objective: str | None
    seed: int
    trials: list[Trial]

    @classmethod
    def read(cls, folder: Path) -> "Sweep":
        """The sweep in a folder, as far as it has come. Raises UserError where there is none."""
        lines = _read_lines(folder / "trials.jsonl")
        if not lines:
            raise UserError(
                f"{folder} holds no sweep: there is no trials.jsonl with a first line; check hydra.sweep.dir"
            )
        header = {key: value for key, value in lines[0].items() if key != "event"}
        trials: dict[int, Trial] = {}
        for line in lines[1:]:
            number = line["trial"]
            if line["event"] == "launched":
                trial = trials.setdefault(number, Trial(number, line["overrides"], line["parameters"]))
                trial.jobs.append(line["job"])
            else:
                trial = trials[number]
                trial.finished_by, trial.seconds = line["job"], line["seconds"]
                trial.status, trial.value, trial.error = line["status"], line["value"], line["error"]
                trial.started = _started(folder, line["job"])
        return cls(folder=folder, trials=list(trials.values()), **header)

    @cached_property
    def ranked(self) -> list[Trial]:
        """The trials that have a value, best first; of equals the older."""
        sign = -1 if self.direction == "maximize" else 1
        done = [(sign * trial.value, trial.number, trial) for trial in self.trials if trial.value is not None]
        return [trial for *_, trial in sorted(done, key=lambda entry: entry[:2])]

    @property
    def best(self) -> Trial | None:
        """The best trial, None where none has a value."""
        return self.ranked[0] if self.ranked else None

    @property
    def counts(self) -> dict[str, int]:
        """Number of trials by status, the most frequent first."""
        return dict(Counter(trial.status for trial in self.trials).most_common())

    @cached_property
    def parameters(self) -> list[Parameter]:
        """The searched keys, in the order of the space. A key with a space for each of several conditions is one."""
        spaces: dict[str, dict[str, str]] = {}
        for label, text in self.space.items():
            key, _, conditions = label.partition(" ")
            spaces.setdefault(key, {})[conditions.replace("] [", ", ").strip("[]")] = text
        return [self._parameter(key, texts) for key, texts in spaces.items()]

    def _parameter(self, key: str, spaces: dict[str, str]) -> Parameter:
        values = {trial.overrides[key] for trial in self.trials if key in trial.overrides}
        is_choice = any(text.startswith(("choice(", "hp.pchoice(")) for text in spaces.values())
        if is_choice or not all(map(_is_number, values)):
            return Parameter(key, spaces, _ordered(values, "".join(spaces.values())))
        # A quantised draw may be zero on any scale.
        log = all(map(_LOG.match, spaces.values())) and all(float(value) > 0 for value in values)
        return Parameter(key, spaces, [], log, whole=all(map(_WHOLE.fullmatch, values)))

    def curve(self, trial: Trial) -> dict[int, float]:
        """What a trial reported on its way, by step; empty where it reported nothing."""
        job = trial.jobs[-1] if trial.finished_by is None else trial.finished_by
        points = _read_lines(self.folder / "trials" / f"{job}.curve.jsonl")
        return {point["step"]: nan if point["value"] is None else point["value"] for point in points}


def _read_lines(path: Path) -> list[Any]:
    """The objects of a JSON-lines file, none where there is no file. A last line that a kill cut off is left out."""
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    except ValueError as error:
        raise UserError(f"{path} is damaged, a line is no JSON ({error}); restore it or sweep anew") from error


def _started(folder: Path, job: int) -> float | None:
    path = folder / "trials" / f"{job}.json"
    if not path.exists():
        return None
    started: float | None = json.loads(path.read_text(encoding="utf-8"))["started"]
    return started


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _ordered(texts: set[str], space: str) -> list[str]:
    """Categories that are numbers in their order, then others as the space lists them."""
    numbers = sorted(filter(_is_number, texts), key=float)
    return numbers + sorted(texts.difference(numbers), key=lambda text: (_place(text, space), text))


def _place(text: str, space: str) -> int:
    found = re.search(rf"(?<![\w.]){re.escape(text)}(?![\w.])", space)
    return found.start() if found else len(space)

"""The sweep's memory: `trials.jsonl` in the sweep folder, one JSON object a line, written before anything is run.

The first line says what the sweep is, a `launched` line which job runs which trial, a `finished` line how a trial
ended. Only the sweeper writes it; jobs leave their results in the folder `trials`, from where they are taken over.
"""

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ._job import COMPLETED, FAILURES, Result, read_result
from ._values import SweepError

try:
    import fcntl
except ImportError:  # Windows has no POSIX locks; two sweepers in one folder go unnoticed there.
    fcntl = None  # type: ignore[assignment]

RUNNING = "running"


@dataclass
class Trial:
    """One point of the space: numbered in the order of suggestion, run by one job or, after kills, several."""

    number: int
    parameters: dict[str, Any]
    """Hyperopt's numbers, by dimension."""
    overrides: list[str]
    jobs: list[int] = field(default_factory=list)
    finished_by: int | None = None
    """The job that gave the result."""
    status: str = RUNNING
    value: float | None = None
    error: str | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Identity:
    """What must not change while a sweep goes on. Texts, so that a refusal can show them."""

    space: dict[str, str]
    fixed: list[str]
    direction: str
    objective: str | None
    seed: int | None

    def differences(self, before: "Identity") -> list[str]:
        """Sentences that say in what this start differs from the one that began the sweep."""
        found = []
        for label in [*before.space, *(self.space.keys() - before.space.keys())]:
            old, new = before.space.get(label, "not searched"), self.space.get(label, "not searched")
            if old != new:
                found.append(f"{label} was {old} and is {new}")
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


class Ledger:
    """The trials of a sweep folder, opened for one sweeper at a time.

    folder: the sweep folder. identity: what this start is about; a folder that holds another sweep is refused
    with a SweepError that says what differs. new_seed: the seed of a sweep that begins without one.
    """

    def __init__(self, folder: Path, identity: Identity, new_seed: int) -> None:
        self.folder = folder
        self.results = folder / "trials"
        self.path = folder / "trials.jsonl"
        self.trials: list[Trial] = []
        self.results.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.results / ".lock")
        try:
            self.seed = self._open(identity, new_seed)
        except BaseException:
            self._lock.close()
            raise

    def _open(self, identity: Identity, new_seed: int) -> int:
        """Read the ledger, or begin it; the sweep's seed."""
        lines = _read(self.path)
        if not lines:
            seed = new_seed if identity.seed is None else identity.seed
            lines = [{"event": "sweep", **vars(identity), "seed": seed}]
            self._append(lines)
        header = {key: value for key, value in lines[0].items() if key != "event"}
        if differences := identity.differences(Identity(**header)):
            raise SweepError(
                f"The sweep in {self.folder} is another one: {'; '.join(differences)}. Choose another hydra.sweep.dir."
            )
        for line in lines[1:]:
            self._apply(line)
        return int(header["seed"])

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    def launch(self, trials: Sequence[Trial], first_job: int) -> None:
        """Record, before they start, that `trials` are run by the jobs `first_job`, `first_job` + 1, ..."""
        lines = [
            {
                "event": "launched",
                "trial": trial.number,
                "job": job,
                "parameters": trial.parameters,
                "overrides": trial.overrides,
            }
            for job, trial in enumerate(trials, first_job)
        ]
        self._append(lines)
        known = len(self.trials)
        self.trials += [trial for trial in trials if trial.number >= known]
        for line in lines:
            self._apply(line)

    def finish(self, trial: Trial, job: int, result: Result) -> None:
        """Record how a trial ended, and by which of its jobs."""
        line = {
            "event": "finished",
            "trial": trial.number,
            "job": job,
            "status": result.status,
            "value": result.value,
            "error": result.error,
            "seconds": result.seconds,
        }
        self._append([line])
        self._apply(line)

    def left_result(self, trial: Trial) -> tuple[int, Result] | None:
        """The result that one of the trial's jobs left in the folder and its number, None where none did."""
        results = ((job, read_result(self.results, job)) for job in trial.jobs)
        return next(((job, result) for job, result in results if result is not None), None)

    @property
    def running(self) -> list[Trial]:
        """Trials that were launched and have no result."""
        return [trial for trial in self.trials if trial.status == RUNNING]

    @property
    def counts(self) -> dict[str, int]:
        """Number of trials by status."""
        return dict(Counter(trial.status for trial in self.trials))

    @property
    def failures(self) -> int:
        """Number of trials that failed, timed out or gave no finite number."""
        return sum(trial.status in FAILURES for trial in self.trials)

    def best(self, direction: str, count: int) -> list[Trial]:
        """The best completed trials, best first; of equals the older."""
        sign = -1 if direction == "maximize" else 1
        done = [(sign * t.value, t.number, t) for t in self.trials if t.status == COMPLETED and t.value is not None]
        return [trial for _, _, trial in sorted(done, key=lambda entry: entry[:2])[:count]]

    def next_job(self) -> int:
        """A job number above every one that this sweep, or anything else in its folder, has used."""
        used = [job for trial in self.trials for job in trial.jobs]
        return max([next_number(self.folder), *(job + 1 for job in used)])

    def _apply(self, line: dict[str, Any]) -> None:
        if line["event"] == "launched":
            if line["trial"] == len(self.trials):
                self.trials.append(Trial(line["trial"], line["parameters"], line["overrides"]))
            self.trials[line["trial"]].jobs.append(line["job"])
        else:
            trial = self.trials[line["trial"]]
            trial.finished_by, trial.seconds = line["job"], line["seconds"]
            trial.status, trial.value, trial.error = line["status"], line["value"], line["error"]

    def _append(self, lines: list[dict[str, Any]]) -> None:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        with self.path.open("ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())


def next_number(folder: Path) -> int:
    """The first job number above those that folders in `folder` are named after."""
    return max((int(path.name) for path in folder.iterdir() if path.name.isdecimal()), default=-1) + 1


def _read(path: Path) -> list[dict[str, Any]]:
    """The ledger's lines. A last line that a kill has cut off is removed: nothing it announced had begun."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    try:
        return [json.loads(line) for line in whole.decode().split("\n")[:-1]]
    except ValueError as error:
        raise SweepError(f"{path} is damaged: {error}") from error


def _lock(path: Path) -> IO[str]:
    """An open file that keeps other sweepers out of the folder until it is closed or this process ends."""
    file = path.open("w")
    if fcntl is not None:
        try:
            # Belongs to this process alone: no child that outlives a kill holds on to it.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SweepError(f"Another sweep is running in {path.parent.parent}") from error
    return file

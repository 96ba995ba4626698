"""The sweep's memory: the ledger `trials.jsonl` in the sweep folder, written before anything is run.

Only the sweeper writes it; jobs leave their results in the folder `trials`, from where they are taken over.
`_ledger_reader` says what the lines are.
"""

import json
import os
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ._errors import SweepError
from ._job import Result, is_running, read_result
from ._ledger_lines import Finished, Launched
from ._ledger_reader import FAILURES, LEDGER, RESULTS, RUNNING, Header, SweepRecord, TrialRecord, ranked
from ._locks import take


class SweepIsRunning(SweepError):  # noqa: N818 - a state, not an error
    """Another process has the ledger open."""


def owner_path(folder: Path) -> Path:
    """The file that says which process runs the sweep; one that ends as it should removes it."""
    return folder / RESULTS / ".owner"


class Ledger:
    """The trials of a sweep folder, opened for one sweeper at a time.

    Args:
        folder: the sweep folder.
        header: what this start is about.
        new_seed: the seed of a sweep that begins without one.

    Attributes:
        header: what the sweep is about, with its seed.
        trials: all trials, in the order of their numbers.
        results: the folder in which jobs leave their results.
        unfinished: whether the start before this one was killed, or ended with an error.

    Raises:
        SweepError: where the folder holds another sweep, in a sentence that says what differs.
        SweepIsRunning: where another process has it open.
    """

    def __init__(self, folder: Path, header: Header, new_seed: int) -> None:
        self.folder = folder
        self.results = folder / RESULTS
        self.path = folder / LEDGER
        self.results.mkdir(parents=True, exist_ok=True)
        try:
            lock = take(self.results / ".lock")
        except OSError as error:
            reason = f"{folder} cannot be locked ({error.strerror})"
            raise SweepError(f"{reason}; choose a hydra.sweep.dir on a file system that has locks") from error
        if lock is None:
            if self.path.exists() and self.path.stat().st_size:
                self._refuse_another(header, SweepRecord.read(folder))
            raise SweepIsRunning(f"Another sweep is running in {folder}")
        self._lock = lock
        try:
            self._sweep = self._open(header, new_seed)
        except BaseException:
            self._lock.close()
            raise
        self.header = self._sweep.header
        self.trials = self._sweep.trials
        self._owner = owner_path(folder)
        self.unfinished = self._owner.exists()
        self._owner.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")

    def _open(self, header: Header, new_seed: int) -> SweepRecord:
        """Read the ledger; begin it where there is none."""
        _cut_torn_line(self.path)
        if not self.path.exists() or not self.path.stat().st_size:
            first = header if header.seed is not None else replace(header, seed=new_seed)
            self._append([{"event": "sweep", **asdict(first)}])
        sweep = SweepRecord.read(self.folder)
        self._refuse_another(header, sweep)
        return sweep

    def _refuse_another(self, header: Header, before: SweepRecord) -> None:
        if differences := header.differences(before.header):
            raise SweepError(
                f"The sweep in {self.folder} is another one: {'; '.join(differences)}. Choose another hydra.sweep.dir."
            )

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._owner.unlink()
        self._lock.close()

    @property
    def seed(self) -> int:
        """The sweep's seed."""
        assert self.header.seed is not None
        return self.header.seed

    def launch(self, trials: Sequence[TrialRecord], first_job: int) -> None:
        """Record, before they start, that `trials` are run by the jobs `first_job`, `first_job` + 1, ..."""
        lines: list[Launched] = [
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
            self._sweep.apply(line)

    def finish(self, trial: TrialRecord, job: int, result: Result) -> None:
        """Record how a trial ended, and by which of its jobs."""
        line: Finished = {
            "event": "finished",
            "trial": trial.number,
            "job": job,
            "status": result.status,
            "value": result.value,
            "error": result.error,
            "started": result.started,
            "seconds": result.seconds,
        }
        self._append([line])
        self._sweep.apply(line)

    def left_result(self, trial: TrialRecord) -> tuple[int, Result] | None:
        """The result that one of the trial's jobs left in the folder and its number, None where none did."""
        results = ((job, read_result(self.results, job)) for job in trial.jobs)
        return next(((job, result) for job, result in results if result is not None), None)

    def is_running(self, trial: TrialRecord) -> bool:
        """Whether one of the trial's jobs is at work."""
        return any(is_running(self.results, job) for job in trial.jobs)

    @property
    def running(self) -> list[TrialRecord]:
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

    @property
    def ranked(self) -> list[TrialRecord]:
        """The trials that have a value, best first; of equals the older."""
        return ranked(self.trials, self.header.direction)

    def next_job(self) -> int:
        """A job number above every one that this sweep, or anything else in its folder, has used."""
        used = [job for trial in self.trials for job in trial.jobs]
        return max([next_number(self.folder), *(job + 1 for job in used)])

    def _append(self, lines: Sequence[Mapping[str, Any]]) -> None:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        with self.path.open("ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())


def next_number(folder: Path) -> int:
    """The first job number above those that folders in `folder` are named after."""
    return max((int(path.name) for path in folder.iterdir() if path.name.isdecimal()), default=-1) + 1


def _cut_torn_line(path: Path) -> None:
    """Remove a last line that a kill has cut off, before others are appended: nothing it announced had begun."""
    if path.exists():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)

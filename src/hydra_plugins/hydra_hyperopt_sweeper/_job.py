"""What happens in a job's own process: the task runs, and its result is on disk before anybody hears of it."""

import functools
import json
import logging
import math
import numbers
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import TaskFunction
from omegaconf import DictConfig

from ._errors import SweepError
from ._ledger_reader import COMPLETED, FAILED, NAN, PRUNED, TIMEOUT, SweepRecord
from ._locks import held, is_held
from ._pruning import VARIABLE, TrialPruned


@dataclass
class Result:
    """How a job ended.

    Attributes:
        status: `completed`, `pruned`, `failed`, `nan` or `timeout`.
        value: None unless the status is completed and the job returned a number.
        error: why it failed, in a sentence.
        traceback: of what it raised.
        started: seconds since the epoch.
        seconds: how long it took.
    """

    status: str
    value: float | None = None
    error: str | None = None
    traceback: str | None = None
    started: float | None = None
    seconds: float | None = None

    @classmethod
    def of_value(cls, returned: Any) -> "Result":
        """The result of a job that returned; an infinite value or NaN is none to optimise."""
        value = _as_float(returned)
        if value is not None and not math.isfinite(value):
            return cls(NAN, error=f"the job returned {value}")
        return cls(COMPLETED, value)

    @classmethod
    def of_error(cls, error: BaseException) -> "Result":
        """The result of a job, or of its launch, that raised."""
        if isinstance(error, TrialPruned):
            return cls(PRUNED)
        status = TIMEOUT if isinstance(error, TimeoutError) else FAILED
        lines = traceback.format_exception(error)
        return cls(status, error=f"{type(error).__name__}: {error}", traceback="".join(lines))

    @classmethod
    def of_return(cls, job: JobReturn) -> "Result":
        """The result that came back through the launcher, for machines that do not share the sweep folder."""
        if job.status is JobStatus.COMPLETED:
            return cls.of_value(job.return_value)
        # `return_value` of a failed job prints and raises: that is what this is not for.
        error = job._return_value
        return cls.of_error(error if isinstance(error, BaseException) else RuntimeError("the job never ended"))


class RecordedTask:
    """A task function that writes its result into the sweep folder, in the job's process, before it returns.

    So a batch of jobs that is killed loses only the jobs that were not finished, whatever the launcher.
    """

    def __init__(self, task_function: TaskFunction, folder: Path) -> None:
        functools.update_wrapper(self, task_function)
        self.task_function = task_function
        self.folder = folder

    def __call__(self, config: DictConfig) -> Any:
        job = int(HydraConfig.get().job.num)
        stem = self.folder / str(job)
        stem.parent.mkdir(parents=True, exist_ok=True)
        with held(_lock_path(self.folder, job)):
            self._refuse_if_launched_again(job)
            return self._run(config, stem)

    def _refuse_if_launched_again(self, job: int) -> None:
        """End a job that waited in a queue so long that a sweep started anew has launched its trial once more."""
        try:
            trials = SweepRecord.read(self.folder.parent).trials
        except SweepError:
            return  # a machine that does not share the folder
        jobs = next((trial.jobs for trial in reversed(trials) if job in trial.jobs), [job])
        if jobs[-1] != job:
            raise RuntimeError(f"the sweep has launched this trial again, as job {jobs[-1]}")

    def _run(self, config: DictConfig, stem: Path) -> Any:
        started, clock = time.time(), time.perf_counter()
        with _environment(stem):
            try:
                returned = self.task_function(config)
            except SystemExit as error:
                if _is_interrupt(error):
                    raise
                _write(stem, Result.of_error(error), started, clock)
                # Hydra would let it end the whole sweep; of one job it says no more than that the job failed.
                raise RuntimeError(f"the job called sys.exit({error.code})") from error
            except Exception as error:
                result = Result.of_error(error)
                if result.status != PRUNED:
                    # Hydra writes no traceback into a job's log.
                    logging.getLogger(__name__).exception("The trial failed")
                _write(stem, result, started, clock)
                raise
        _write(stem, Result.of_value(returned), started, clock)
        return returned


def read_result(folder: Path, job: int) -> Result | None:
    """The result that job number `job` left, None where it left none."""
    path = folder / f"{job}.json"
    return Result(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def is_running(folder: Path, job: int) -> bool:
    """Whether the process of job number `job` is at work, on any machine that shares the folder and its locks."""
    return is_held(_lock_path(folder, job))


def _lock_path(folder: Path, job: int) -> Path:
    return folder / f"{job}.lock"


def _write(stem: Path, result: Result, started: float, clock: float) -> None:
    """Write the result so that a reader sees all of it or nothing, also after a loss of power."""
    result.started, result.seconds = round(started, 3), round(time.perf_counter() - clock, 3)
    partial = stem.with_name(f"{stem.name}.{os.getpid()}.partial")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(asdict(result), file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(stem.with_name(f"{stem.name}.json"))


@contextmanager
def _environment(stem: Path) -> Iterator[None]:
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(stem)
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        if before is not None:
            os.environ[VARIABLE] = before


def _is_interrupt(error: SystemExit) -> bool:
    """Whether Ctrl-C is behind it: Lightning, for one, turns KeyboardInterrupt into an exit."""
    return error.code == 130 or isinstance(error.__context__, KeyboardInterrupt)


def _as_float(returned: Any) -> float | None:
    """The number that a job returned (Python's, NumPy's, or a tensor of one element), None for anything else."""
    if isinstance(returned, numbers.Real) or hasattr(returned, "__float__"):
        try:
            return float(returned)
        except (TypeError, ValueError, RuntimeError):
            return None
    return None

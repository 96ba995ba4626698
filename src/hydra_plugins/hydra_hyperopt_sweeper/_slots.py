"""Jobs side by side: each launched by itself, so that a slow one holds no other and a dead one takes none with it.

Hydra's launchers take a list of jobs and come back when all have ended. One job at a time through each of several
slots gives the next trial out as soon as one ends. That needs a launcher whose jobs run in processes of their own,
since Hydra's state belongs to a process; others run batches.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, cast

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, setup_globals
from hydra.plugins.launcher import Launcher

from ._errors import SweepError

#: Launches one job, given its overrides and its number, and waits for it.
Launch = Callable[[list[str], int], Sequence[JobReturn]]

#: The modules of the launchers that run each job in a process of its own; Ray's other one makes a cluster a launch.
_JOBLIB = "hydra_plugins.hydra_joblib_launcher.joblib_launcher"
_RAY = "hydra_plugins.hydra_ray_launcher.ray_launcher"
_SUBMITIT = "hydra_plugins.hydra_submitit_launcher.submitit_launcher"


@dataclass(frozen=True)
class Ended:
    """A launch that is over.

    Attributes:
        trial: the number of its trial.
        jobs: what the launcher returned.
        broke: what it raised instead.
    """

    trial: int
    jobs: Sequence[JobReturn]
    broke: Exception | None


class Slots:
    """Launches that go on at the same time, each waited for by a thread of its own.

    Args:
        count: number of slots.
        launch: launches one job.
        one_machine: whether all jobs share the memory of this machine.

    Attributes:
        prepare: what has to be done once, in the main thread, before the first launch.
        busy: numbers of the trials whose launches go on.
    """

    def __init__(self, count: int, launch: Launch, *, one_machine: bool) -> None:
        self.launch = launch
        self.one_machine = one_machine
        self.prepare: Callable[[], object] | None = None
        self.busy: set[int] = set()
        self._count = count
        self._ended: SimpleQueue[Ended | BaseException] = SimpleQueue()

    @property
    def free(self) -> bool:
        """Whether another launch may begin."""
        return len(self.busy) < self._count

    def make_ready(self) -> None:
        """Prepare for launches, unless it is done.

        Raises:
            SweepError: where that fails.
        """
        if self.prepare is not None:
            try:
                self.prepare()
            except Exception as error:
                raise SweepError(f"The launcher does not start: {type(error).__name__}: {error}") from error
            self.prepare = None

    def start(self, trial: int, work: Callable[[], Sequence[JobReturn]]) -> None:
        """Begin a launch, or whatever else has to be waited for on a trial's behalf."""

        def run() -> None:
            try:
                self._ended.put(Ended(trial, work(), None))
            except Exception as error:
                self._ended.put(Ended(trial, [], error))
            except BaseException as interrupt:
                self._ended.put(interrupt)

        self.busy.add(trial)
        # A daemon: an interrupted sweep does not wait for what is in flight.
        threading.Thread(target=run, name=f"trial {trial}", daemon=True).start()

    def wait(self) -> Ended:
        """The next launch that ends; an interrupt of its job is one of the sweep."""
        ended = self._ended.get()
        if isinstance(ended, BaseException):
            raise ended
        self.busy.remove(ended.trial)
        return ended


@contextlib.contextmanager
def slots_of(launcher: Launcher, count: int) -> Iterator[Slots | None]:
    """Slots for a launcher.

    Args:
        launcher: as Hydra made it.
        count: number of jobs that are wanted at a time.

    Yields:
        The slots; None for one job at a time, and for a launcher that runs jobs in this process, or of which nothing is
        known.
    """
    module = type(launcher).__module__
    if module == _RAY:
        _settle_ray(cast(Any, launcher).ray_cfg)
    if count == 1 or module not in (_JOBLIB, _RAY, _SUBMITIT):
        yield None
    elif module == _JOBLIB:
        with _processes(launcher) as (launch, limit):
            yield Slots(min(count, limit), launch, one_machine=True)
    else:
        slots = Slots(
            count, lambda overrides, job: launcher.launch([overrides], initial_job_idx=job), one_machine=False
        )
        if module == _RAY:
            # Launching nothing starts Ray, which several threads at once could not, and which ends with its thread.
            slots.prepare = lambda: launcher.launch([], initial_job_idx=0)
        yield slots


def _settle_ray(options: Any) -> None:
    """Give Ray's launcher two options that are right for sweeps, unless they are typed."""
    # The sweep itself runs a trial again whose process died, once; Ray would by itself, three times.
    options.remote.setdefault("max_retries", 0)
    if options.init.get("address") != "local":
        # The launcher's own default is for a cluster that it starts; for one that is there, Ray refuses any.
        options.init.setdefault("object_store_memory", None)


@contextlib.contextmanager
def _processes(launcher: Any) -> Iterator[tuple[Launch, int]]:
    """How joblib's launcher launches in a process for each slot, and the most that it allows.

    In the pool that joblib shares among all launches, a process that dies would take the jobs of all others with it.
    """
    import joblib
    from joblib.externals import loky

    limit, timeout = joblib.effective_n_jobs(launcher.joblib.get("n_jobs", -1)), launcher.joblib.get("timeout")
    launcher.joblib["n_jobs"] = 1  # there: in the slot's own process
    idle: list[Any] = []
    pools: list[Any] = []

    def launch(overrides: list[str], job: int) -> Sequence[JobReturn]:
        try:
            pool = idle.pop()
        except IndexError:
            pool = loky.ProcessPoolExecutor(max_workers=1)
            pools.append(pool)
        try:
            future = pool.submit(_launch_here, launcher, Singleton.get_state(), overrides, job)
            jobs: Sequence[JobReturn] = future.result(timeout)
        except BaseException:
            pool.shutdown(wait=False, kill_workers=True)
            raise
        idle.append(pool)
        return jobs

    try:
        yield launch, limit
    finally:
        for pool in pools:
            pool.shutdown(wait=False, kill_workers=True)


def _launch_here(launcher: Launcher, state: Any, overrides: list[str], job: int) -> Sequence[JobReturn]:
    setup_globals()
    Singleton.set_state(state)
    return launcher.launch([overrides], initial_job_idx=job)

"""The course of a sweep: launch what comes next and record how it ends, until it is enough."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher

from ._best_trials import print_best, write_results
from ._errors import SweepError
from ._job import Result
from ._ledger import Ledger
from ._ledger_reader import COMPLETED, FAILED, TrialRecord
from ._next_trials import NextTrials
from ._slots import Slots, slots_of
from ._space import Space
from .config import HyperoptSweeperConf

log = logging.getLogger(__name__)

#: Seconds between two looks at a job that nobody here can wait for.
_LOOK = 0.5


class Sweep:
    """One start of a sweep.

    Args:
        options: of the sweep.
        space: what is searched.
        ledger: of the sweep.
        launcher: for jobs that record their results in the sweep folder.
    """

    def __init__(self, options: HyperoptSweeperConf, space: Space, ledger: Ledger, launcher: Launcher) -> None:
        self.options = options
        self.space = space
        self.ledger = ledger
        self.launcher = launcher
        self.next = NextTrials(options, space, ledger)
        # Trials whose launch broke in this start, by the number of times.
        self.broken: Counter[int] = Counter()
        self.stopping = False

    def run(self) -> list[Sequence[JobReturn]]:
        """Go on to the total; the batches of jobs that this start ran."""
        for trial in self.ledger.running:
            self._take_over(trial)
        if done := len(self.ledger.trials) - len(self.ledger.running):
            log.info(f"The sweep goes on: {done} of {self.next.total} trials have a result")
        try:
            with slots_of(self.launcher, self.options.n_jobs) as slots:
                batches = self._in_batches() if slots is None else self._side_by_side(slots)
        finally:
            # Also for an interrupted sweep: what is known so far.
            self._report(last=True)
        self._refuse_failures()
        self._refuse_all_failed()
        return batches

    def _in_batches(self) -> list[Sequence[JobReturn]]:
        """Launch some jobs, wait for all of them, and launch the next."""
        batches = []
        for trial in self.ledger.running:
            self._outlast(trial)
            self._take_over(trial)
        while batch := self._next_batch():
            batches.append(self._launch(batch))
            self._report(last=False)
        return batches

    def _next_batch(self) -> list[TrialRecord]:
        """The trials to launch next: those in flight first, then new ones; none when the sweep is over."""
        if self._too_many_failures():
            return []
        size = self.next.batch_size()
        running = self.ledger.running
        if running:
            # A trial that a broken launch left behind goes alone, so that it can only fail by itself.
            fresh = [trial for trial in running if not self.broken[trial.number]]
            return fresh[:size] if fresh else running[:1]
        return self._new(size)

    def _launch(self, batch: list[TrialRecord]) -> Sequence[JobReturn]:
        first_job = self.ledger.next_job()
        self.ledger.launch(batch, first_job)
        jobs: Sequence[JobReturn] = []
        broke: Exception | None = None
        try:
            jobs = self.launcher.launch([trial.overrides for trial in batch], initial_job_idx=first_job)
        except Exception as error:
            broke = error
        returned = dict(zip((trial.number for trial in batch), jobs, strict=False))
        if broke is not None:
            log.warning(f"A launch broke: {type(broke).__name__}: {broke}")
        for trial in batch:
            if broke is not None:
                self._outlast(trial)  # what broke was one job's, or the launcher's, and others may go on
            self._settle(trial, [returned[trial.number]] if trial.number in returned else [], broke)
        return jobs

    def _side_by_side(self, slots: Slots) -> list[Sequence[JobReturn]]:
        """Launch the next job as soon as one ends."""
        batches: list[Sequence[JobReturn]] = []
        for trial in self.ledger.running:
            if self.ledger.is_running(trial):
                slots.start(trial.number, partial(self._outlast, trial))
        while True:
            while slots.free and (chosen := self._next_trial(slots)) is not None:
                slots.make_ready()
                job = self.ledger.next_job()
                self.ledger.launch([chosen], job)
                slots.start(chosen.number, self._launching(slots, chosen, job))
            if not slots.busy:
                return batches
            ended = slots.wait()
            if ended.broke is not None:
                log.warning(f"A launch broke: {type(ended.broke).__name__}: {ended.broke}")
            self._settle(self.ledger.trials[ended.trial], ended.jobs, ended.broke)
            if ended.jobs:
                batches.append(ended.jobs)
            self._report(last=False)

    def _next_trial(self, slots: Slots) -> TrialRecord | None:
        """The trial to launch next: one in flight that nobody runs, or a new one; None while there is none."""
        if self._too_many_failures():
            return None
        left = [trial for trial in self.ledger.running if trial.number not in slots.busy]
        fresh = [trial for trial in left if not self.broken[trial.number]]
        if not slots.one_machine:
            return next(iter(fresh + left), None) or next(iter(self._new(1)), None)
        # Out of memory, most likely, where jobs share it: what broke comes last, and has all of it.
        if any(self.broken[number] for number in slots.busy):
            return None
        chosen = next(iter(fresh or self._new(1)), None)
        return next(iter(left), None) if chosen is None and not slots.busy else chosen

    def _launching(self, slots: Slots, trial: TrialRecord, job: int) -> Callable[[], Sequence[JobReturn]]:
        """What a slot does for a trial."""

        def launching() -> Sequence[JobReturn]:
            try:
                return slots.launch(trial.overrides, job)
            except Exception:
                self._outlast(trial)  # the launcher has lost it, which need not be its end
                raise

        return launching

    def _outlast(self, trial: TrialRecord) -> Sequence[JobReturn]:
        """Wait until no job of a trial is at work, among them jobs of a sweeper that was killed."""
        if self.ledger.is_running(trial):
            log.info(f"Job {trial.jobs[-1]} of trial {trial.number} is still at work: waiting for it")
        while self.ledger.is_running(trial):
            time.sleep(_LOOK)
        return []

    def _new(self, count: int) -> list[TrialRecord]:
        if self.stopping:
            return []
        if reason := self.next.stop_reason():
            self.stopping = True
            log.info(f"The sweep stops: {reason}")
            return []
        return self.next.take(count)

    def _settle(self, trial: TrialRecord, jobs: Sequence[JobReturn], broke: Exception | None) -> None:
        """Record how a trial's launch ended; without any result, the trial runs once more."""
        if self._take_over(trial):
            return
        if jobs:
            self._finish(trial, trial.jobs[-1], Result.of_return(jobs[0]))
            return
        self.broken[trial.number] += 1
        if self.broken[trial.number] > 1:
            # A worker killed for memory, a time limit of the cluster, a config that cannot be composed.
            error = broke or RuntimeError("the launcher gave no result")
            self._finish(trial, trial.jobs[-1], Result.of_error(error))

    def _take_over(self, trial: TrialRecord) -> bool:
        """Record the result that a trial's job has left in the sweep folder, if there is one."""
        left = self.ledger.left_result(trial)
        if left is not None:
            self._finish(trial, *left)
        return left is not None

    def _finish(self, trial: TrialRecord, job: int, result: Result) -> None:
        # A grid may be run for its own sake; to optimise, a number is needed.
        if result.status == COMPLETED and result.value is None and not self.next.exhaustive:
            result.status, result.error = FAILED, "the job returned no number"
        self.ledger.finish(trial, job, result)
        self.next.tell(trial)
        if result.error:
            log.warning(f"Trial {trial.number} (job {job}) {result.status}: {result.error}")

    def _too_many_failures(self) -> bool:
        return self.ledger.failures > self.options.max_failure_rate * self.next.total

    def _refuse_failures(self) -> None:
        """Raise once more trials have failed than `max_failure_rate` of the total allows."""
        if self._too_many_failures():
            raise SweepError(
                f"{self.ledger.failures} of {self.next.total} trials have failed, more than "
                f"hydra.sweeper.max_failure_rate={self.options.max_failure_rate} allows; the last: {self._last_error()}"
            )

    def _refuse_all_failed(self) -> None:
        trials = self.ledger.trials
        if trials and self.ledger.failures == len(trials):
            said = (
                "The only trial has failed" if len(trials) == 1 else f"All {len(trials)} trials have failed; the last"
            )
            raise SweepError(f"{said}: {self._last_error()}")

    def _last_error(self) -> str | None:
        return next((trial.error for trial in reversed(self.ledger.trials) if trial.error), None)

    def _report(self, *, last: bool) -> None:
        write_results(self.ledger)
        print_best(self.ledger, self.next.total, self.space.fixed, last=last)

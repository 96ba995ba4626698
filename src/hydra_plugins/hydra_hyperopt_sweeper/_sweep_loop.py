"""The course of a sweep: read the space, open the ledger, then suggest, launch and record until it is enough."""

import logging
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from ._best_trials import print_best, write_results
from ._errors import SweepError
from ._job import RecordedTask, Result
from ._ledger import Ledger, next_number
from ._ledger_reader import COMPLETED, FAILED, RUNNING, Header, TrialRecord
from ._option_checks import check_options
from ._space import Raws, Space
from ._space_parser import read_space
from .config import HyperoptSweeperConf

if TYPE_CHECKING:
    from ._suggestion import Suggester

log = logging.getLogger(__name__)

#: Suggestions tried before a point that has already been drawn is taken again.
_REDRAWS = 200


def run_sweep(
    options: HyperoptSweeperConf,
    arguments: list[str],
    hydra_context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
) -> list[Sequence[JobReturn]]:
    """Run or resume the sweep in `hydra.sweep.dir`; see `HyperoptSweeper.sweep`."""
    check_options(options)
    folder = Path(str(config.hydra.sweep.dir)).absolute()
    params: Any = OmegaConf.to_container(options.params, resolve=True) if options.params else {}
    space = read_space(params, arguments, hydra_context.config_loader)
    if not space.dimensions:
        return [_plain_job(space.fixed, hydra_context, task_function, config, folder)]
    _probe(space, hydra_context, config)
    header = Header(space.records, space.fixed, options.direction, options.objective, options.seed)
    with Ledger(folder, header, new_seed=secrets.randbelow(2**31)) as ledger:
        OmegaConf.save(config, folder / "multirun.yaml")
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context,
            task_function=RecordedTask(task_function, ledger.results),
            config=config,
        )
        return _Sweep(options, space, ledger, launcher).run()


def _plain_job(
    overrides: list[str],
    hydra_context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
    folder: Path,
) -> Sequence[JobReturn]:
    """Nothing to search: one job, which succeeds or fails as it would alone."""
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(config, folder / "multirun.yaml")
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=hydra_context, task_function=task_function, config=config
    )
    hydra_context.config_loader.load_sweep_config(config, overrides)
    jobs = launcher.launch([overrides], initial_job_idx=next_number(folder))
    for job in jobs:
        _ = job.return_value  # raises what the job raised
    return jobs


def _probe(space: Space, hydra_context: HydraContext, config: DictConfig) -> None:
    """Compose a few points before the first job: a key that no config has, or an option, is a mistake now."""
    for raws in space.probes():
        overrides = space.overrides(raws)
        try:
            hydra_context.config_loader.load_sweep_config(config, overrides)
        except HydraException as error:
            reason = " ".join(f"{error} {error.__cause__ or ''} ".split())
            lines = [*space.fixed, *(d.line for d in space.dimensions if d.label in raws)]
            named = [line for line in lines if _is_named(line, reason)] or overrides
            raise SweepError(f"Bad search space, {' '.join(named)}: {reason}") from error


def _is_named(override: str, reason: str) -> bool:
    """Whether Hydra's message names the key of this override, or an option of its group."""
    name = override.partition("=")[0].lstrip("+~").partition("@")[0]
    return any(text in f"{reason} " for text in (f"override {override} ", f"'{name}'", f"'{name}/", f"key: {name} "))


class _Sweep:
    """One start of a sweep."""

    def __init__(self, options: HyperoptSweeperConf, space: Space, ledger: Ledger, launcher: Launcher) -> None:
        self.options = options
        self.space = space
        self.ledger = ledger
        self.launcher = launcher
        self.began = time.monotonic()
        # Trials whose launch broke in this start, by the number of times.
        self.broken: Counter[int] = Counter()
        self.seen = {tuple(trial.overrides) for trial in ledger.trials}
        self.total = options.max_trials
        self.exhaustive = options.algorithm.name == "grid" or space.is_at_most(options.max_trials)
        self.search: Suggester | None = None
        if self.exhaustive:
            self.points = self._new_points()
            self._limit_to_grid()
        else:
            self.search = self._make_search()

    def run(self) -> list[Sequence[JobReturn]]:
        """Go on to the total; the batches of jobs that this start ran."""
        for trial in self.ledger.running:
            self._take_over(trial)
        if done := len(self.ledger.trials) - len(self.ledger.running):
            log.info(f"The sweep goes on: {done} of {self.total} trials have a result")
        batches = []
        try:
            while batch := self._next_batch():
                batches.append(self._launch(batch))
                self._report(last=False)
        finally:
            # Also for an interrupted sweep: what is known so far.
            self._report(last=True)
        self._refuse_all_failed()
        return batches

    def _limit_to_grid(self) -> None:
        size = sum(1 for _ in zip(range(self.total + 1), self.space.points(self.ledger.seed), strict=False))
        if size > self.total:
            log.warning(f"The grid is larger than hydra.sweeper.max_trials={self.total}: the rest is not run")
        self.total = min(size, self.total)

    def _make_search(self) -> "Suggester":
        # Hyperopt takes a second to import; a grid does without it.
        try:
            from ._suggestion import Suggester, algorithm
        except ImportError as error:
            raise SweepError(
                f"A search needs hyperopt ({error}): pip install 'hyperopt>=0.3,<0.4', "
                "or with libelle pip install 'libelle[sweeper]'."
            ) from error

        conf = cast(DictConfig, self.options.algorithm)
        search = Suggester(self.space, algorithm(conf), self.ledger.seed)
        for trial in self.ledger.trials:
            search.add(trial.number, trial.parameters)
            if trial.status != RUNNING:
                search.tell(trial.number, self._loss(trial))
        return search

    def _loss(self, trial: TrialRecord) -> float | None:
        if trial.status != COMPLETED or trial.value is None:
            return None
        return -trial.value if self.options.direction == "maximize" else trial.value

    def _next_batch(self) -> list[TrialRecord]:
        """The trials to launch next: those in flight first, then new ones; none when the sweep is over."""
        self._refuse_failures()
        size = self._batch_size()
        running = self.ledger.running
        if running:
            # A trial that a broken launch left behind goes alone, so that it can only fail by itself.
            fresh = [trial for trial in running if not self.broken[trial.number]]
            return fresh[:size] if fresh else running[:1]
        if reason := self._stop_reason():
            log.info(f"The sweep stops: {reason}")
            return []
        count = min(size, self.total - len(self.ledger.trials))
        return list(self._suggest(count))

    def _batch_size(self) -> int:
        """Jobs to launch at once: `n_jobs`, or a whole grid where nothing has to be watched between its points."""
        options = self.options
        rules = (options.timeout, options.loss_threshold, options.no_progress_stop)
        watched = options.max_failure_rate < 1 or any(rule is not None for rule in rules)
        size = self.total if self.exhaustive and options.n_jobs == 1 and not watched else options.n_jobs
        return min(size, options.max_batch_size or size)

    def _stop_reason(self) -> str | None:
        options, ledger = self.options, self.ledger
        if options.timeout is not None and time.monotonic() - self.began >= options.timeout:
            return f"hydra.sweeper.timeout={options.timeout} seconds are over"
        best = next(iter(ledger.ranked), None)
        if best is None or best.value is None:
            return None
        if options.loss_threshold is not None:
            sign = -1 if options.direction == "maximize" else 1
            if sign * best.value <= sign * options.loss_threshold:
                return f"{best.value} reaches hydra.sweeper.loss_threshold={options.loss_threshold}"
        if options.no_progress_stop is not None:
            later = len(ledger.trials) - 1 - best.number
            if later >= options.no_progress_stop:
                return f"no better value in {later} trials"
        return None

    def _suggest(self, count: int) -> Iterator[TrialRecord]:
        first = len(self.ledger.trials)
        for number in range(first, first + count):
            raws = next(self.points, None) if self.exhaustive else self._draw(number)
            if raws is None:
                return
            trial = TrialRecord(number, raws, self.space.overrides(raws))
            self.seen.add(tuple(trial.overrides))
            yield trial

    def _draw(self, number: int) -> Raws:
        """What hyperopt suggests, and no point twice while it can be helped."""
        assert self.search is not None
        raws: Raws = {}
        for attempt in range(_REDRAWS):
            raws = self.search.suggest(number, attempt)
            if tuple(self.space.overrides(raws)) not in self.seen:
                break
        self.search.add(number, raws)
        return raws

    def _new_points(self) -> Iterator[Raws]:
        """The grid's points that no trial has run."""
        for raws in self.space.points(self.ledger.seed):
            if tuple(self.space.overrides(raws)) not in self.seen:
                yield raws

    def _launch(self, batch: list[TrialRecord]) -> Sequence[JobReturn]:
        first_job = self.ledger.next_job()
        self.ledger.launch(batch, first_job)
        jobs: Sequence[JobReturn] = []
        broke: Exception | None = None
        try:
            jobs = self.launcher.launch([trial.overrides for trial in batch], initial_job_idx=first_job)
        except Exception as error:
            # A config that cannot be composed, a worker killed for memory, a time limit of the cluster.
            broke = error
            log.warning(f"A launch broke: {type(error).__name__}: {error}")
        returned = dict(zip((trial.number for trial in batch), jobs, strict=False))
        for trial in batch:
            if not self._take_over(trial):
                self._without_file(trial, returned.get(trial.number), broke)
        return jobs

    def _take_over(self, trial: TrialRecord) -> bool:
        """Record the result that a trial's job has left in the sweep folder, if there is one."""
        left = self.ledger.left_result(trial)
        if left is not None:
            self._finish(trial, *left)
        return left is not None

    def _without_file(self, trial: TrialRecord, job: JobReturn | None, broke: Exception | None) -> None:
        """A trial whose job left no result in the folder: the launcher may have it; else it runs once more."""
        if job is not None:
            self._finish(trial, trial.jobs[-1], Result.of_return(job))
            return
        self.broken[trial.number] += 1
        if self.broken[trial.number] > 1:
            error = broke or RuntimeError("the launcher gave no result")
            self._finish(trial, trial.jobs[-1], Result.of_error(error))

    def _finish(self, trial: TrialRecord, job: int, result: Result) -> None:
        # A grid may be run for its own sake; to optimise, a number is needed.
        if result.status == COMPLETED and result.value is None and not self.exhaustive:
            result.status, result.error = FAILED, "the job returned no number"
        self.ledger.finish(trial, job, result)
        if self.search is not None:
            self.search.tell(trial.number, self._loss(trial))
        if result.error:
            log.warning(f"Trial {trial.number} (job {job}) {result.status}: {result.error}")

    def _refuse_failures(self) -> None:
        """Raise once more trials have failed than `max_failure_rate` of the total allows."""
        allowed = self.options.max_failure_rate * self.total
        if self.ledger.failures > allowed:
            raise SweepError(
                f"{self.ledger.failures} of {self.total} trials have failed, more than "
                f"hydra.sweeper.max_failure_rate={self.options.max_failure_rate} allows; the last: {self._last_error()}"
            )

    def _refuse_all_failed(self) -> None:
        trials = self.ledger.trials
        if trials and self.ledger.failures == len(trials):
            raise SweepError(f"All {len(trials)} trials have failed; the last: {self._last_error()}")

    def _last_error(self) -> str | None:
        return next((trial.error for trial in reversed(self.ledger.trials) if trial.error), None)

    def _report(self, *, last: bool) -> None:
        write_results(self.ledger)
        print_best(self.ledger, self.total, self.space.fixed, last=last)

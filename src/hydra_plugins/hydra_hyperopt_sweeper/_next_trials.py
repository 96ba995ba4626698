"""What a sweep tries next, and when it is enough: points of a grid, or what hyperopt suggests."""

import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from omegaconf import DictConfig

from ._errors import SweepError
from ._ledger import Ledger
from ._ledger_reader import COMPLETED, RUNNING, TrialRecord
from ._space import Raws, Space
from .config import HyperoptSweeperConf

if TYPE_CHECKING:
    from ._suggestion import Suggester

log = logging.getLogger(__name__)

#: Suggestions tried before a point that has already been drawn is taken again.
_REDRAWS = 200


class NextTrials:
    """The trials that a start of a sweep adds to its ledger.

    Args:
        options: of the sweep.
        space: what is searched.
        ledger: of the sweep; whoever launches a trial writes it there before the next one is asked for.

    Attributes:
        total: number of trials that the sweep goes on to.
        exhaustive: whether every point of the space is run, so that nothing has to be optimised.
    """

    def __init__(self, options: HyperoptSweeperConf, space: Space, ledger: Ledger) -> None:
        self.options = options
        self.space = space
        self.ledger = ledger
        self.total = options.max_trials
        self.exhaustive = options.algorithm.name == "grid" or space.is_at_most(options.max_trials)
        self._began = time.monotonic()
        self._seen = {tuple(trial.overrides) for trial in ledger.trials}
        self._search: Suggester | None = None
        if self.exhaustive:
            self._points = self._new_points()
            self._limit_to_grid()
        else:
            self._search = self._make_search()

    def batch_size(self) -> int:
        """Jobs to launch in one go: `n_jobs`, or a whole grid where nothing has to be watched between its points."""
        options = self.options
        rules = (options.timeout, options.loss_threshold, options.no_progress_stop)
        watched = options.max_failure_rate < 1 or any(rule is not None for rule in rules)
        size = self.total if self.exhaustive and options.n_jobs == 1 and not watched else options.n_jobs
        return min(size, options.max_batch_size or size)

    def take(self, count: int) -> list[TrialRecord]:
        """Up to `count` new trials; fewer, or none, at the end of the grid or of the total."""
        return list(self._suggest(min(count, self.total - len(self.ledger.trials))))

    def tell(self, trial: TrialRecord) -> None:
        """Let the search know how a trial ended."""
        if self._search is not None:
            self._search.tell(trial.number, self._loss(trial))

    def stop_reason(self) -> str | None:
        """Why no further trial begins, in a few words; None where the sweep goes on."""
        options, ledger = self.options, self.ledger
        if options.timeout is not None and time.monotonic() - self._began >= options.timeout:
            return f"hydra.sweeper.timeout={options.timeout} seconds are over"
        best = next(iter(ledger.ranked), None)
        if best is None or best.value is None:
            return None
        if options.loss_threshold is not None:
            sign = -1 if options.direction == "maximize" else 1
            if sign * best.value <= sign * options.loss_threshold:
                return f"{best.value} reaches hydra.sweeper.loss_threshold={options.loss_threshold}"
        if options.no_progress_stop is not None:
            later = sum(trial.status != RUNNING for trial in ledger.trials[best.number + 1 :])
            if later >= options.no_progress_stop:
                return f"no better value in {later} trials"
        return None

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

    def _suggest(self, count: int) -> Iterator[TrialRecord]:
        first = len(self.ledger.trials)
        for number in range(first, first + count):
            raws = next(self._points, None) if self.exhaustive else self._draw(number)
            if raws is None:
                return
            trial = TrialRecord(number, raws, self.space.overrides(raws))
            self._seen.add(tuple(trial.overrides))
            yield trial

    def _draw(self, number: int) -> Raws:
        """What hyperopt suggests, and no point twice while it can be helped."""
        assert self._search is not None
        raws: Raws = {}
        for attempt in range(_REDRAWS):
            raws = self._search.suggest(number, attempt)
            if tuple(self.space.overrides(raws)) not in self._seen:
                break
        self._search.add(number, raws)
        return raws

    def _new_points(self) -> Iterator[Raws]:
        """The grid's points that no trial has run."""
        for raws in self.space.points(self.ledger.seed):
            if tuple(self.space.overrides(raws)) not in self._seen:
                yield raws

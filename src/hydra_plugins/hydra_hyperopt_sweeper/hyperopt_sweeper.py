"""The class that Hydra finds. It stays light: every Hydra program imports it, few sweep."""

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from .config import HyperoptSweeperConf


class HyperoptSweeper(Sweeper):
    """Searches a space of overrides with hyperopt; the options are those of `HyperoptSweeperConf`."""

    def __init__(self, **options: Any) -> None:
        self.options = HyperoptSweeperConf(**options)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what `sweep` needs; the launcher is made there, once it is known what the jobs record."""
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config

    def sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        """Run the sweep that the command-line overrides `arguments` and `hydra.sweeper.params` describe.

        Args:
            arguments: the overrides as typed.

        Returns:
            The batches of jobs that this start has run; those of earlier starts are in the ledger.

        Raises:
            SweepError: for a mistake in the space or the options, before any job.
        """
        from ._start import run_sweep

        assert self.hydra_context is not None
        assert self.config is not None
        return run_sweep(self.options, arguments, self.hydra_context, self.task_function, self.config)

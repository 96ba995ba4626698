"""Lightning callbacks that end a trial of a hyperopt sweep early. Outside a sweep they do nothing."""

from abc import ABC, abstractmethod
from typing import Literal

import pytorch_lightning as pl

from hydra_plugins.hydra_hyperopt_sweeper.pruning import Trial, TrialPruned, outside_top_of_rung, worse_than_median
from libelle.components import Natural, Positive, Several
from libelle.errors import UserError


class Pruning(pl.Callback, ABC):
    """Reports a metric of each epoch to the sweep, and ends the trial when a rule says so.

    Args:
        monitor: a metric that validation logs; None takes average precision (binary) or accuracy (multiclass).
        mode: `max` or `min`, which of the metric's values are good.
    """

    def __init__(self, monitor: str | None = None, mode: Literal["max", "min"] = "max") -> None:
        self.monitor = monitor
        self.direction = "maximize" if mode == "max" else "minimize"

    @abstractmethod
    def lags(self, trial: Trial) -> bool:
        """Whether the trial is so far behind that it should end."""

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report the epoch's value.

        Raises:
            TrialPruned: when the trial lags.
            UserError: when validation does not log `monitor`.
        """
        trial = Trial.current()
        if trial is None or trainer.sanity_checking:
            return
        values = trainer.callback_metrics
        defaults = ("validation_average_precision", "validation_accuracy")
        name = self.monitor or next((name for name in defaults if name in values), defaults[-1])
        if name not in values:
            raise UserError(
                f"callbacks.pruning.monitor={name} is not logged; choose among {', '.join(sorted(map(str, values)))}."
            )
        epoch, value = trainer.current_epoch, float(values[name])
        trial.report(epoch, value)
        if self.lags(trial):
            raise TrialPruned(f"pruned after epoch {epoch + 1}: {name} is {value:.6g}, behind the other trials'")


class MedianPruning(Pruning):
    """The median stopping rule (Golovin et al. 2017, "Google Vizier").

    Args:
        monitor: as for `Pruning`.
        mode: as for `Pruning`.
        startup_trials: finished trials to compare with, at least.
        warmup_epochs: epochs that every trial gets.
    """

    def __init__(
        self,
        monitor: str | None = None,
        mode: Literal["max", "min"] = "max",
        startup_trials: Positive = 5,
        warmup_epochs: Natural = 2,
    ) -> None:
        super().__init__(monitor, mode)
        self.startup_trials = startup_trials
        self.warmup_epochs = warmup_epochs

    def lags(self, trial: Trial) -> bool:
        """Whether the best value so far is worse than the median of the completed trials at this epoch."""
        return worse_than_median(
            trial.curve(),
            trial.finished_curves(),
            direction=self.direction,
            startup_trials=self.startup_trials,
            warmup_steps=self.warmup_epochs,
        )


class HalvingPruning(Pruning):
    """Asynchronous successive halving (Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning").

    Args:
        monitor: as for `Pruning`.
        mode: as for `Pruning`.
        min_epochs: the first rung.
        reduction_factor: from rung to rung; one in this many trials goes on.
    """

    def __init__(
        self,
        monitor: str | None = None,
        mode: Literal["max", "min"] = "max",
        min_epochs: Positive = 2,
        reduction_factor: Several = 3,
    ) -> None:
        super().__init__(monitor, mode)
        self.min_epochs = min_epochs
        self.reduction_factor = reduction_factor

    def lags(self, trial: Trial) -> bool:
        """Whether this epoch is a rung and the trial is not among the best there."""
        return outside_top_of_rung(
            trial.curve(),
            trial.finished_curves(("completed", "pruned")),
            direction=self.direction,
            min_resource=self.min_epochs,
            reduction_factor=self.reduction_factor,
        )

"""The whole state of training after each epoch, on this machine, so that a run that was killed goes on from there."""

import csv
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger

from libelle.models.ranks import of_all

_STATE, _BEST, _HISTORY = "state.ckpt", "best.ckpt", "history.csv"
#: The folder of an epoch whose last figures are not logged yet.
_PENDING = "pending"


class EpochState(Checkpoint):
    """Keeps, in a folder for each epoch, what training has come to; of the folders, the last.

    Lightning keeps weights, optimizer, schedule, loops and callbacks. What else decides how training goes on is kept
    here: the random states, whether it was to stop, the best weights and the history that was logged. On the CPU, a
    training that resumes ends with the very weights of one that was not interrupted. Of several ranks, the first one
    writes, and all call Lightning.

    Args:
        folder: for the epochs' folders.
        order: draws the order of the training rows.
        rank: this process's, among those that train together.
        ranks: their number.
    """

    def __init__(self, folder: Path, order: torch.Generator, rank: int = 0, ranks: int = 1) -> None:
        self.folder, self.order, self.rank, self.ranks = folder, order, rank, ranks
        self._stop = False
        self._resumed: dict[str, Any] | None = None

    def newest(self) -> Path | None:
        """The state after the last epoch that ended; None where none has."""
        done = [path for path in self.folder.glob("*") if path.name.isdecimal()]
        return max(done, key=lambda path: int(path.name)) / _STATE if done else None

    def state_dict(self) -> dict[str, Any]:
        """What Lightning does not keep, as plain values and tensors."""
        state: dict[str, Any] = {"order": self.order.get_state(), "stop": self._stop}
        if self.ranks > 1:
            return {**state, "ranks": of_all(_random_state(every=False))}
        return {**state, **_random_state(every=True)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remember the state until training starts: Lightning draws numbers before."""
        self._resumed = state_dict

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Where training resumes, bring back the history and the best weights; nothing else is left of them."""
        newest = self.newest()
        if self._resumed is None or newest is None:
            return
        if not trainer.is_global_zero:
            return
        for logger in _csv_loggers(trainer):
            if (newest.parent / _HISTORY).exists():
                _restore_history(logger, newest.parent / _HISTORY)
        for best in _best_files(trainer):
            if not best.exists() and (newest.parent / _BEST).exists():
                best.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(newest.parent / _BEST, best)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Where training resumes, go back to the random states."""
        state, self._resumed = self._resumed, None
        if state is None:
            return
        trainer.should_stop = state["stop"]
        self.order.set_state(state["order"].cpu())
        _set_random_state(state["ranks"][self.rank] if self.ranks > 1 else state)
        # In each later epoch an iterator over the batches is made, which draws a seed; the first one is made already.
        torch.empty((), dtype=torch.int64).random_()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The epoch before is complete: its figures are logged now."""
        self._complete(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Likewise the last epoch."""
        self._complete(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the state."""
        pending = self.folder / _PENDING
        if trainer.is_global_zero:
            shutil.rmtree(pending, ignore_errors=True)
            pending.mkdir(parents=True)
        self._stop = trainer.should_stop
        trainer.save_checkpoint(pending / _STATE)
        for best in _best_files(trainer) if trainer.is_global_zero else ():
            os.link(best, pending / _BEST)

    def _complete(self, trainer: pl.Trainer) -> None:
        pending = self.folder / _PENDING
        if not (trainer.is_global_zero and pending.exists()):
            return
        for logger in _csv_loggers(trainer):
            logger.save()
            if Path(logger.experiment.metrics_file_path).exists():
                shutil.copyfile(logger.experiment.metrics_file_path, pending / _HISTORY)
        before = [path for path in self.folder.glob("*") if path.name.isdecimal()]
        number = max((int(path.name) for path in before), default=0) + 1
        pending.rename(self.folder / str(number))
        for path in before:
            shutil.rmtree(path)


def _random_state(*, every: bool) -> dict[str, Any]:
    """The states of torch's generators: of every GPU, or of the one that is this process's alone."""
    state: dict[str, Any] = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all() if every else [torch.cuda.get_rng_state()]
    return state


def _set_random_state(state: dict[str, Any]) -> None:
    """Go back to the states that `_random_state` gave."""
    if "cuda" in state and torch.cuda.is_available():
        found = [each.cpu() for each in state["cuda"]]
        if len(found) == 1:
            torch.cuda.set_rng_state(found[0])
        else:
            torch.cuda.set_rng_state_all(found)
    torch.set_rng_state(state["torch"].cpu())


def _csv_loggers(trainer: pl.Trainer) -> list[CSVLogger]:
    """The logger whose file is the run's history: the first that writes CSV."""
    return [logger for logger in trainer.loggers if isinstance(logger, CSVLogger)][:1]


def _best_files(trainer: pl.Trainer) -> Iterator[Path]:
    """The file of the best weights so far, where there is one."""
    checkpoint = trainer.checkpoint_callback
    if isinstance(checkpoint, ModelCheckpoint) and checkpoint.best_model_path:
        yield Path(checkpoint.best_model_path)


def _restore_history(logger: CSVLogger, history: Path) -> None:
    experiment = logger.experiment
    shutil.copyfile(history, experiment.metrics_file_path)
    with history.open(encoding="utf-8", newline="") as file:
        experiment.metrics_keys = next(csv.reader(file), [])

"""Callbacks for trainings in several processes, which import them anew."""

import os
import signal
from pathlib import Path

import pytorch_lightning as pl

from libelle.errors import UserError


class Killer(pl.Callback):
    """Ends the process of one rank at the end of the second epoch, once: `marker` is there from then on.

    By SIGTERM, for which Lightning would let the ranks wait for each other.
    """

    def __init__(self, marker: str, rank: int = 1) -> None:
        self.marker, self.rank = Path(marker), rank

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if (trainer.global_rank, trainer.current_epoch) == (self.rank, 1) and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGTERM)


class Refuser(pl.Callback):
    """Refuses to begin, in one rank."""

    def __init__(self, rank: int = 1) -> None:
        self.rank = rank

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.global_rank == self.rank:
            raise UserError("callbacks.refuser refuses; leave it out.")

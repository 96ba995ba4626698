"""Training in a pipe: a line an epoch, where a terminal shows a bar."""

import logging
import time
from typing import Any

import pytorch_lightning as pl

from libelle.progress import LINE_EVERY

log = logging.getLogger(__name__)


class EpochLines(pl.Callback):
    """Logs what was validated, each time, and within a long epoch how far it is."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to count the seconds."""
        self._begun = self._said = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Say how far the epoch is, where nothing was said for some time."""
        if time.monotonic() - self._said > LINE_EVERY:
            self._say(trainer, f"{batch_idx + 1:,} of {trainer.num_training_batches:,} steps")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say what was validated."""
        if trainer.sanity_checking:
            return
        found = {name: value for name, value in trainer.callback_metrics.items() if name.startswith("validation_")}
        self._say(trainer, ", ".join(f"{name} {float(value):.4f}" for name, value in found.items()))

    def _say(self, trainer: pl.Trainer, what: str) -> None:
        self._said = time.monotonic()
        of = f" of {trainer.max_epochs}" if trainer.max_epochs and trainer.max_epochs > 0 else ""
        log.info("epoch %d%s: %s, %.0f s", trainer.current_epoch + 1, of, what, self._said - self._begun)

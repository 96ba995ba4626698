"""What training shows while it lasts: a bar on a terminal, in a pipe a line an epoch."""

import logging
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import RichProgressBar

from libelle import logs
from libelle.progress import LINE_EVERY

#: Columns of a terminal from which on the bar shows all, or all but its speed.
_ALL_COLUMNS, _NO_SPEED = 160, 80
#: Columns that the bar takes without figures and speed, and its time alone.
_BAR, _TIME = 55, 18

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


class EpochBar(RichProgressBar):
    """Lightning's bar on one line: where the terminal is narrow, with fewer columns and figures, and these whole."""

    def configure_columns(self, trainer: pl.Trainer) -> list[Any]:
        """All columns where there is room for the figures beside them; else no speed, and then no time."""
        columns: list[Any] = super().configure_columns(trainer)
        width = self._width()
        return columns if width >= _ALL_COLUMNS else columns[:4] if width >= _NO_SPEED else columns[:3]

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """As many figures as fit, what was validated first."""
        found = super().get_metrics(trainer, pl_module)
        found.pop("v_num", None)
        names = sorted(found, key=lambda name: not name.startswith("validation_"))
        width = self._width()
        room = width - (_BAR if width >= _NO_SPEED else _BAR - _TIME)
        fitting: dict[str, Any] = {}
        for name in names:
            room -= len(f"{name}: {found[name]:.3f} " if isinstance(found[name], float) else f"{name}: {found[name]} ")
            if room < 0:
                break
            fitting[name] = found[name]
        return fitting

    def _width(self) -> int:
        console = logs.terminal()
        return _ALL_COLUMNS if console is None else console.width

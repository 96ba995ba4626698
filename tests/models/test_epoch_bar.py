"""The bar of training fits the terminal: fewer figures, and these whole."""

from pathlib import Path

import pytest
import pytorch_lightning as pl
from rich.console import Console

from libelle import logs
from libelle.models.epoch_lines import EpochBar

FIGURES = {"train_loss": 1.25, "validation_loss": 0.4, "validation_average_precision": 0.5}


class Module(pl.LightningModule):
    """A module that nothing is trained with."""


@pytest.mark.parametrize(
    ("width", "columns", "figures"),
    [
        (200, 5, ["validation_loss", "validation_average_precision", "train_loss"]),
        (100, 4, ["validation_loss"]),
        (80, 4, ["validation_loss"]),
        (60, 3, ["validation_loss"]),
        (40, 3, []),
    ],
)
def test_a_narrow_terminal_loses_columns_and_figures(
    width: int, columns: int, figures: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "terminal", lambda: Console(width=width))
    bar = EpochBar()
    trainer = pl.Trainer(accelerator="cpu", logger=False, callbacks=[bar], default_root_dir=tmp_path)
    monkeypatch.setattr(type(trainer), "progress_bar_metrics", FIGURES)
    assert len(bar.configure_columns(trainer)) == columns
    assert list(bar.get_metrics(trainer, Module())) == figures

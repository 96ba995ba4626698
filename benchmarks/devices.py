"""How long an epoch takes in one process and in two, and what the model comes to; prints a table.

    python benchmarks/devices.py                              census forms, one process and two
    python benchmarks/devices.py --rows 100000 --models "model=transformer model.dim=256 model.blocks=4"
    python benchmarks/devices.py --keys trainer.accelerator=gpu trainer.precision=bf16-mixed --devices 1 2

Seconds are those of the clock, of the fastest epoch of each seed, and their mean: other work on the machine makes them
longer. `whole` is the training with all that belongs to it: with several processes, their start and imports, too.
"""

import argparse
import logging
import os
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import quality
from sklearn.metrics import average_precision_score

from libelle.cli.lightning_nodes import make_lightning
from libelle.data.split import SPLITS, TEST, TRAIN, VALIDATION
from libelle.models.base import Training
from libelle.training.prepared_data import Prepared

_TIMES = "epochs.txt"


class EpochSeconds(pl.Callback):
    """Writes a line an epoch: its seconds, validation included."""

    def __init__(self, path: str) -> None:
        self.path = path

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note when it begins."""
        self.begun = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write how long it took."""
        if trainer.is_global_zero:
            with Path(self.path).open("a", encoding="utf-8") as file:
                file.write(f"{time.monotonic() - self.begun}\n")


def main() -> None:
    """Train everything once, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000, help="synthetic census forms")
    parser.add_argument("--models", nargs="+", default=["model=mlp", "model=transformer"], help="texts of overrides")
    parser.add_argument("--devices", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--keys", nargs="*", default=["trainer.accelerator=cpu"], help="overrides for all")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    print(f"{arguments.rows:,} forms, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start.\n")
    print("| model | devices | s an epoch | whole, s | average precision, test | by seed |")
    print("|---|---|---|---|---|---|")
    for model in arguments.models:
        for count in arguments.devices:
            keys = ["data=bi", f"data.size={arguments.rows}", f"trainer.devices={count}", *arguments.keys]
            runs = [train([*keys, *model.split()], seed) for seed in arguments.seeds]
            epoch, whole, found = (np.array(values) for values in zip(*runs, strict=True))
            seeds = ", ".join(f"{value:.4f}" for value in found)
            row = f"| `{model}` | {count} | {epoch.mean():.2f} | {whole.mean():.1f} | {found.mean():.4f} | {seeds} |"
            print(row, flush=True)
    print(f"\nLoad {os.getloadavg()[0]:.1f} at the end.")


def train(overrides: list[str], seed: int) -> tuple[float, float, float]:
    """Seconds of the fastest epoch, those of the whole training, and the test rows' average precision."""
    from devices import EpochSeconds as Importable  # not of __main__, which another process cannot import

    plan = quality.plan_of(overrides)
    prepared = Prepared.from_source(plan.source, plan.source.read(), plan.cleaners, plan.process)
    datasets = {split: prepared.dataset(split) for split in SPLITS}
    with tempfile.TemporaryDirectory() as name:
        callbacks, loggers = make_lightning(quality.config(tuple(overrides)), Path(name))
        timer = Importable(str(Path(name) / _TIMES))
        training = Training(Path(name), seed, plan.trainer, [*callbacks, timer], loggers)
        begun = time.monotonic()
        plan.model.fit(datasets[TRAIN], datasets[VALIDATION], len(prepared.labels), training)
        whole = time.monotonic() - begun
        epochs = [float(line) for line in (Path(name) / _TIMES).read_text(encoding="utf-8").split()]
    scores = plan.model.predict_proba(datasets[TEST].features)[:, 1]
    return min(epochs), whole, float(average_precision_score(datasets[TEST].targets, scores))


if __name__ == "__main__":
    main()

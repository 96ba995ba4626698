"""Runs to compare."""

import io
from pathlib import Path

import pandas as pd

from helpers.tiny import make_forms, tiny_plan
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore
from libelle.training.plan import Provenance
from libelle.training.workflow import full


def train_runs(folder: Path) -> None:
    """Train three runs on the same forms, into `store/`."""
    make_forms(400).to_csv(folder / "forms.csv", index=False)
    for epochs, seed in ((1, 1), (4, 1), (3, 2)):
        trainer = {"max_epochs": epochs, "accelerator": "cpu"}
        provenance = Provenance(config={"seed": seed, "trainer": trainer})
        full(tiny_plan(folder, trainer=trainer, seed=seed, provenance=provenance))


def runs_in(place: Path) -> list[Run]:
    store = LocalStore(root=str(place / "store"))
    (day,) = store.folders("runs/")
    ids = sorted(RunId.parse(f"{day}_{number}") for number in store.folders(f"runs/{day}/"))
    return [Run.open(store, run_id) for run_id in ids]


def put_predictions(run: Run, table: pd.DataFrame) -> None:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    run.change("predictions.parquet", lambda _: buffer.getvalue())

"""Runs, as a store holds them."""

from collections.abc import Iterator

from libelle.errors import UserError
from libelle.runs.ids import RunId
from libelle.runs.run import COMPLETED, Manifest, Run
from libelle.stores.base import Store, in_parallel


def run_ids(store: Store) -> Iterator[RunId]:
    """Ids of all runs, newest first; days are listed one by one, as far as they are asked for."""
    for day in sorted(store.folders("runs/"), reverse=True):
        numbers = [int(name) for name in store.folders(f"runs/{day}/") if name.isdecimal()]
        for number in sorted(numbers, reverse=True):
            yield RunId.parse(f"{day}_{number}")


def manifests(store: Store) -> list[Manifest]:
    """Manifests of all runs, newest first."""
    return in_parallel(lambda run_id: Run.open(store, run_id).manifest, list(run_ids(store)))


def runs_of_sweep(store: Store, sweep: str) -> list[Manifest]:
    """Manifests of a sweep's runs, in the order of their trials."""
    found = [manifest for manifest in manifests(store) if manifest.sweep == sweep]
    return sorted(found, key=lambda manifest: manifest.trial or 0)


def newest(store: Store) -> RunId:
    """Id of the newest completed run.

    Raises:
        UserError: when there is none.
    """
    for run_id in run_ids(store):
        if Run.open(store, run_id).manifest.status == COMPLETED:
            return run_id
    raise UserError(f"There is no completed run in {store}; train one with python train.py.")

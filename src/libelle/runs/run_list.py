"""Runs, as a store holds them."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from libelle.errors import UserError
from libelle.runs.heartbeat import as_seen
from libelle.runs.ids import RunId
from libelle.runs.run import COMPLETED, DELETED, STATUSES, Manifest, Run
from libelle.stores.base import Store, in_parallel
from libelle.stores.documents import parse_document
from libelle.stores.outbox import command_line

log = logging.getLogger(__name__)


def run_ids(store: Store) -> Iterator[RunId]:
    """Ids of all runs, newest first; days are listed one by one, as far as they are asked for."""
    for day in sorted(store.folders("runs/"), reverse=True):
        names = [f"{day}_{number}" for number in store.folders(f"runs/{day}/")]
        yield from sorted((RunId.parse(name) for name in names if RunId.matches(name)), reverse=True)


def manifests(store: Store) -> list[Manifest]:
    """Manifests of all runs, newest first."""
    found = in_parallel(lambda run_id: _manifest(store, run_id), list(run_ids(store)))
    return [manifest for manifest in found if manifest is not None]


def runs_of_sweep(store: Store, sweep: str) -> list[Manifest]:
    """Manifests of a sweep's runs, in the order of their trials."""
    found = [manifest for manifest in manifests(store) if manifest.sweep == sweep]
    return sorted(found, key=lambda manifest: manifest.trial or 0)


def run_of_trial(runs: Sequence[Manifest], trial: int | None) -> Manifest | None:
    """The completed run of a sweep's trial, the newest where it has several; None where none has completed.

    Args:
        runs: manifests of the sweep's runs.
        trial: its number; None where the sweep has no such trial.
    """
    done = [item for item in runs if item.trial == trial and item.value is not None]
    return max(done, key=lambda item: item.started, default=None)


def newest(store: Store) -> RunId:
    """Id of the newest completed run.

    Raises:
        UserError: when no run has completed.
    """
    for run_id in run_ids(store):
        manifest = _manifest(store, run_id)
        if manifest is not None and manifest.status == COMPLETED:
            return run_id
    raise UserError(f"There is no completed run in {store}; train one with {command_line(store, 'train')}.")


def _manifest(store: Store, run_id: RunId) -> Manifest | None:
    """A run's manifest; None where a folder has none (yet), or one that cannot be read: that must not hide others."""
    try:
        return as_seen(store, Run.open(store, run_id).manifest)
    except UserError as error:
        log.warning("Passed over: %s", error)
        return None


def size(manifest: Manifest) -> int:
    """Bytes of a run's files; 0 for a run that goes on."""
    return sum(file["size"] for file in manifest.files.values())


def duration(manifest: Manifest) -> float | None:
    """Seconds from the claim of the id to the end; None for a run that goes on."""
    if manifest.finished is None:
        return None
    return (datetime.fromisoformat(manifest.finished) - datetime.fromisoformat(manifest.started)).total_seconds()


#: What a run can be chosen and sorted by.
COLUMNS = (
    "run_id",
    "status",
    "data",
    "model",
    "seed",
    "objective",
    "value",
    "duration",
    "size",
    "base",
    "sweep",
    "trial",
    "note",
)
#: What the head of a printed list calls some of them.
_SHOWN = {"run": "run_id", "seconds": "duration"}


def select(manifests: Sequence[Manifest], where: Mapping[str, str]) -> list[Manifest]:
    """Choose and order runs as a person types it.

    Args:
        manifests: newest first.
        where: column → value; `sort`: a column, with a `-` for the largest first; `limit`: runs at most. Deleted runs
            are chosen by `status=deleted` alone.

    Raises:
        UserError: when a key is not a column, `status` is none, or `limit` is not a number.
    """
    where = {_SHOWN.get(key, key): value for key, value in where.items()}
    sort, limit = where.pop("sort", ""), where.pop("limit", "50")
    for key in where:
        if key not in COLUMNS:
            raise UserError(f"{key} is not a column of runs; choose {', '.join(COLUMNS)}, sort or limit.")
    name = sort.removeprefix("-")
    name = _SHOWN.get(name, name)
    if sort and name not in COLUMNS:
        raise UserError(f"sort={sort} is not a column of runs; choose {', '.join(COLUMNS)}.")
    if "status" in where and where["status"] not in STATUSES:
        raise UserError(f"status={where['status']} is not the status of a run; choose {', '.join(STATUSES)}.")
    if not limit.isdecimal():
        raise UserError(f"limit={limit} is not a number of runs; write for instance limit=20.")
    there = [item for item in manifests if item.status != DELETED or "status" in where]
    chosen = [item for item in there if all(_text(column(item, key)) == value for key, value in where.items())]
    if sort:
        known = [item for item in chosen if column(item, name) is not None]
        known.sort(key=lambda item: RunId.parse(item.run_id) if name == "run_id" else column(item, name))
        # Runs without a value come last either way.
        chosen = known[:: -1 if sort.startswith("-") else 1] + [item for item in chosen if column(item, name) is None]
    return chosen[: int(limit)]


def column(manifest: Manifest, name: str) -> Any:
    """The value of a column."""
    computed = {"duration": duration, "size": size}
    return computed[name](manifest) if name in computed else getattr(manifest, name)


def differences(*runs: Run) -> list[tuple[Any, ...]]:
    """What differs between runs: key and each run's value, for config, data and metrics."""
    flat = [_flatten(_contents(run)) for run in runs]
    rows = [(key, *(values.get(key) for values in flat)) for key in sorted(set().union(*flat))]
    return [row for row in rows if any(value != row[1] for value in row[2:])]


def _contents(run: Run) -> dict[str, Any]:
    contents: dict[str, Any] = {"data_fingerprint": run.manifest.data_fingerprint}
    # A run that failed has not got all of its files.
    stored = {name: f"{run.id}.{name}" in run.manifest.files for name in ("config.yaml", "metrics.json")}
    if stored["config.yaml"]:
        contents["config"] = run.read_config()
    if stored["metrics.json"]:
        where = f"{run.key('metrics.json')} in {run.store}"
        metrics = parse_document(run.read("metrics.json"), dict[str, dict[str, Any]], where)
        contents["metrics"] = {
            split: {name: value for name, value in values.items() if name != "classes"}
            for split, values in metrics.items()
        }
    return contents


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat |= _flatten(item, f"{prefix}.{key}" if prefix else str(key))
    return flat


def _text(value: Any) -> str:
    return "" if value is None else str(value)

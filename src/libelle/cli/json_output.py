"""What `runs.py` prints with `format=json`: what `run_tables` prints for people, for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from libelle.published import Publication
from libelle.runs.cleaning import Leftover
from libelle.runs.run import Manifest, Run
from libelle.runs.run_list import COLUMNS, column, size
from libelle.runs.synced import Synced

if TYPE_CHECKING:  # importing it takes a second
    from libelle.evaluation.comparison import Comparison


def print_runs(manifests: Sequence[Manifest], _: Mapping[str, str] = MappingProxyType({})) -> None:
    """Print an array, one object per run, of the columns that runs can be chosen and sorted by."""
    _print([{name: column(item, name) for name in COLUMNS} for item in manifests])


def print_run(run: Run, _: str | None = None, published: Sequence[Publication] = ()) -> None:
    """Print a run's manifest, and in it its `metrics`, null where it has none, and what is `published` of it."""
    has_metrics = f"{run.id}.metrics.json" in run.manifest.files
    about = {
        **asdict(run.manifest),
        "metrics": run.read_json("metrics.json") if has_metrics else None,
        "published": [
            {"model": str(item), "gate": None if item.gate is None else asdict(item.gate)} for item in published
        ],
    }
    _print({"size": size(run.manifest), **about})


def print_differences(first: Run, second: Run, rows: Sequence[tuple[Any, ...]]) -> None:
    """Print an object, key → run id → value."""
    _print(_by_run(rows, [str(first.id), str(second.id)]))


def print_deletion(manifests: Sequence[Manifest], done: bool, _: Sequence[str]) -> None:
    """Print an object: `deleted`, whether it has been done, and the ids of the `runs`."""
    _print({"deleted": done, "runs": [item.run_id for item in manifests]})


def print_sync(found: Sequence[Synced]) -> None:
    """Print an array, one object for each that was kept: `what`, `folder` and `reason`, null where it was sent."""
    _print([asdict(item) for item in found])


def print_note(run: Run) -> None:
    """Print an object: `run_id` and `note`."""
    _print({"run_id": str(run.id), "note": run.manifest.note})


def print_cleaning(found: Sequence[Leftover], done: bool, _: Sequence[str]) -> None:
    """Print an object: `removed`, whether it has been done, and `found`, an array of `kind`, `name` and `size`."""
    items = [{"kind": item.kind, "name": item.name, "size": item.size} for item in found]
    _print({"removed": done, "found": items})


def print_comparison(comparison: "Comparison", page: Path) -> None:
    """Print an object about runs side by side; metrics and their differences are `value`, `low` and `high`.

    `records` of the test split, `runs`, `differences` (each run but the first, less the first), `config` (key → run id
    → value) and `report`, where the page is.
    """
    ids = [candidate.run_id for candidate in comparison.candidates]
    runs = [
        {
            "run_id": candidate.run_id,
            "model": candidate.manifest.model,
            "threshold": candidate.rule.threshold,
            "metrics": {name: asdict(interval) for name, interval in candidate.intervals.items()},
        }
        for candidate in comparison.candidates
    ]
    differences = []
    for item in comparison.differences:
        said = comparison.verdicts(item)
        differences.append(
            {
                "run_id": item.candidate.run_id,
                "from": ids[0],
                "metrics": {
                    name: {**asdict(interval), "verdict": said[name]} for name, interval in item.metrics.items()
                },
                "only_first": item.only_first,
                "only_this": item.only_this,
                "p": item.p,
                "p_holm": item.p_holm,
                "decisions": comparison.decisions(item),
            }
        )
    _print(
        {
            "records": len(comparison.targets),
            "weighted": comparison.weighted,
            "runs": runs,
            "differences": differences,
            "config": _by_run(comparison.config, ids),
            "report": str(page),
        }
    )


def _by_run(rows: Sequence[tuple[Any, ...]], ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {key: dict(zip(ids, values, strict=True)) for key, *values in rows}


def _print(value: Any) -> None:
    print(json.dumps(_finite(value), ensure_ascii=False, allow_nan=False))


def _finite(value: Any) -> Any:
    """The same with null for what JSON has no number for, as a metric that is not defined."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value

"""What people see of a sweep as it goes: the table of the best trials, and `optimization_results.yaml`."""

import os
from collections.abc import Collection
from typing import Any

import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ._ledger import Ledger


def write_results(ledger: Ledger) -> None:
    """Write `optimization_results.yaml`: the best trial, its overrides ready to use, and counts by status."""
    best = next(iter(ledger.ranked), None)
    results: dict[str, Any] = {
        "name": "hyperopt",
        "objective": ledger.header.objective,
        "direction": ledger.header.direction,
        "best_value": best and best.value,
        "best_overrides": best and best.overrides,
        "best_trial": best and best.number,
        "best_job": best and best.finished_by,
        "trials": ledger.counts,
    }
    path = ledger.folder / "optimization_results.yaml"
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(yaml.safe_dump(results, allow_unicode=True, sort_keys=False), encoding="utf-8")
    partial.replace(path)


def print_best(ledger: Ledger, total: int, fixed: Collection[str], *, last: bool) -> None:
    """Print the five best trials to stderr: after each batch on a terminal, elsewhere once, at the end.

    Args:
        ledger: of the sweep.
        total: number of trials that the sweep goes on to.
        fixed: overrides that are left out, being the same in every trial.
        last: whether the sweep is over.
    """
    console = Console(stderr=True)
    best = ledger.ranked[:5]
    if not best or not (last or console.is_terminal):
        return
    counts = ", ".join(f"{count} {status}" for status, count in sorted(ledger.counts.items()))
    title = f"{counts}, of {total} trial{'' if total == 1 else 's'}"
    table = Table("trial", "job", ledger.header.objective or "value", "overrides", title=title)
    for trial in best:
        overrides = escape(" ".join(override for override in trial.overrides if override not in fixed))
        table.add_row(str(trial.number), str(trial.finished_by), f"{trial.value:.6g}", overrides)
    console.print(table)

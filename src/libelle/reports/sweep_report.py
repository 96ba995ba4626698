"""The report of a sweep: one HTML file in its folder."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra_plugins.hydra_hyperopt_sweeper.sweep import FAILURES, TrialRecord
from libelle.files import whole_file
from libelle.reports.page import render
from libelle.tuning.sweep import Sweep

#: Trials in the table of the best.
_BEST = 6
#: Parallel coordinates with more axes are a ball of wool.
_AXES = 9


def write_report(
    folder: Path,
    *,
    title: str,
    runs: Mapping[int, str] | None = None,
    objective: str | None = None,
    again: Sequence[str] = (),
) -> Path:
    """Write `report.html` into a sweep folder: what the sweep found, in one file that needs no other.

    Args:
        folder: the sweep folder, which holds `trials.jsonl`; the sweep need not be over.
        title: heads the page.
        runs: the libelle run of each job, where there is one.
        objective: what the jobs return, where the sweep itself does not name it.
        again: the overrides that train the best trial again, alone; by default those of its job.

    Returns:
        The file.

    Raises:
        SweepError: where the folder holds no sweep.
    """
    # Matplotlib takes half a second to import, scikit-learn one: the jobs of a sweep do without them.
    from libelle.reports import sweep_figures as figures
    from libelle.tuning.importance import importances

    sweep = Sweep.read(folder)
    sweep.header = replace(sweep.header, objective=sweep.header.objective or objective)
    importance = importances(sweep)
    varying = [item.parameter for item in importance.parameters]
    page = render(
        "reports/sweep_report.html.j2",
        title=title,
        sweep=sweep,
        again=again or (sweep.best.overrides if sweep.best else ()),
        searched=lambda trial: _searched(sweep, trial),
        job_runs=runs or {},
        best=sweep.ranked[:_BEST],
        failures=_failures(sweep),
        importance=importance,
        left_out=len(varying[_AXES:]),
        importance_bars=figures.importance_bars(importance),
        history=figures.history(sweep),
        coordinates=figures.coordinates(sweep, varying[:_AXES]),
        slices=figures.slices(sweep, varying),
        curves=figures.curves(sweep),
        statuses={"running": "unfinished", "nan": "no finite value", "timeout": "timed out"},
    )
    path = folder / "report.html"
    with whole_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _searched(sweep: Sweep, trial: TrialRecord) -> dict[str, str]:
    """The values that were drawn for a trial, by key; of long numbers the first digits."""
    drawn = [(p, trial.settings[p.key]) for p in sweep.parameters if p.key in trial.settings]
    return {p.key: text if p.categories else f"{float(text):.4g}" for p, text in drawn}


def _failures(sweep: Sweep) -> list[dict[str, Any]]:
    """The failed trials, grouped by reason, the most frequent reason first."""
    by_reason: dict[tuple[str, str], list[TrialRecord]] = {}
    for trial in sweep.trials:
        if trial.status in FAILURES:
            by_reason.setdefault((trial.status, trial.error or ""), []).append(trial)
    groups = [{"status": s, "error": e, "trials": trials} for (s, e), trials in by_reason.items()]
    return sorted(groups, key=lambda group: -len(group["trials"]))

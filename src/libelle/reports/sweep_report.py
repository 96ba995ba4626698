"""The report of a sweep: one HTML file in its folder."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra_plugins.hydra_hyperopt_sweeper.sweep import FAILURES, TrialRecord
from libelle.files import whole_file
from libelle.language import ENGLISH, speaking
from libelle.language import gettext as _
from libelle.reports.names import direction
from libelle.reports.page import render
from libelle.tuning.sweep import Sweep

#: Trials in the table of the best.
_BEST = 6
#: Parallel coordinates with more axes are a ball of wool.
_AXES = 9


def write_report(
    folder: Path,
    *,
    data: Collection[str] = (),
    models: Collection[str] = (),
    runs: Mapping[int, str] | None = None,
    objective: str | None = None,
    language: str = ENGLISH,
    again: Sequence[str] = (),
) -> Path:
    """Write `report.html` into a sweep folder: what the sweep found, in one file that needs no other.

    Args:
        folder: the sweep folder, which holds `trials.jsonl`; the sweep need not be over.
        data: what the runs' data are called, for the title.
        models: the models of the runs, likewise.
        runs: the libelle run of each job, where there is one.
        objective: what the jobs return, where the sweep itself does not name it.
        language: of the page.
        again: the overrides that train the best trial again, alone; by default those of its job.

    Returns:
        The file.

    Raises:
        SweepError: where the folder holds no sweep.
    """
    sweep = Sweep.read(folder)
    sweep.header = replace(sweep.header, objective=sweep.header.objective or objective)
    with speaking(language):
        page = _page(sweep, _title(folder.name, models, data), runs or {}, again)
    path = folder / "report.html"
    with whole_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _title(sweep: str, models: Collection[str], data: Collection[str]) -> str:
    if not models or not data:
        return _("Sweep {sweep}").format(sweep=sweep)
    text = _("Sweep {sweep}: {models} on {data}")
    return text.format(sweep=sweep, models=", ".join(sorted(models)), data=", ".join(sorted(data)))


def _page(sweep: Sweep, title: str, runs: Mapping[int, str], again: Sequence[str]) -> str:
    # Matplotlib takes half a second to import, scikit-learn one: the jobs of a sweep do without them.
    from libelle.reports import sweep_figures as figures
    from libelle.tuning.importance import importances

    importance = importances(sweep)
    varying = [item.parameter for item in importance.parameters]
    return render(
        "reports/sweep_report.html.j2",
        title=title,
        purpose=direction(sweep.header.direction, sweep.header.objective or _("the value that each job returns")),
        sweep=sweep,
        again=again or (sweep.best.overrides if sweep.best else ()),
        searched=lambda trial: _searched(sweep, trial),
        job_runs=runs,
        best=sweep.ranked[:_BEST],
        failures=_failures(sweep),
        importance=importance,
        left_out=len(varying[_AXES:]),
        importance_bars=figures.importance_bars(importance),
        history=figures.history(sweep),
        coordinates=figures.coordinates(sweep, varying[:_AXES]),
        slices=figures.slices(sweep, varying),
        curves=figures.curves(sweep),
        lines=figures.LINES,
        points=figures.POINTS,
    )


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

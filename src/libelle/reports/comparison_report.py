"""The page that compares runs: one self-contained HTML file, `comparison.html`."""

import json
from typing import Any

import numpy as np

from libelle.evaluation.comparison import Comparison
from libelle.reports import figures
from libelle.reports.page import render
from libelle.runs.run_list import duration


def make_page(comparison: Comparison) -> str:
    """Make the page: one HTML file that needs no other."""
    targets = comparison.targets
    runs = {candidate.name: (targets, candidate.scores) for candidate in comparison.candidates}
    binary = len(comparison.labels) == 2
    drawn = len(np.unique(targets)) > 1
    first = comparison.candidates[0]
    return render(
        "reports/comparison_report.html.j2",
        title="Runs compared: " + ", ".join(candidate.run_id for candidate in comparison.candidates),
        comparison=comparison,
        first=first,
        binary=binary,
        metrics=list(first.intervals),
        seconds=[duration(candidate.manifest) for candidate in comparison.candidates],
        ranking=figures.ranking(runs) if binary and drawn else "",
        thresholds=figures.thresholds(runs, None) if binary and drawn else "",
        coding=figures.coding(runs) if not binary and drawn else "",
        calibration=figures.calibration(runs) if drawn else "",
        text=_text,
    )


def _text(value: Any) -> str:
    """A config value for a cell."""
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

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
    first = comparison.candidates[0]
    rule = first.rule
    drawn = len(np.unique(targets)) > 1
    return render(
        "reports/comparison_report.html.j2",
        title="Runs compared: " + ", ".join(candidate.run_id for candidate in comparison.candidates),
        comparison=comparison,
        first=first,
        binary=rule.is_binary,
        metrics=list(first.intervals),
        seconds=[duration(candidate.manifest) for candidate in comparison.candidates],
        ranking=figures.ranking(runs) if rule.is_binary and drawn else "",
        thresholds=figures.thresholds(runs, None) if rule.is_binary and drawn else "",
        coding=figures.automatic_coding(runs, rule) if drawn and not rule.is_binary else "",
        calibration=figures.calibration(runs, rule) if drawn else "",
        text=_text,
    )


def _text(value: Any) -> str:
    """A config value for a cell."""
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

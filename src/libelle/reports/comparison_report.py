"""The page that compares runs: one self-contained HTML file, `comparison.html`."""

import json
from typing import Any

import numpy as np

from libelle.evaluation.bootstrap import resamples
from libelle.evaluation.comparison import Comparison
from libelle.evaluation.reliability import FEWEST_RECORDS
from libelle.language import ENGLISH, count, speaking
from libelle.language import gettext as _
from libelle.reports import figures
from libelle.reports.page import render
from libelle.runs.run_list import duration


def make_page(comparison: Comparison, language: str = ENGLISH) -> str:
    """Make the page, in a language: one HTML file that needs no other."""
    with speaking(language):
        return _page(comparison)


def _page(comparison: Comparison) -> str:
    targets = comparison.targets
    runs = {candidate.name: (targets, candidate.scores) for candidate in comparison.candidates}
    first = comparison.candidates[0]
    rule = first.rule
    drawn = len(np.unique(targets)) > 1
    return render(
        "reports/comparison_report.html.j2",
        title=_title(comparison),
        comparison=comparison,
        first=first,
        binary=rule.is_binary,
        metrics=list(first.intervals),
        resamples=resamples(len(targets)),
        fewest_in_bin=FEWEST_RECORDS,
        seconds=[duration(candidate.manifest) for candidate in comparison.candidates],
        ranking=figures.ranking(runs) if rule.is_binary and drawn else "",
        thresholds=figures.thresholds(runs, None) if rule.is_binary and drawn else "",
        coding=figures.automatic_coding(runs, rule) if drawn and not rule.is_binary else "",
        calibration=figures.calibration(runs, rule) if drawn else "",
        text=_text,
    )


def _title(comparison: Comparison) -> str:
    first = comparison.candidates[0]
    said = {
        "runs": ", ".join(candidate.run_id for candidate in comparison.candidates),
        "data": first.manifest.data,
        "count": count(len(comparison.labels)),
    }
    if not first.rule.is_binary:
        return _("Runs compared: {runs}, on {data}, {count} labels").format(**said)
    positive, negative = first.rule.positive, first.rule.labels[0]
    text = _("Runs compared: {runs}, on {data}, label {positive} or {negative}")
    return text.format(**said, positive=positive, negative=negative)


def _text(value: Any) -> str:
    """A config value for a cell."""
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

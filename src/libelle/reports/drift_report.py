"""The page beside a scored file: does it look like the training data?"""

import numpy as np

from libelle.evaluation.drift import DRAWN_BINS, EFFECT, Seen, compare, verdict
from libelle.evaluation.drift_reference import KNOWN_RECORDS
from libelle.reports import drift_figures
from libelle.reports.page import render

LISTED_LABELS = 20


def make_page(seen: Seen, source: str) -> tuple[str, list[str]]:
    """The page about what was scored, and its verdict.

    Args:
        seen: the counts of all records.
        source: what the page calls them.
    """
    drift = compare(seen)
    said = verdict(drift, seen.pipeline)
    before = np.histogram(seen.reference.scores, bins=DRAWN_BINS, range=(0, 1))[0]
    name = "score" if len(seen.pipeline.labels) == 2 else "score of the decision"
    page = render(
        "reports/drift_report.html.j2",
        title=f"{source}, scored by {seen.pipeline.name}",
        seen=seen,
        reference=seen.reference,
        pipeline=seen.pipeline,
        drift=drift,
        verdict=said,
        known_records=KNOWN_RECORDS,
        effect=EFFECT,
        labels=label_table(seen) if drift.decisions is not None else [],
        scores=drift_figures.scores(seen.drawn, before, seen.pipeline.threshold, name) if seen.rows else "",
        fields=drift_figures.fields(drift.empty, drift.new) if seen.rows else "",
    )
    return page, said


def label_table(seen: Seen) -> list[dict[str, str | float]]:
    """The labels whose share of decisions differs most."""
    now = seen.decisions / max(seen.rows, 1)
    before = seen.reference.decisions / max(seen.reference.rows, 1)
    order = np.argsort(-np.abs(now - before), kind="stable")[:LISTED_LABELS]
    return [{"label": seen.pipeline.labels[place], "now": now[place], "before": before[place]} for place in order]

"""The page beside a scored file: does it look like the training data?"""

import numpy as np

from libelle.evaluation.drift import DRAWN_BINS, EFFECT, Seen, compare, verdict
from libelle.evaluation.drift_reference import KNOWN_RECORDS
from libelle.reports import drift_figures
from libelle.reports.page import render

LISTED_LABELS = 20


def make_page(seen: Seen, model: str, source: str) -> tuple[str, list[str]]:
    """The page about what was scored, and its verdict.

    Args:
        seen: the counts of all records.
        model: what scored them.
        source: what the page calls them.
    """
    drift = compare(seen)
    said = verdict(drift, seen.rule)
    before = np.histogram(seen.reference.scores, bins=DRAWN_BINS, range=(0, 1))[0]
    name = "score" if seen.rule.is_binary else "score of the decision"
    page = render(
        "reports/drift_report.html.j2",
        title=f"{source}, scored by {model}",
        seen=seen,
        reference=seen.reference,
        model=model,
        rule=seen.rule,
        drift=drift,
        verdict=said,
        known_records=KNOWN_RECORDS,
        effect=EFFECT,
        values=value_tables(seen),
        labels=label_table(seen) if drift.decisions is not None else [],
        scores=drift_figures.scores(seen.drawn, before, seen.rule.threshold, name) if seen.rows else "",
        fields=drift_figures.fields(drift.empty, drift.new) if seen.rows else "",
    )
    return page, said


def value_tables(seen: Seen) -> dict[str, list[dict[str, str | float]]]:
    """For each field that is not text, the share of records in each bin of its values."""
    tables: dict[str, list[dict[str, str | float]]] = {}
    for name, counts in seen.values.items():
        bins = seen.reference.values[name]
        shares = counts / max(seen.rows, 1), np.array(bins.counts) / max(seen.reference.rows, 1)
        rows = zip(bins.names, *shares, strict=True)
        tables[name] = [{"value": value, "now": now, "before": before} for value, now, before in rows]
    return tables


def label_table(seen: Seen) -> list[dict[str, str | float]]:
    """The labels whose share of decisions differs most."""
    now = seen.decisions / max(seen.rows, 1)
    before = seen.reference.decisions / max(seen.reference.rows, 1)
    order = np.argsort(-np.abs(now - before), kind="stable")[:LISTED_LABELS]
    return [{"label": seen.rule.labels[place], "now": now[place], "before": before[place]} for place in order]

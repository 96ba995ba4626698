"""The page beside a scored file: does it look like the training data?"""

import numpy as np

from libelle.evaluation.drift import EFFECT, LARGE, MODERATE, Drift, compare, learnt_sentence, verdict
from libelle.evaluation.drift_seen import DRAWN_BINS, Seen
from libelle.language import ENGLISH, count, speaking
from libelle.language import gettext as _
from libelle.reports import drift_figures
from libelle.reports.look import score_name
from libelle.reports.page import render

#: Labels in the table of those whose shares differ most.
LISTED_LABELS = 20


def make_page(seen: Seen, model: str, source: str, language: str = ENGLISH) -> tuple[str, list[str]]:
    """The page about what was scored, and its verdict in English, as the terminal speaks.

    Args:
        seen: the counts of all records.
        model: what scored them.
        source: what the page calls them.
        language: of the page.
    """
    drift = compare(seen)
    with speaking(language):
        page = _page(seen, drift, model, source)
    learnt = learnt_sentence(drift)
    return page, [*([learnt] if learnt else []), *verdict(drift, seen.rule)]


def _page(seen: Seen, drift: Drift, model: str, source: str) -> str:
    rule = seen.rule
    comparable = bool(seen.rows and seen.reference.rows)
    if rule.is_binary:
        title = _("{file}, scored by {model}: label {positive} or {negative}").format(
            file=source, model=model, positive=rule.positive, negative=rule.labels[0]
        )
    else:
        title = _("{file}, scored by {model}: {count} labels").format(
            file=source, model=model, count=count(len(rule.labels))
        )
    before = np.histogram(seen.reference.scores, bins=DRAWN_BINS, range=(0, 1))[0]
    return render(
        "reports/drift_report.html.j2",
        title=title,
        seen=seen,
        reference=seen.reference,
        comparable=comparable,
        rule=rule,
        drift=drift,
        learnt=learnt_sentence(drift),
        verdict=verdict(drift, rule),
        known_records=seen.reference.known_records,
        effect=EFFECT,
        values=value_tables(seen),
        moderate=MODERATE,
        large=LARGE,
        labels=label_table(seen) if drift.decisions is not None else [],
        scores=drift_figures.scores(seen.drawn, before, rule.threshold, score_name(rule)) if comparable else "",
        fields=drift_figures.fields(drift.empty, drift.new) if comparable else "",
    )


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

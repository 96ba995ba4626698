"""Scores as the results that a client gets."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from libelle.evaluation.answers import TOP, best
from libelle.features import Floats, Ints
from libelle.pipeline import Pipeline
from libelle.service.records import Judged


def results(pipeline: Pipeline, judged: Judged, scores: Floats, top: int | None) -> tuple[list[dict[str, Any]], int]:
    """A result for each record of a request, in order.

    Args:
        pipeline: that scored.
        judged: the records.
        scores: of those that could be scored, float32 [rows, classes].
        top: how many of the best labels are listed; None for `answers.TOP` if there are more than two, else for none.

    Returns:
        The results, as `libelle.service.bodies.Result` says; and how many records are set aside: binary: positive;
        multiclass: coded automatically.
    """
    rule = pipeline.rule
    decisions = rule.decide(scores)
    aside = rule.set_aside(decisions, rule.decisive(scores))
    column = np.ones(len(scores), np.int64) if rule.is_binary else decisions
    columns: dict[str, Sequence[Any]] = {
        "id": [judged.ids[place] for place in judged.places],
        "status": ["ok"] * len(scores),
        "label": _take(rule.labels, decisions),
    }
    if pipeline.titles:
        columns["title"] = _take([pipeline.titles.get(label) for label in rule.labels], decisions)
    columns["score"] = scores[np.arange(len(scores)), column].tolist()
    listed = top if top is not None else 0 if rule.is_binary else TOP
    if listed:
        columns["top"] = _tops(pipeline, scores, listed)
    columns["threshold"] = rule.thresholds(decisions)
    if aside is not None and not rule.is_binary:
        columns["automatic"] = aside.tolist()
    names = tuple(columns)
    found = [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    for place, sentence in sorted(judged.errors.items()):  # each then stands before those that come after it
        found.insert(place, {"id": judged.ids[place], "status": "error", "error": sentence})
    return found, 0 if aside is None else int(aside.sum())


def _take(values: Sequence[Any], places: Ints) -> list[Any]:
    return [values[place] for place in places.tolist()]


def _tops(pipeline: Pipeline, scores: Floats, count: int) -> list[list[dict[str, Any]]]:
    """The best labels of each record, best first, with title and score."""
    ranks = []
    rows = np.arange(len(scores))
    for places in best(scores, count):
        names = _take(pipeline.labels, places)
        found = scores[rows, places].tolist()
        if pipeline.titles:
            titles = [pipeline.titles.get(name) for name in names]
            ranks.append(
                [
                    {"label": name, "title": title, "score": score}
                    for name, title, score in zip(names, titles, found, strict=True)
                ]
            )
        else:
            ranks.append([{"label": name, "score": score} for name, score in zip(names, found, strict=True)])
    return [list(items) for items in zip(*ranks, strict=True)]

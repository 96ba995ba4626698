"""Scores and decisions as the table that people get."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from libelle.data.frames import to_array
from libelle.evaluation.decision_rule import DecisionRule
from libelle.features import Floats, Ints

#: The best labels that a file and the service list where there are more than two and nobody says how many.
TOP = 3


def answers(
    scores: Floats,
    ids: pd.Series,
    rule: DecisionRule,
    titles: Mapping[str, str],
    *,
    top: int | None = None,
    every_score: bool = True,
) -> pd.DataFrame:
    """Decisions with their scores, as `libelle.pipeline.Pipeline.predict` returns them.

    Args:
        scores: float32 [rows, classes].
        ids: of the rows; their index is that of the table.
        rule: the decision rule.
        titles: label → title; empty where none are known.
        top: how many of the best labels are listed, at most all of them; None for none.
        every_score: whether each label's score has a column.

    Returns:
        `id`, `label` (the decision), `title` (the label's, where titles are known), `score` (binary: probability of the
        positive label; multiclass: of the decided one), a `score_<label>` for each label, float32, for more than two
        labels of which a threshold was chosen `automatic`: bool, whether the record is coded without a clerk
        (`libelle.evaluation.decision_rule`), and for each of the best labels, from `top_1_` on, `top_1_label`,
        `top_1_title` (where titles are known) and `top_1_score`.
    """
    decisions = rule.decide(scores)
    column = np.ones(len(scores), np.int64) if rule.is_binary else decisions
    named = _Names(rule, titles)
    table: dict[str, Any] = {"id": ids.array, **named.columns("", decisions), "score": _at(scores, column)}
    if every_score:
        table |= dict(zip((f"score_{label}" for label in rule.labels), scores.T.copy(), strict=True))
    if (automatic := rule.automatic(scores)) is not None:
        table["automatic"] = automatic
    for rank, places in enumerate(best(scores, top or 0), start=1):
        table |= {**named.columns(f"top_{rank}_", places), f"top_{rank}_score": _at(scores, places)}
    # The arrays were made here and are used nowhere else, so pandas can take them without a copy.
    frame = pd.DataFrame(dict(enumerate(table.values())), index=ids.index, copy=False)
    frame.columns = _header(tuple(table)).copy()
    return frame


@lru_cache(16)
def _header(names: tuple[str, ...]) -> pd.Index:
    """Names as pandas keeps them: to make that of a few takes it longer than to score their records."""
    return pd.Index(names)


def top_ranks(columns: pd.Index) -> range:
    """The ranks, from 1, whose labels the columns of `answers` list."""
    ranks = 0
    while f"top_{ranks + 1}_label" in columns:
        ranks += 1
    return range(1, ranks + 1)


class _Names:
    """Labels, with their titles where some are known, as columns."""

    def __init__(self, rule: DecisionRule, titles: Mapping[str, str]) -> None:
        self.labels = {"label": pa.array(rule.labels, pa.large_string())}
        if titles:
            self.labels["title"] = pa.array([titles.get(label) for label in rule.labels], pa.large_string())

    def columns(self, prefix: str, places: Ints) -> dict[str, Any]:
        chosen = pa.array(places)
        return {f"{prefix}{name}": to_array(texts.take(chosen)) for name, texts in self.labels.items()}


def _at(scores: Floats, places: Ints) -> Floats:
    return np.asarray(scores[np.arange(len(scores)), places])


def best(scores: Floats, count: int) -> Iterator[Ints]:
    """Positions of the best labels of each row, int64 [rows], best first; of equal scores, the first label's first."""
    left = scores.copy() if count else scores
    for _ in range(min(count, scores.shape[1])):
        places = np.asarray(left.argmax(axis=1), dtype=np.int64)
        yield places
        left[np.arange(len(left)), places] = -1

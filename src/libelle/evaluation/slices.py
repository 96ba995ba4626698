"""Results on parts of the rows: where does the model do worse than on the whole?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.intervals import Interval, share
from libelle.features import Floats, Ints

#: Values of a column that are shown, those with most rows first; the rest is one line.
MOST_VALUES = 12
OTHERS = "(all others)"


@dataclass(frozen=True)
class Slice:
    """Some rows: how many, the share of right decisions and, if binary, of positives, precision and recall."""

    value: str
    rows: int
    accuracy: Interval
    positives: float | None = None
    precision: Interval | None = None
    recall: Interval | None = None


def slices(values: pd.Series, targets: Ints, scores: Floats, rule: DecisionRule, *, fewest: int = 1) -> list[Slice]:
    """Results for each value of a column, most frequent first; those after the first dozen together.

    Args:
        values: a text a row; missing ones are a slice of their own.
        targets: int64 [rows].
        scores: float32 [rows, classes].
        rule: the decision rule.
        fewest: rows that must hold a value for it to be named.
    """
    texts = values.fillna("(missing)").astype("str").reset_index(drop=True)
    counts = texts.value_counts()
    frequent = list(counts.index[counts >= fewest][:MOST_VALUES])
    texts = texts.where(texts.isin(frequent), OTHERS)
    decisions = rule.decide(scores)
    found = []
    for value in [*frequent, *([OTHERS] if (texts == OTHERS).any() else [])]:
        rows = np.flatnonzero(texts == value)
        true, decided = targets[rows], decisions[rows]
        right = int((true == decided).sum())
        accuracy = share(right, len(rows))
        if not rule.is_binary:
            found.append(Slice(value, len(rows), accuracy))
            continue
        caught = int((true[decided == 1] == 1).sum())
        found.append(
            Slice(
                value,
                len(rows),
                accuracy,
                positives=float(true.mean()),
                precision=share(caught, int(decided.sum())),
                recall=share(caught, int(true.sum())),
            )
        )
    return found

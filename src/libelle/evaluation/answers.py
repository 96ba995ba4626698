"""Scores and decisions as the table that people get."""

import numpy as np
import pandas as pd
import pyarrow as pa

from libelle.data.frames import to_array
from libelle.evaluation.decision_rule import DecisionRule
from libelle.features import Floats


def answers(scores: Floats, ids: pd.Series, rule: DecisionRule) -> pd.DataFrame:
    """Decisions with their scores, as `libelle.pipeline.Pipeline.predict` returns them.

    Args:
        scores: float32 [rows, classes].
        ids: of the rows; their index is that of the table.
        rule: the decision rule.
    """
    decisions = rule.decide(scores)
    column = np.ones(len(scores), np.int64) if rule.is_binary else decisions
    table = {
        "id": ids.array,
        "label": to_array(pa.array(rule.labels, pa.large_string()).take(pa.array(decisions))),
        "score": scores[np.arange(len(scores)), column],
        **dict(zip((f"score_{label}" for label in rule.labels), scores.T.copy(), strict=True)),
    }
    if (automatic := rule.automatic(scores)) is not None:
        table["automatic"] = automatic
    # The arrays were made here and are used nowhere else, so pandas can take them without a copy.
    return pd.DataFrame(table, index=ids.index, copy=False)

"""The answers of some records as rows of a file: what the JSON says, with `explanation` as JSON in one column."""

import json

import numpy as np
import pandas as pd

from libelle.evaluation.decision_rule import DecisionRule
from libelle.pipeline import Pipeline
from libelle.scoring.request import beside


def answer_table(
    answers: pd.DataFrame, kept: pd.DataFrame | None, pipeline: Pipeline, file: str | None = None
) -> pd.DataFrame:
    """One row a record.

    Args:
        answers: what `Pipeline.answers` returns, and `explanation` where it was asked for.
        kept: what is kept of the input beside them, with equal index.
        pipeline: what scored them.
        file: the one that they are of, where answers of several stand together.
    """
    # As many digits as the threshold has: a score that equals it must not look smaller.
    floats = [name for name in answers if answers[name].dtype == np.float32]
    table = answers.astype(dict.fromkeys(floats, "float64"))
    if "explanation" in table:
        texts = [json.dumps(effects, ensure_ascii=False) for effects in table["explanation"]]
        table["explanation"] = pd.Series(texts, index=table.index, dtype="str")
    limits = np.array(thresholds(answers, pipeline.rule), dtype=np.float64)
    table = table.assign(threshold=limits, model=pd.Series(pipeline.name, index=table.index, dtype="str"))
    scores = [f"score_{label}" for label in pipeline.labels if f"score_{label}" in table]
    table = table[[*table.columns.difference(scores, sort=False), *scores]]  # a column a label: last
    if file is not None:
        table.insert(0, "file", pd.Series(file, index=table.index, dtype="str"))
    return table if kept is None else beside(kept, table, pipeline.id)


def thresholds(answers: pd.DataFrame, rule: DecisionRule) -> list[float | None]:
    """The threshold for each record's score; None where no score is enough, or no threshold was chosen."""
    return rule.thresholds(pd.Index(rule.labels).get_indexer(pd.Index(answers["label"])))

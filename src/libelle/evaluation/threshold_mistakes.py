"""Which records a threshold gets wrong, for people to look at."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from libelle.components import build
from libelle.data.source import Source
from libelle.data.split import TEST
from libelle.errors import UserError
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.outcomes import Outcomes, predictions
from libelle.runs.run import Run


def mistakes(
    run: Run, threshold: float | Mapping[str, float | None], split: str = TEST
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """False negatives and false positives of a split, the most confident ones first.

    Args:
        run: a completed run.
        threshold: of the decision rule (`libelle.evaluation.decision_rule`); label → threshold where each has its own.
        split: `validation` or `test`.

    Returns:
        Two tables: `id`, `target`, `score`, and for more than two labels `decision`: the first are then the records
        left to a clerk whose decision is right, the second those coded automatically and wrongly.
    """
    labels, table = predictions(run)
    part = table[table["split"] == split]
    if isinstance(threshold, Mapping):
        rule = DecisionRule(labels, label_thresholds=threshold)
    else:
        rule = DecisionRule(labels, threshold)
    found = Outcomes(part, rule)
    (positive, scores), decisions = found.of(), found.decisions
    shown = part[["id", "target"]].assign(score=scores)
    if not rule.is_binary:
        shown.insert(2, "decision", np.array(labels, dtype=object)[decisions])
    aside = rule.set_aside(decisions, scores)
    assert aside is not None
    return (
        shown[positive & ~aside].sort_values("score", kind="stable"),
        shown[~positive & aside].sort_values("score", ascending=False, kind="stable"),
    )


def with_texts(run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    """Join the texts of records, read back from the run's source: the run itself does not hold them.

    Args:
        run: a completed run.
        rows: a table with the column `id`.

    Raises:
        UserError: when the source cannot be read any more, or its records have changed since.
    """
    node = run.read_config().get("data")
    if node is None:
        raise UserError(f"run_id={run.id} does not say where its data are from; its texts cannot be read back.")
    records = build(node, Source, "data").read()
    if records.fingerprint() != run.manifest.data_fingerprint:
        raise UserError(f"The data of run_id={run.id} have changed since it was trained; their texts may be others.")
    texts = records.fields.set_axis(pd.Index(records.ids), axis=0)
    return rows.join(texts, on="id", rsuffix=" (field)")

"""Records that stand in the training rows, too: what a model says of them, it may have learnt by heart."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from libelle.data.split import TEST, TRAIN
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.metrics import Metrics, evaluate
from libelle.features import Floats, Ints


def repeated_in_training(rows: pd.DataFrame, split: str) -> npt.NDArray[np.bool_]:
    """Records of a split with the cleaned texts of a training record, bool [rows of the split].

    Args:
        rows: one row a record of all splits, with its `split` and its `content` (equal for equal cleaned texts).
        split: whose records are asked about.
    """
    seen = rows["content"][rows["split"] == TRAIN].unique()
    return rows["content"][rows["split"] == split].isin(seen).to_numpy(dtype=np.bool_)


def with_new_apart(
    metrics: Mapping[str, Metrics], rows: pd.DataFrame, targets: Ints, scores: Floats, rule: DecisionRule
) -> Mapping[str, Metrics]:
    """The metrics as a run keeps them: where test records stand in the training rows, too, those of the others apart.

    Args:
        metrics: split → metric → value; those of the test get `without_repeated`.
        rows: as for `repeated_in_training`, with `weight` where records have one.
        targets: of the test records, int64 [test records].
        scores: theirs, float32 [test records, classes].
        rule: the decision rule.
    """
    repeated = repeated_in_training(rows, TEST)
    if not repeated.any():
        return metrics
    apart: Metrics = {"rows": 0}
    weights = rows["weight"][rows["split"] == TEST].to_numpy(np.float64)[~repeated] if "weight" in rows else None
    # New records that all weigh nothing say nothing, either.
    if not repeated.all() and (weights is None or weights.any()):
        apart = evaluate(targets[~repeated], scores[~repeated], rule, weights, by_label=False)
    return {**metrics, TEST: {**metrics[TEST], "without_repeated": apart}}

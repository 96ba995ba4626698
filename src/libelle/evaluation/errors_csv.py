"""The error workbench: the records that a person should look at, by id."""

import numpy as np
import pandas as pd

from libelle.data.split import TEST, VALIDATION
from libelle.evaluation.decision_rule import DecisionRule
from libelle.features import Floats, Ints

CONFIDENT, NEAR, LABEL, CONTRADICTION = (
    "confident error", "near the threshold", "suspected label error", "contradicting duplicates"
)  # fmt: skip
#: A decision with at least this score is confident.
CONFIDENCE = 0.9
#: Records next to the threshold (multiclass: with the smallest lead of the best label) that are listed.
NEAREST = 100


def find_errors(rows: pd.DataFrame, targets: Ints, scores: Floats, rule: DecisionRule) -> pd.DataFrame:
    """List validation and test records that deserve a look, and duplicates with different labels in any split.

    Suspected label errors are those of confident learning (Northcutt, Jiang and Chuang 2021, "Confident Learning"): the
    record's score for another label is at least the average score of the records that have that label, it is the
    highest among such labels, and the given label's own score stays below its average.

    Args:
        rows: one a record of all splits: `id`, `split`, `target` and `content`, equal for equal texts.
        targets: of the scored rows, positions of labels, int64 [scored].
        scores: of the validation rows, then of the test rows, float32 [scored, classes].
        rule: the decision rule.

    Returns:
        `kind`, `id`, `split`, `target`, `decision`, `score` (of the decision, missing for a training row), `content`
        and `row`, the position in `rows`. A record can be listed for several reasons.
    """
    scored = np.concatenate([np.flatnonzero(rows["split"] == split) for split in (VALIDATION, TEST)])
    decisions = rule.decide(scores)
    if rule.is_binary:
        distance = np.abs(rule.decisive(scores) - np.float64(rule.threshold))
    else:
        ordered = np.sort(scores.astype(np.float64), axis=1)
        distance = ordered[:, -1] - ordered[:, -2]
    score = scores[np.arange(len(scores)), decisions]
    wrong = decisions != targets
    nearest = np.zeros(len(scores), dtype=bool)
    nearest[np.argsort(distance, kind="stable")[:NEAREST]] = True
    kinds = {CONFIDENT: wrong & (score >= CONFIDENCE), NEAR: nearest, LABEL: suspected_labels(targets, scores)}
    names = np.array(rule.labels, dtype=object)
    everything = rows[["id", "split", "target", "content"]].assign(row=np.arange(len(rows)))
    found = everything.iloc[scored].assign(decision=names[decisions], score=score, distance=distance)
    parts = []
    for kind, chosen in kinds.items():
        by = ["distance"] if kind == NEAR else ["score"]
        parts.append(found[chosen].sort_values(by, ascending=kind == NEAR, kind="stable").assign(kind=kind))
    contradicting = rows.groupby("content")["target"].transform("nunique") > 1
    decided = found[["row", "decision", "score"]]
    twice = everything[contradicting.to_numpy()].merge(decided, on="row", how="left").sort_values(["content", "row"])
    parts.append(twice.assign(kind=CONTRADICTION))
    columns = ["kind", "id", "split", "target", "decision", "score", "content", "row"]
    return pd.DataFrame(pd.concat(parts).reset_index(drop=True), columns=columns)


def suspected_labels(targets: Ints, scores: Floats) -> np.ndarray:
    """Which rows confident learning suspects of a wrong label, bool [rows]."""
    probabilities = scores.astype(np.float64)
    classes = probabilities.shape[1]
    rows = np.bincount(targets, minlength=classes)
    own = probabilities[np.arange(len(targets)), targets]
    # Average self-confidence of each label; a label without rows casts no suspicion.
    average = np.where(rows > 0, np.bincount(targets, own, minlength=classes) / np.maximum(rows, 1), np.inf)
    above = np.where(probabilities >= average, probabilities, -1.0)
    best = above.argmax(axis=1)
    return np.asarray((above.max(axis=1) >= 0) & (best != targets) & (own < average[targets]))

"""What a choice of thresholds means for each label, as a table."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from libelle.evaluation.curve import figures
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.outcomes import by_split, predictions, titles
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.evaluation.threshold_wish import refuted
from libelle.runs.run import Run


def threshold_table(run: Run, choice: Mapping[str, Any], request: ThresholdRequest) -> pd.DataFrame:
    """One row a label that records can be set aside as: binary, the positive one; multiclass, each.

    Args:
        run: a completed run.
        choice: as `libelle.evaluation.threshold.decide` makes it.
        request: what it was chosen by.

    Returns:
        `label`, `title` (where titles are known), `threshold` (missing for a label that is never coded automatically)
        and for each split `<split>_rows` (records that truly have the label), `_set_aside` (multiclass: coded
        automatically as it; the column keeps its name, by which it is read since it first was), `_right` (of these),
        `_precision` and `_recall`, each with `_low` and `_high`; `borne_out`: `no` where the test rows refute what was
        asked for of this label, `yes` where they do not, missing where nothing was asked of single labels.
    """
    labels, table = predictions(run)
    rule = DecisionRule(labels)
    parts = by_split(table, rule)
    limits = choice.get("classes") or dict.fromkeys(labels, choice["value"])
    own = bool(choice.get("classes"))
    named = titles(run)
    rows = []
    for label in [rule.positive] if rule.is_binary else labels:
        limit = limits[label]
        row: dict[str, Any] = {"label": label, **({"title": named.get(label)} if named else {}), "threshold": limit}
        found: dict[str, Any] = {}
        for name, part in parts.items():
            # Nothing reaches NaN: such a label is never coded.
            found = figures(*part.of(label), float("nan") if limit is None else limit, request)
            row |= {f"{name}_{key}": value for key, value in _columns(found).items()}
        doubted = refuted(found, request) if own or rule.is_binary else None  # of the test rows, the last
        row["borne_out"] = None if doubted is None else "no" if doubted else "yes"
        rows.append(row)
    return pd.DataFrame(rows).astype({"threshold": "float64"})


def _columns(found: Mapping[str, Any]) -> dict[str, Any]:
    columns = {"rows": found["tp"] + found["fn"], "set_aside": found["tp"] + found["fp"], "right": found["tp"]}
    for name in ("precision", "recall"):
        values = {"": "value", "_low": "low", "_high": "high"}
        columns |= {f"{name}{ending}": found[name][key] for ending, key in values.items()}
    return columns

"""Golden records: stored with a pipeline together with their scores, and scored again whenever it is loaded."""

from typing import Any

import numpy as np
import pandas as pd

from libelle.errors import UserError
from libelle.features import Floats

#: Scores may differ by this much from those of the golden records: other machines round otherwise.
GOLDEN_TOLERANCE = 1e-5


def golden_to_json(records: pd.DataFrame, scores: Floats) -> list[dict[str, Any]]:
    """Raw records, one `str` column a field, and their scores, float32 [records, classes], ready for JSON."""
    raw = records.astype(object).where(records.notna(), None).to_dict(orient="records")
    return [{"record": record, "scores": row} for record, row in zip(raw, scores.tolist(), strict=True)]


def golden_from_json(stored: list[dict[str, Any]], fields: list[str]) -> tuple[pd.DataFrame, Floats]:
    """Read back what `golden_to_json` made."""
    records = pd.DataFrame([item["record"] for item in stored], columns=fields, dtype="str")
    return records, np.array([item["scores"] for item in stored], dtype=np.float32)


def compare_golden(found: Floats, expected: Floats, tolerance: float) -> None:
    """Compare scores of golden records with those that are stored, both [records, classes].

    Raises:
        UserError: when a score differs by more than `tolerance`.
    """
    difference = float(np.abs(found - expected).max())
    # Written so that a score that is not a number fails, too.
    if not difference <= tolerance:
        raise UserError(
            f"The model's golden records score differently here (by {difference:.2g}, {tolerance:g} is allowed); "
            "install the library versions of the run's environment.json, or train again."
        )

"""Golden records as a file: raw records with the scores that they had when the pipeline was saved."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from libelle.errors import UserError
from libelle.features import Floats
from libelle.files import LARGEST_WORDS, read_json, write_json

_FILE = "golden.json"
#: Scores may differ by this much from those that were saved: other machines round otherwise.
_TOLERANCE = 1e-5


def save_golden(folder: Path, records: pd.DataFrame, scores: Floats) -> None:
    """Write `golden.json`.

    Args:
        folder: an existing one.
        records: one `str` column a field.
        scores: float32 [records, classes].
    """
    values = records.astype(object).where(records.notna(), None).to_dict(orient="records")
    replayed = [{"record": record, "scores": row} for record, row in zip(values, scores.tolist(), strict=True)]
    write_json(folder / _FILE, replayed)


def load_golden(folder: Path, fields: Sequence[str]) -> tuple[pd.DataFrame, Floats]:
    """Read back what `save_golden` wrote: records and scores."""
    golden = read_json(folder / _FILE, LARGEST_WORDS)
    records = pd.DataFrame([item["record"] for item in golden], columns=list(fields), dtype="str")
    return records, np.array([item["scores"] for item in golden], dtype=np.float32)


def require_same_scores(found: Floats, saved: Floats) -> None:
    """Raise `UserError` where golden records, [records, classes], score differently than when they were saved."""
    difference = float(np.abs(found - saved).max())
    # Written so that a score that is not a number fails, too.
    if not difference <= _TOLERANCE:
        raise UserError(
            f"The model's golden records score differently here (by {difference:.2g}, {_TOLERANCE:g} is allowed); "
            "install the library versions of the run's environment.json, or train again."
        )

"""Golden records as a file: raw records with the scores that they had when the pipeline was saved."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NotRequired

import numpy as np
import pandas as pd
from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from libelle.errors import UserError
from libelle.features import Floats
from libelle.files import LARGEST_WORDS, read_json, write_json

_FILE = "golden.json"
#: Scores may differ by this much from those that were saved: other machines round otherwise.
_TOLERANCE = 1e-5
#: And those of a record alone by this much from those of the same record among others: sums have another order.
_TOLERANCE_ALONE = 1e-3


class _Replayed(TypedDict):
    record: dict[str, str | None]
    scores: list[float]
    label: NotRequired[str]


_REPLAYED = TypeAdapter(Annotated[list[_Replayed], Field(min_length=1)])


def save_golden(folder: Path, records: pd.DataFrame, scores: Floats, labels: Sequence[str]) -> None:
    """Write `golden.json`.

    Args:
        folder: an existing one.
        records: one `str` column a field.
        scores: float32 [records, classes].
        labels: in the order of the scores; the most probable one is kept, so that labels cannot be exchanged elsewhere.
    """
    values = records.astype(object).where(records.notna(), None).to_dict(orient="records")
    best = [labels[place] for place in scores.argmax(axis=1)]
    replayed = [
        {"record": record, "scores": row, "label": label}
        for record, row, label in zip(values, scores.tolist(), best, strict=True)
    ]
    write_json(folder / _FILE, replayed)


@dataclass(frozen=True)
class Golden:
    """What `golden.json` holds.

    Attributes:
        records: one `str` column a field.
        scores: float32 [records, classes].
        labels: the most probable label of each record; None in models that were made before labels were kept.
    """

    records: pd.DataFrame
    scores: Floats
    labels: list[str | None]


def load_golden(folder: Path, fields: Sequence[str], labels: Sequence[str]) -> Golden:
    """Read back what `save_golden` wrote.

    Raises:
        ValueError: when it is damaged.
    """
    golden = _REPLAYED.validate_python(read_json(folder / _FILE, LARGEST_WORDS))
    records = pd.DataFrame([item["record"] for item in golden], columns=list(fields), dtype="str")
    scores = np.array([item["scores"] for item in golden], dtype=np.float32)
    if scores.shape != (len(golden), len(labels)):
        raise ValueError(f"{_FILE}: the scores are not those of {len(labels)} labels")
    return Golden(records, scores, [item.get("label") for item in golden])


def require_same(golden: Golden, found: Floats, labels: Sequence[str]) -> None:
    """Make sure that golden records score, and are labelled, as when they were saved.

    Args:
        golden: as they were saved.
        found: their scores, float32 [records, classes].
        labels: in the order of the scores.

    Raises:
        UserError: when scores differ.
        ValueError: when labels do.
    """
    difference = _difference(found, golden.scores)
    # Written so that a score that is not a number fails, too.
    if not difference <= _TOLERANCE:
        raise UserError(
            f"The model's golden records score differently here (by {difference:.2g}, {_TOLERANCE:g} is allowed); "
            "install the library versions of the run's environment.json, or train again."
        )
    for label, place in zip(golden.labels, golden.scores.argmax(axis=1), strict=True):
        if label not in (None, labels[place]):
            raise ValueError(f"{_FILE}: a record's label was {label} and is {labels[place]}")


def require_kept(golden: Golden, found: Floats, among: Floats, alone: Floats) -> None:
    """Make sure that a pipeline that was just saved scores as before: state that it does not save would be lost.

    Args:
        golden: as they were saved.
        found: scores by what was read back, float32 [records, classes].
        among: the scores of the first record among the others, without calibration, float32 [1, classes].
        alone: the same of this record by itself.

    Raises:
        UserError: says what the author of a component is to do.
    """
    difference = _difference(found, golden.scores)
    if not difference <= _TOLERANCE:
        raise UserError(
            f"The pipeline scores records differently once it was saved and loaded (by {difference:.2g}); let save() "
            "of its process and of its model write all that fit() learns, and let equal texts score equally each time."
        )
    difference = _difference(alone, among)
    if not difference <= _TOLERANCE_ALONE:
        raise UserError(
            f"The pipeline scores a record alone differently than among others (by {difference:.2g}); let its "
            "cleaners, process and model look at each record by itself, and learn in fit() what is of all of them."
        )


def _difference(found: Floats, expected: Floats) -> float:
    """The largest difference of any score; infinite where there are not as many."""
    return float(np.abs(found - expected).max()) if np.shape(found) == expected.shape else np.inf

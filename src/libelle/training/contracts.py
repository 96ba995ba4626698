"""What samplers and models return, checked once in training: those that libelle did not write may return anything."""

import logging
from collections.abc import Sequence

import numpy as np

from libelle.errors import UserError, listed
from libelle.features import Dataset, Floats
from libelle.models.base import Model
from libelle.processes.returned import shape_mistake
from libelle.samplers.rows import Sampler

log = logging.getLogger(__name__)

#: By how much the sum of a record's scores may miss 1: many float32 are added up.
_TOLERANCE = 1e-3


def require_sampled(found: object, train: Dataset, sampler: Sampler, labels: Sequence[str]) -> Dataset:
    """Raise `UserError` unless a sampler returned rows to train on; returns them.

    A warning names the labels of which it left no row.
    """
    wrong = _sample_mistake(found, train, len(labels))
    if not isinstance(found, Dataset) or wrong is not None:
        raise UserError(
            f"the sampler {type(sampler).__name__} returned {wrong}; let sample() return rows of the Dataset that it "
            "was given, as train.take(numbers of rows) does, or new ones with their targets."
        )
    lost = [labels[label] for label in np.setdiff1d(train.targets, found.targets)]
    if lost:
        log.warning(
            "the sampler %s left no training row of %s, which cannot be learnt", type(sampler).__name__, listed(lost, 5)
        )
    return found


def _sample_mistake(found: object, train: Dataset, labels: int) -> str | None:
    if not isinstance(found, Dataset):
        return f"a {type(found).__name__}, which is no Dataset"
    targets, weights = found.targets, found.weights
    if not (isinstance(targets, np.ndarray) and targets.ndim == 1 and np.issubdtype(targets.dtype, np.integer)):
        return "targets that are no array of whole numbers, one a row"
    if not len(targets):
        return "no rows"
    wrong = shape_mistake(found.features, len(targets))
    if wrong is not None:
        return f"{wrong} targets" if isinstance(found.features, type(train.features)) else wrong
    if targets.min() < 0 or targets.max() >= labels:
        return f"targets from {targets.min()} to {targets.max()}, which are positions among {labels} labels"
    if weights is None:
        return None if train.weights is None else "no weights, which the rows that it was given have"
    if np.shape(weights) != targets.shape or not (np.isfinite(weights).all() and np.min(weights) >= 0):
        return "weights that are not one number a row, 0 or more"
    return None


def require_probabilities(found: object, model: Model, rows: int, labels: int) -> Floats:
    """Raise `UserError` unless these are probabilities, floats [rows, labels]; returns them as float32."""
    wrong = _score_mistake(found, rows, labels)
    if not isinstance(found, np.ndarray) or wrong is not None:
        raise UserError(
            f"the model {type(model).__name__} returned {wrong}; let predict_proba() return float32 [rows, labels], "
            "each row of numbers from 0 that add up to 1."
        )
    return found.astype(np.float32, copy=False)  # scikit-learn's own are float64


def _score_mistake(found: object, rows: int, labels: int) -> str | None:
    if not isinstance(found, np.ndarray):
        return f"a {type(found).__name__}, which is no array"
    if found.shape != (rows, labels):
        return f"an array of shape {found.shape} for {rows:,} rows and {labels} labels"
    if not np.issubdtype(found.dtype, np.floating):
        return f"{found.dtype} in place of float32"
    # Written so that what is not a number fails, too.
    right = (found.min(axis=1) >= 0) & (np.abs(found.sum(axis=1, dtype=np.float64) - 1) <= _TOLERANCE)
    if right.all():
        return None
    first = int(right.argmin())
    shown = listed([f"{score:g}" for score in found[first].tolist()], 5)
    return f"no probabilities for {int((~right).sum()):,} of {rows:,} rows, the first of them {shown}"

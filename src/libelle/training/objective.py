"""The metric that a run is judged by: what there is to choose among is known before any data are read."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from libelle.data.split import SPLITS, VALIDATION
from libelle.errors import UserError
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.metrics import evaluate

#: What stands among the metrics and judges no model: the size of the data, and constants.
_NO_METRICS = ("rows", "weight", "top_k", "threshold", "classes")


def refuse_unknown(name: str) -> None:
    """Raise `UserError` where no data have an objective: its split is none, or its metric."""
    split, _, metric = name.partition(".")
    if split not in SPLITS:
        raise UserError(f"optimize={name}: {split} is not a split; choose {', '.join(SPLITS)}.")
    known = dict.fromkeys(_metrics(binary=True) + _metrics(binary=False))
    if metric not in known:
        raise UserError(f"optimize={name} is not a metric; choose among {', '.join(known)}.")


def objective_of(name: str | None, labels: Sequence[str]) -> str:
    """The metric that the run is judged by.

    Args:
        name: as `validation.average_precision`; None for the default.
        labels: of the data.

    Raises:
        UserError: when data with these labels have no such metric.
    """
    binary = DecisionRule(list(labels)).is_binary
    if name is None:
        return f"{VALIDATION}.{'average_precision' if binary else 'accuracy'}"
    refuse_unknown(name)
    known = _metrics(binary)
    if name.partition(".")[2] not in known:
        kind = "two labels" if binary else "more than two labels"
        raise UserError(f"optimize={name} is not a metric of {kind}; choose among {', '.join(known)}.")
    return name


def require_defined(name: str, value: float | None) -> float:
    """The value of the objective.

    Raises:
        UserError: where it has none on the rows of its split, as precision where nothing is decided to be positive.
    """
    if value is None:
        split = name.partition(".")[0]
        raise UserError(
            f"optimize={name} has no value on the {split} rows: it divides by rows of which this model has none, as a "
            "precision does where nothing is decided to be positive; choose another metric, as "
            f"optimize={split}.log_loss."
        )
    return float(value)


@cache
def _metrics(binary: bool) -> tuple[str, ...]:
    """Names of the metrics of two labels, or of more."""
    labels = ["0", "1"] if binary else ["0", "1", "2"]
    # A row of each label, and scores that are right: there, every metric is defined.
    right = np.eye(len(labels), dtype=np.float32)
    example = evaluate(np.arange(len(labels)), right, DecisionRule(labels))
    return tuple(name for name in example if name not in _NO_METRICS)

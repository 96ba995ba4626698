"""Metrics of a run, under scikit-learn's names; computed from probabilities where the metric is about probabilities."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics as sk

from libelle.evaluation.decision_rule import DecisionRule
from libelle.features import Doubles, Floats, Ints

#: `top_k_accuracy` counts a record as right when its label is among this many best scores.
TOP_K = 5

#: Metrics where lower is better.
LOWER_IS_BETTER = frozenset({"log_loss", "brier", "expected_calibration_error", "fdr", "fpr", "fnr", "fp", "fn"})

Metrics = dict[str, Any]


def evaluate(
    targets: Ints, scores: Floats, rule: DecisionRule, weights: Doubles | None = None, *, by_label: bool = True
) -> Metrics:
    """Compare scores with targets.

    Args:
        targets: positions of labels, int64 [rows].
        scores: probabilities, float32 [rows, classes].
        rule: the decision rule.
        weights: how many units each row stands for, float64 [rows]; None where all count the same.
        by_label: of more than two labels, also the metrics of each and the means of their curves, which take longest.

    Returns:
        Metric names and values, ready for JSON; a metric that is not defined on these rows is None. With weights all
        are weighted, as by scikit-learn's `sample_weight`, `tp` and its like are sums of weights, and `weight` is that
        of all rows; `rows` are rows. A label whose rows all weigh nothing counts as one without rows.
    """
    rows = np.bincount(targets, minlength=len(rule.labels))
    if weights is not None:
        targets, scores, weights = targets[weights > 0], scores[weights > 0], weights[weights > 0]
    with warnings.catch_warnings():
        # Classes without rows: scikit-learn warns, and we say None or 0.
        warnings.simplefilter("ignore")
        if rule.is_binary:
            values = _binary(targets, scores, rule, weights)
        else:
            values = _multiclass(targets, scores.astype(np.float64), rule, weights, rows if by_label else None)
    total = {} if weights is None else {"weight": float(weights.sum())}
    return {"rows": int(rows.sum()), **total, **{name: _json(value) for name, value in values.items()}}


def _binary(targets: Ints, probabilities: Floats, rule: DecisionRule, weights: Doubles | None) -> Metrics:
    decisions, scores = rule.decide(probabilities), rule.decisive(probabilities)
    by = {"sample_weight": weights}
    tn, fp, fn, tp = sk.confusion_matrix(targets, decisions, labels=[0, 1], **by).ravel()
    return {
        **_curves(targets == 1, scores, weights),
        "log_loss": sk.log_loss(targets, scores, labels=[0, 1], **by),
        "brier": sk.brier_score_loss(targets, scores, labels=[0, 1], **by),
        "expected_calibration_error": calibration_error(targets == 1, scores, weights=weights),
        "accuracy": sk.accuracy_score(targets, decisions, **by),
        "balanced_accuracy": sk.balanced_accuracy_score(targets, decisions, **by),
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "f1": sk.f1_score(targets, decisions, **by),
        "fbeta_0.5": sk.fbeta_score(targets, decisions, beta=0.5, **by),
        "fbeta_2": sk.fbeta_score(targets, decisions, beta=2, **by),
        "npv": _ratio(tn, tn + fn),
        "fdr": _ratio(fp, tp + fp),
        "cohen_kappa": sk.cohen_kappa_score(targets, decisions, labels=[0, 1], **by),
        "matthews_corrcoef": sk.matthews_corrcoef(targets, decisions, **by),
        "tn": tn,
        "fp": fp,
        "fn": fn,
        "tp": tp,
        "tnr": _ratio(tn, tn + fp),
        "fpr": _ratio(fp, tn + fp),
        "fnr": _ratio(fn, tp + fn),
        "tpr": _ratio(tp, tp + fn),
        "threshold": rule.threshold,
    }


def _multiclass(
    targets: Ints, scores: Doubles, rule: DecisionRule, weights: Doubles | None, rows: Ints | None
) -> Metrics:
    """Metrics of more than two labels; `rows` are those of each label, for its own metrics, which None leaves out."""
    by = {"sample_weight": weights}
    labels = rule.labels
    classes = np.arange(len(labels))
    decisions = rule.decide(scores)
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        targets, decisions, labels=classes, zero_division=0, **by
    )
    present = np.unique(targets)
    one_hot = targets[:, None] == classes
    # Float32 rows add up to 1 only nearly, and log_loss insists.
    scores = scores / scores.sum(axis=1, keepdims=True)
    k = min(TOP_K, len(labels) - 1)
    totals = {
        "accuracy": sk.accuracy_score(targets, decisions, **by),
        "balanced_accuracy": recall[present].mean() if len(present) else None,
        "top_k_accuracy": _average(among_best(targets, scores, k), weights),
        "top_k": k,
        # Macro averages are over the classes that have rows here.
        "f1_macro": f1[present].mean(),
        "precision_macro": precision[present].mean(),
        "recall_macro": recall[present].mean(),
        "log_loss": sk.log_loss(targets, scores, labels=classes, **by),
        "brier": _average(((scores - one_hot) ** 2).sum(axis=1), weights),
        "expected_calibration_error": calibration_error(
            decisions == targets, scores.max(axis=1, initial=0), weights=weights
        ),
        "cohen_kappa": sk.cohen_kappa_score(targets, decisions, labels=classes, **by),
        "matthews_corrcoef": sk.matthews_corrcoef(targets, decisions, **by),
    }
    if rows is None:
        return totals
    curves = [_curves(one_hot[:, c], scores[:, c], weights) for c in classes]
    return {
        **totals,
        **{f"{name}_macro": _mean([curve[name] for curve in curves]) for name in ("average_precision", "roc_auc")},
        "classes": {
            label: {
                "rows": int(rows[c]),
                "precision": float(precision[c]),
                "recall": float(recall[c]),
                "f1": float(f1[c]),
                **{name: _json(value) for name, value in curves[c].items()},
            }
            for c, label in enumerate(labels)
        },
    }


def among_best(targets: Ints, scores: npt.NDArray[np.floating], count: int) -> npt.NDArray[np.bool_]:
    """Whether the right label is among the best ones as they are listed, of equal scores the first label's first.

    scikit-learn's `top_k_accuracy_score` takes the last label first, and so contradicts what is decided.

    Args:
        targets: int64 [rows].
        scores: [rows, classes].
        count: how many labels are listed.

    Returns:
        bool [rows].
    """
    true = scores[np.arange(len(targets)), targets][:, None]
    before = np.arange(scores.shape[1]) < targets[:, None]
    return np.asarray(((scores > true) | ((scores == true) & before)).sum(axis=1) < count)


def calibration_error(
    happened: npt.NDArray[np.bool_], scores: Doubles, bins: int = 15, weights: Doubles | None = None
) -> float | None:
    """How far scores are from shares, on average: the expected calibration error (Naeini et al. 2015, Guo et al. 2017).

    The sum over bins of equal width, (0, 1/15], (1/15, 2/15] ..., of |share that happened - mean score|, each weighted
    with its share of the rows. Binary: scores are those of the positive label. Multiclass: those of the decision, and
    what happens is that it is right.

    Args:
        happened: bool [rows].
        scores: float64 [rows].
        bins: how many.
        weights: of the rows, float64 [rows]; None where all count the same.

    Returns:
        The error from 0 to 1; None without rows.
    """
    if not len(scores):
        return None
    place = np.clip(np.ceil(scores * bins).astype(np.int64) - 1, 0, bins - 1)
    error = happened - scores if weights is None else weights * (happened - scores)
    total = len(scores) if weights is None else weights.sum()
    return float(np.abs(np.bincount(place, error, minlength=bins)).sum() / total)


def _curves(positive: npt.NDArray[np.bool_], scores: Doubles, weights: Doubles | None) -> Metrics:
    if positive.all() or not positive.any():
        return {"average_precision": None, "roc_auc": None}
    return {
        "average_precision": float(sk.average_precision_score(positive, scores, sample_weight=weights)),
        "roc_auc": float(sk.roc_auc_score(positive, scores, sample_weight=weights)),
    }


def _average(values: npt.NDArray[Any], weights: Doubles | None) -> float | None:
    return float(np.average(values, weights=weights)) if len(values) else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _json(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value

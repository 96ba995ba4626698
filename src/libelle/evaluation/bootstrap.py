"""How far a metric can be trusted: its bootstrap interval, and that of the difference of two runs."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy import stats
from sklearn import metrics as sk

from libelle.evaluation.intervals import LEVEL, Interval
from libelle.features import Floats, Ints

#: Resamples of the bootstrap, fewer where rows are many: their product is at most `MOST_DRAWS`.
RESAMPLES, FEWEST_RESAMPLES, MOST_DRAWS = 500, 100, 10_000_000

Metric = Callable[[Ints, npt.NDArray[np.float64]], float]


def metrics_of(classes: int, threshold: float) -> Mapping[str, Metric]:
    """The metrics that get intervals, by name: functions of targets [rows] and scores [rows, classes]."""
    if classes == 2:

        def counted(ratio: Callable[[int, int, int], float]) -> Metric:
            def metric(targets: Ints, scores: npt.NDArray[np.float64]) -> float:
                flagged = scores[:, 1] >= threshold
                caught = int((flagged & (targets == 1)).sum())
                return ratio(caught, int(flagged.sum()), int(targets.sum()))

            return metric

        return {
            "average_precision": lambda targets, scores: sk.average_precision_score(targets, scores[:, 1]),
            "roc_auc": lambda targets, scores: sk.roc_auc_score(targets, scores[:, 1]),
            "log_loss": _log_loss,
            "brier": lambda targets, scores: float(((scores[:, 1] - targets) ** 2).mean()),
            "accuracy": lambda targets, scores: float(((scores[:, 1] >= threshold) == targets).mean()),
            "precision": counted(lambda caught, flagged, _: caught / flagged if flagged else np.nan),
            "recall": counted(lambda caught, _, positives: caught / positives),
            "f1": counted(lambda caught, flagged, positives: 2 * caught / (flagged + positives)),
        }
    return {
        "accuracy": lambda targets, scores: float((scores.argmax(1) == targets).mean()),
        "f1_macro": _f1_macro,
        "log_loss": _log_loss,
    }


def bootstrap(targets: Ints, scores: Floats, threshold: float = 0.5, seed: int = 0) -> dict[str, Interval]:
    """Each metric with its percentile bootstrap interval (Efron and Tibshirani 1993), over resampled rows.

    Args:
        targets: int64 [rows].
        scores: float32 [rows, classes].
        threshold: of two classes.
        seed: of the resampling.
    """
    scores64 = scores.astype(np.float64)
    intervals = {}
    draws = _draws(len(targets), seed)
    for name, metric in metrics_of(scores.shape[1], threshold).items():
        values = [_defined(metric, targets[rows], scores64[rows]) for rows in draws]
        intervals[name] = _interval(_defined(metric, targets, scores64), np.array(values))
    return intervals


def paired_bootstrap(
    targets: Ints, first: Floats, second: Floats, thresholds: tuple[float, float] = (0.5, 0.5), seed: int = 0
) -> dict[str, Interval]:
    """Each metric's difference, `second` less `first`, on the same rows, with the interval of a paired bootstrap.

    A difference is more than chance where its interval does not hold zero.
    """
    pair = first.astype(np.float64), second.astype(np.float64)
    functions = [metrics_of(first.shape[1], threshold) for threshold in thresholds]
    draws = [np.arange(len(targets)), *_draws(len(targets), seed)]
    intervals = {}
    for name in functions[0]:
        values = np.array(
            [
                _defined(functions[1][name], targets[rows], pair[1][rows])
                - _defined(functions[0][name], targets[rows], pair[0][rows])
                for rows in draws
            ]
        )
        intervals[name] = _interval(values[0], values[1:])
    return intervals


def mcnemar(first_right: npt.NDArray[np.bool_], second_right: npt.NDArray[np.bool_]) -> float:
    """Exact p-value of McNemar's test (1947): are two runs right equally often, on the same rows?"""
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    if not only_first + only_second:
        return 1.0
    return float(stats.binomtest(only_first, only_first + only_second).pvalue)


def _draws(rows: int, seed: int) -> list[Ints]:
    generator = np.random.default_rng(seed)
    count = int(np.clip(MOST_DRAWS // max(rows, 1), FEWEST_RESAMPLES, RESAMPLES))
    return [generator.integers(rows, size=rows) for _ in range(count)]


def _defined(metric: Metric, targets: Ints, scores: npt.NDArray[np.float64]) -> float:
    """The metric, NaN where it has no meaning: a resample may hold one class alone."""
    if scores.shape[1] == 2 and not 0 < targets.sum() < len(targets):
        return np.nan
    return float(metric(targets, scores))


def _interval(value: float, resampled: npt.NDArray[np.float64]) -> Interval:
    known = resampled[~np.isnan(resampled)]
    if not len(known):
        return Interval(value, np.nan, np.nan)
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))


def _log_loss(targets: Ints, scores: npt.NDArray[np.float64]) -> float:
    chosen = scores[np.arange(len(targets)), targets] / scores.sum(axis=1)
    return float(-np.log(np.maximum(chosen, np.finfo(np.float64).eps)).mean())


def _f1_macro(targets: Ints, scores: npt.NDArray[np.float64]) -> float:
    """Macro F1 over the classes that have rows, as in the run's metrics."""
    decisions, classes = scores.argmax(1), scores.shape[1]
    rows = np.bincount(targets, minlength=classes)
    right = np.bincount(targets[decisions == targets], minlength=classes)
    f1 = 2 * right / np.maximum(rows + np.bincount(decisions, minlength=classes), 1)
    return float(f1[rows > 0].mean())

"""How far a metric can be trusted: its bootstrap interval, and that of the difference between two runs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

import numpy as np
import numpy.typing as npt
from scipy import stats

from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.intervals import LEVEL, Interval, share
from libelle.evaluation.metrics import TOP_K
from libelle.features import Doubles, Floats, Ints

#: Resamples of the bootstrap, fewer where rows are many: their product is at most `MOST_DRAWS`.
RESAMPLES, FEWEST_RESAMPLES, MOST_DRAWS = 500, 200, 50_000_000

#: Metrics that may be more than 1.
UNBOUNDED = frozenset({"log_loss", "brier"})

Metric = Callable[[Ints, npt.NDArray[np.float64]], float]


def row_statistics(targets: Ints, scores: Floats, rule: DecisionRule) -> npt.NDArray[np.float64]:
    """What metrics need of each row, so that a resample draws a few numbers a row, however many labels there are.

    Args:
        targets: int64 [rows].
        scores: float32 [rows, classes].
        rule: the decision rule.

    Returns:
        Binary: the score of the positive label and the decision, float64 [rows, 2]. Multiclass: the score of the true
        label (scores of a row add up to 1), the decision, whether the true label is among the `TOP_K` best, and the
        squared error, float64 [rows, 4].
    """
    if rule.is_binary:
        return np.stack([rule.decisive(scores), rule.decide(scores)], axis=1)
    # In blocks: with many labels, scores as float64 are large.
    blocks = (slice(start, start + 10_000) for start in range(0, len(scores), 10_000))
    parts = [_multiclass_statistics(targets[block], scores[block], rule) for block in blocks]
    return np.concatenate(parts) if parts else np.empty((0, 4))


def _multiclass_statistics(targets: Ints, scores: Floats, rule: DecisionRule) -> npt.NDArray[np.float64]:
    exact = scores.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    true = exact[np.arange(len(targets)), targets]
    # Among equal scores the later class ranks higher, as in scikit-learn.
    rank = (exact > true[:, None]).sum(axis=1)
    rank += ((exact == true[:, None]) & (np.arange(exact.shape[1]) > targets[:, None])).sum(axis=1)
    among = rank < min(TOP_K, exact.shape[1] - 1)
    error = (exact**2).sum(axis=1) - 2 * true + 1
    return np.stack([true, rule.decide(scores), among, error], axis=1)


def metrics_of(rule: DecisionRule) -> Mapping[str, Metric]:
    """The metrics that get intervals, by name: functions of targets [rows] and of their `row_statistics`."""
    if rule.is_binary:

        def counted(ratio: Callable[[int, int, int], float]) -> Metric:
            def metric(targets: Ints, rows: npt.NDArray[np.float64]) -> float:
                aside = rows[:, 1] == 1
                caught = int((aside & (targets == 1)).sum())
                return ratio(caught, int(aside.sum()), int(targets.sum()))

            return metric

        return {
            "average_precision": lambda targets, rows: average_precision(targets, rows[:, 0]),
            "roc_auc": lambda targets, rows: roc_auc(targets, rows[:, 0]),
            "log_loss": lambda targets, rows: _log_loss(np.where(targets == 1, rows[:, 0], 1 - rows[:, 0])),
            "brier": lambda targets, rows: float(((rows[:, 0] - targets) ** 2).mean()),
            "accuracy": lambda targets, rows: float((rows[:, 1] == targets).mean()),
            "precision": counted(lambda caught, aside, _: caught / aside if aside else np.nan),
            "recall": counted(lambda caught, _, positives: caught / positives),
            "f1": counted(lambda caught, aside, positives: 2 * caught / (aside + positives)),
        }
    classes = len(rule.labels)
    return {
        "accuracy": lambda targets, rows: float((rows[:, 1] == targets).mean()),
        "top_k_accuracy": lambda _, rows: float(rows[:, 2].mean()),
        "f1_macro": lambda targets, rows: _f1_macro(targets, rows[:, 1].astype(np.int64), classes),
        "log_loss": lambda _, rows: _log_loss(rows[:, 0]),
        "brier": lambda _, rows: float(rows[:, 3].mean()),
    }


def average_precision(targets: Ints, scores: Doubles) -> float:
    """scikit-learn's, without the checks of its arguments: on a thousand rows they take ten times as long.

    Args:
        targets: int64 [rows], 0 and 1, both of them there.
        scores: float64 [rows].
    """
    positives, rows = _cumulated(targets, scores)
    return float((np.diff(positives, prepend=0) * positives / rows).sum() / positives[-1])


def roc_auc(targets: Ints, scores: Doubles) -> float:
    """scikit-learn's likewise; arguments as of `average_precision`."""
    positives, rows = _cumulated(targets, scores)
    negatives = rows - positives
    heights = positives + np.concatenate(([0], positives[:-1]))
    return float((np.diff(negatives, prepend=0) * heights).sum() / (2 * positives[-1] * negatives[-1]))


def _cumulated(targets: Ints, scores: Doubles) -> tuple[Doubles, Doubles]:
    """Positive rows, and rows, whose score reaches each distinct score, the highest first: float64."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    return np.cumsum(targets[order])[last].astype(np.float64), (last + 1).astype(np.float64)


def metric_intervals(targets: Ints, scores: Floats, rule: DecisionRule, seed: int = 0) -> dict[str, Interval]:
    """Each metric with its interval, the same wherever it is shown, and whatever the order of the rows.

    Metrics that are shares of rows have Wilson's interval, as have all shares on pages, on the terminal and in
    `threshold.json`; the others have that of the bootstrap (see `_interval`).

    Args:
        targets: int64 [rows].
        scores: float32 [rows, classes].
        rule: the decision rule.
        seed: of the resampling.
    """
    rows = row_statistics(targets, scores, rule)
    # The highest scores first: ranking what is in order takes no time.
    order = np.lexsort((targets, *(-rows.T[::-1])))
    targets, rows = targets[order], rows[order]
    draws = [np.arange(len(targets))], _draws(len(targets), seed)
    values = np.array([_values(targets[drawn], rows[drawn], rule) for drawn in chain(*draws)])
    resampled = {name: _interval(of[0], of[1:]) for name, of in zip(metrics_of(rule), values.T, strict=True)}
    inside = {
        name: replace(found, low=max(found.low, 0.0), high=found.high if name in UNBOUNDED else min(found.high, 1.0))
        for name, found in resampled.items()
    }
    return inside | _shares(targets, rows, rule)


def resamples(rows: int) -> int:
    """How many resamples of so many rows an interval rests on."""
    return int(np.clip(MOST_DRAWS // max(rows, 1), FEWEST_RESAMPLES, RESAMPLES))


def _shares(targets: Ints, rows: npt.NDArray[np.float64], rule: DecisionRule) -> dict[str, Interval]:
    """The metrics that are shares of some of the rows."""
    right = rows[:, 1] == targets
    found = {"accuracy": share(int(right.sum()), len(rows))}
    if not rule.is_binary:
        return found | {"top_k_accuracy": share(int(rows[:, 2].sum()), len(rows))}
    aside, positive = rows[:, 1] == 1, targets == 1
    caught = int((aside & positive).sum())
    return found | {"precision": share(caught, int(aside.sum())), "recall": share(caught, int(positive.sum()))}


def paired_bootstrap(
    targets: Ints, first: Floats, second: Floats, rules: tuple[DecisionRule, DecisionRule], seed: int = 0
) -> dict[str, Interval]:
    """Each metric's difference, `second` less `first`, on the same rows, with the interval of a paired bootstrap.

    The interval is that of `_interval`. A difference is more than chance where its interval does not contain zero.

    Args:
        targets: int64 [rows].
        first: scores, float32 [rows, classes].
        second: the scores to compare with them, float32 [rows, classes].
        rules: the decision rules, for the first scores and for the second.
        seed: of the resampling.
    """
    pair = [row_statistics(targets, scores, rule) for scores, rule in zip((first, second), rules, strict=True)]
    draws = [np.arange(len(targets))], _draws(len(targets), seed)
    values = np.array(
        [
            _values(targets[drawn], pair[1][drawn], rules[1]) - _values(targets[drawn], pair[0][drawn], rules[0])
            for drawn in chain(*draws)
        ]
    )
    return {name: _interval(of[0], of[1:]) for name, of in zip(metrics_of(rules[0]), values.T, strict=True)}


def mcnemar(first_right: npt.NDArray[np.bool_], second_right: npt.NDArray[np.bool_]) -> float:
    """Exact p-value of McNemar's test (1947): are two runs right equally often, on the same rows?"""
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    if not only_first + only_second:
        return 1.0
    return float(stats.binomtest(only_first, only_first + only_second).pvalue)


def _draws(rows: int, seed: int) -> Iterator[Ints]:
    """Resamples of rows, in the order of the rows: read one after the other, and still ranked where they were."""
    generator = np.random.default_rng(seed)
    every = np.arange(rows)
    for _ in range(resamples(rows)):
        yield np.repeat(every, np.bincount(generator.integers(rows, size=rows), minlength=rows))


def _values(targets: Ints, rows: npt.NDArray[np.float64], rule: DecisionRule) -> Doubles:
    """All metrics, float64; NaN where they are undefined: a resample may hold only one class."""
    metrics = metrics_of(rule).values()
    if rule.is_binary and not 0 < targets.sum() < len(targets):
        return np.full(len(metrics), np.nan)
    return np.array([metric(targets, rows) for metric in metrics], dtype=np.float64)


def _interval(value: float, resampled: npt.NDArray[np.float64]) -> Interval:
    """The percentile interval of the bootstrap (Efron and Tibshirani 1993), moved so that its median is the value.

    Resamples lose rare labels and repeat rows, so that metrics such as the macro F1 are on the whole higher or lower
    on them than on the rows themselves, by more than the interval's width where labels are many. What the median
    differs by estimates that bias; without it, the interval always holds the value.
    """
    known = resampled[~np.isnan(resampled)]
    if not len(known):
        return Interval(value, np.nan, np.nan)
    low, median, high = np.quantile(known, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
    # What the quantiles and the value share must not differ by rounding: a difference of nothing is 0.
    return Interval(value, value - float(median - low), value + float(high - median))


def _log_loss(true: npt.NDArray[np.float64]) -> float:
    return float(-np.log(np.maximum(true, np.finfo(np.float64).eps)).mean())


def _f1_macro(targets: Ints, decisions: Ints, classes: int) -> float:
    """Macro F1 over the classes that have rows, as in the run's metrics."""
    rows = np.bincount(targets, minlength=classes)
    right = np.bincount(targets[decisions == targets], minlength=classes)
    f1 = 2 * right / np.maximum(rows + np.bincount(decisions, minlength=classes), 1)
    return float(f1[rows > 0].mean())

"""How far a metric can be trusted: its bootstrap interval, and that of the difference between two runs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.intervals import LEVEL, Interval, share_of
from libelle.evaluation.metrics import TOP_K, among_best
from libelle.features import Doubles, Floats, Ints

#: Resamples of the bootstrap, fewer where rows are many: their product is at most `MOST_DRAWS`.
RESAMPLES, FEWEST_RESAMPLES, MOST_DRAWS = 500, 200, 50_000_000

#: Figures that are equal but for rounding.
_EQUAL = 1e-12

#: Metrics that may be more than 1.
UNBOUNDED = frozenset({"log_loss", "brier"})


class Metric(Protocol):
    """A function of targets [rows], of their `row_statistics` and of their weights, float64 [rows] or None."""

    def __call__(self, targets: Ints, rows: Doubles, weights: Doubles | None = None) -> float:
        """Return the metric."""


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
    among = among_best(targets, exact, min(TOP_K, exact.shape[1] - 1))
    error = (exact**2).sum(axis=1) - 2 * true + 1
    return np.stack([true, rule.decide(scores), among, error], axis=1)


def metrics_of(rule: DecisionRule) -> Mapping[str, Metric]:
    """The metrics that get intervals, by name."""
    if rule.is_binary:

        def counted(ratio: Callable[[float, float, float], float]) -> Metric:
            def metric(targets: Ints, rows: Doubles, weights: Doubles | None = None) -> float:
                aside, positive = rows[:, 1] == 1, targets == 1
                return ratio(*(_total(of, weights) for of in (aside & positive, aside, positive)))

            return metric

        return {
            "average_precision": lambda targets, rows, by=None: average_precision(targets, rows[:, 0], by),
            "roc_auc": lambda targets, rows, by=None: roc_auc(targets, rows[:, 0], by),
            "log_loss": lambda targets, rows, by=None: _log_loss(
                np.where(targets == 1, rows[:, 0], 1 - rows[:, 0]), by
            ),
            "brier": lambda targets, rows, by=None: _mean((rows[:, 0] - targets) ** 2, by),
            "accuracy": lambda targets, rows, by=None: _mean(rows[:, 1] == targets, by),
            "precision": counted(lambda caught, aside, _: caught / aside if aside else np.nan),
            "recall": counted(lambda caught, _, positives: caught / positives),
            "f1": counted(lambda caught, aside, positives: 2 * caught / (aside + positives)),
        }
    classes = len(rule.labels)
    return {
        "accuracy": lambda targets, rows, by=None: _mean(rows[:, 1] == targets, by),
        "top_k_accuracy": lambda _, rows, by=None: _mean(rows[:, 2], by),
        "f1_macro": lambda targets, rows, by=None: _f1_macro(targets, rows[:, 1].astype(np.int64), classes, by),
        "log_loss": lambda _, rows, by=None: _log_loss(rows[:, 0], by),
        "brier": lambda _, rows, by=None: _mean(rows[:, 3], by),
    }


def average_precision(targets: Ints, scores: Doubles, weights: Doubles | None = None) -> float:
    """scikit-learn's, without the checks of its arguments: on a thousand rows they take ten times as long.

    Args:
        targets: int64 [rows], 0 and 1, both of them there.
        scores: float64 [rows].
        weights: float64 [rows], or None.
    """
    positives, rows = _cumulated(targets, scores, weights)
    precision = positives / np.maximum(rows, np.finfo(np.float64).tiny)  # the first rows may weigh nothing
    return float((np.diff(positives, prepend=0) * precision).sum() / positives[-1])


def roc_auc(targets: Ints, scores: Doubles, weights: Doubles | None = None) -> float:
    """scikit-learn's likewise; arguments as of `average_precision`."""
    positives, rows = _cumulated(targets, scores, weights)
    negatives = rows - positives
    heights = positives + np.concatenate(([0], positives[:-1]))
    return float((np.diff(negatives, prepend=0) * heights).sum() / (2 * positives[-1] * negatives[-1]))


def _cumulated(targets: Ints, scores: Doubles, weights: Doubles | None) -> tuple[Doubles, Doubles]:
    """Positive rows, and rows, whose score reaches each distinct score, the highest first: float64; or weights."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    if weights is None:
        return np.cumsum(targets[order])[last].astype(np.float64), (last + 1).astype(np.float64)
    ordered = weights[order]
    return np.cumsum(targets[order] * ordered)[last], np.cumsum(ordered)[last]


def metric_intervals(
    targets: Ints, scores: Floats, rule: DecisionRule, seed: int = 0, weights: Doubles | None = None
) -> dict[str, Interval]:
    """Each metric with its interval, the same wherever it is shown, and whatever the order of the rows.

    Metrics that are shares of rows have Wilson's interval, as have all shares on pages, on the terminal and in
    `threshold.json`; the others have that of the bootstrap (see `_interval`). It has no bounds where all resamples
    are equal: those of rows that are ranked perfectly are, too, and do not tell how far other rows would be from it.

    Args:
        targets: int64 [rows].
        scores: float32 [rows, classes].
        rule: the decision rule.
        seed: of the resampling.
        weights: how many units each row stands for, float64 [rows]; None where all count the same.
    """
    ranked = _Ranked.of(targets, scores, rule, weights)
    values = np.array([ranked.values(counts) for counts in _draws(len(ranked.order), seed)])
    resampled = {name: _interval(of[0], of[1:]) for name, of in zip(metrics_of(rule), values.T, strict=True)}
    inside = {name: _inside(found, 1.0 if name not in UNBOUNDED else np.inf) for name, found in resampled.items()}
    return inside | _shares(ranked.targets, ranked.rows, rule, ranked.weights)


def resamples(rows: int) -> int:
    """How many resamples of so many rows an interval rests on."""
    return int(np.clip(MOST_DRAWS // max(rows, 1), FEWEST_RESAMPLES, RESAMPLES))


def _shares(
    targets: Ints, rows: npt.NDArray[np.float64], rule: DecisionRule, weights: Doubles | None
) -> dict[str, Interval]:
    """The metrics that are shares of some of the rows."""
    every = np.ones(len(rows), dtype=bool)
    found = {"accuracy": share_of(rows[:, 1] == targets, every, weights)}
    if not rule.is_binary:
        return found | {"top_k_accuracy": share_of(rows[:, 2] == 1, every, weights)}
    aside, positive = rows[:, 1] == 1, targets == 1
    return found | {
        "precision": share_of(positive, aside, weights),
        "recall": share_of(aside, positive, weights),
    }


def paired_bootstrap(
    targets: Ints,
    first: Floats,
    second: Floats,
    rules: tuple[DecisionRule, DecisionRule],
    seed: int = 0,
    weights: Doubles | None = None,
) -> dict[str, Interval]:
    """Each metric's difference, `second` less `first`, on the same rows, with the interval of a paired bootstrap.

    The interval is that of `_interval`. Where the runs differ on a few rows alone, it may leave zero out by chance:
    `randomization.py` looks after that.

    Args:
        targets: int64 [rows].
        first: scores, float32 [rows, classes].
        second: the scores to compare with them, float32 [rows, classes].
        rules: the decision rules, for the first scores and for the second.
        seed: of the resampling.
        weights: how many units each row stands for, float64 [rows]; None where all count the same.
    """
    before, after = (_Ranked.of(targets, *judged, weights) for judged in zip((first, second), rules, strict=True))
    draws = _draws(len(targets), seed)
    values = np.array([after.values(some[after.order]) - before.values(some[before.order]) for some in draws])
    return {name: _interval(of[0], of[1:]) for name, of in zip(metrics_of(rules[0]), values.T, strict=True)}


def mcnemar(first_right: npt.NDArray[np.bool_], second_right: npt.NDArray[np.bool_]) -> float:
    """Exact p-value of McNemar's test (1947): are two runs right equally often, on the same rows?"""
    from scipy import stats  # importing it takes half a second

    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    if not only_first + only_second:
        return 1.0
    return float(stats.binomtest(only_first, only_first + only_second).pvalue)


@dataclass(frozen=True)
class _Ranked:
    """Rows, those with the highest scores first: to rank what is in order takes no time.

    Attributes:
        order: int64 [rows], the rows as they are numbered elsewhere, without those that weigh nothing.
        targets: int64 [rows].
        rows: their `row_statistics`.
        rule: the decision rule.
        weights: float64 [rows], or None.
    """

    order: Ints
    targets: Ints
    rows: Doubles
    rule: DecisionRule
    weights: Doubles | None

    @classmethod
    def of(cls, targets: Ints, scores: Floats, rule: DecisionRule, weights: Doubles | None) -> "_Ranked":
        """Rank scored rows."""
        rows = row_statistics(targets, scores, rule)
        order = np.lexsort((targets, *(-rows.T[::-1])))
        if weights is not None:
            order = order[weights[order] > 0]
        return cls(order, targets[order], rows[order], rule, _taken(weights, order))

    def values(self, counts: Ints) -> Doubles:
        """All metrics where each row is there `counts` times, int64 [rows], in their order here."""
        drawn = np.repeat(np.arange(len(counts)), counts)
        return _values(self.targets[drawn], self.rows[drawn], self.rule, _taken(self.weights, drawn))


def _draws(rows: int, seed: int) -> Iterator[Ints]:
    """How often each row is there, int64 [rows]: all rows once, then resamples."""
    generator = np.random.default_rng(seed)
    yield np.ones(rows, np.int64)
    for _ in range(resamples(rows)):
        yield np.bincount(generator.integers(rows, size=rows), minlength=rows)


def _taken(weights: Doubles | None, rows: Ints) -> Doubles | None:
    return None if weights is None else weights[rows]


def _values(targets: Ints, rows: Doubles, rule: DecisionRule, weights: Doubles | None) -> Doubles:
    """All metrics, float64; NaN where they are undefined: a resample may hold only one class."""
    metrics = metrics_of(rule).values()
    if rule.is_binary and not 0 < _total(targets == 1, weights) < _total(np.ones(len(targets), bool), weights):
        return np.full(len(metrics), np.nan)
    return np.array([metric(targets, rows, weights) for metric in metrics], dtype=np.float64)


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


def _inside(found: Interval, most: float) -> Interval:
    """A metric's interval between 0 and `most`; without bounds where resamples differ by rounding alone."""
    if found.high - found.low < _EQUAL:
        return Interval(found.value, np.nan, np.nan)
    return replace(found, low=max(found.low, 0.0), high=min(found.high, most))


def _total(of: npt.NDArray[np.bool_], weights: Doubles | None) -> float:
    return float(of.sum() if weights is None else weights[of].sum())


def _mean(values: npt.NDArray[Any], weights: Doubles | None) -> float:
    return float(values.mean() if weights is None else (values * weights).sum() / weights.sum())


def _log_loss(true: Doubles, weights: Doubles | None) -> float:
    return _mean(-np.log(np.maximum(true, np.finfo(np.float64).eps)), weights)


def _f1_macro(targets: Ints, decisions: Ints, classes: int, weights: Doubles | None) -> float:
    """Macro F1 over the classes that have rows, as in the run's metrics."""
    found = np.bincount(targets, minlength=classes) > 0
    rows = np.bincount(targets, weights, minlength=classes)
    right = np.bincount(targets, (decisions == targets) * (1.0 if weights is None else weights), minlength=classes)
    both = rows + np.bincount(decisions, weights, minlength=classes)
    f1 = 2 * right / np.where(both > 0, both, 1)
    return float(f1[found].mean())

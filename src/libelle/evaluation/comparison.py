"""Runs side by side, on the same test records: what differs, and whether the difference is more than chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from libelle.data.split import TEST
from libelle.errors import UserError, listed
from libelle.evaluation.bootstrap import mcnemar, metric_intervals, paired_bootstrap
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.intervals import LEVEL, Interval, digits_apart
from libelle.evaluation.metric_names import metric_name
from libelle.evaluation.metrics import LOWER_IS_BETTER
from libelle.evaluation.outcomes import predictions
from libelle.evaluation.randomization import reach_zero_by_chance
from libelle.features import Doubles, Floats, Ints
from libelle.installation import how_to_call
from libelle.language import count, decimal, general
from libelle.language import gettext as _
from libelle.runs.run import Manifest, Run
from libelle.runs.run_list import differences

#: Lines of more runs cannot be distinguished in one figure.
MOST_RUNS = 6


@dataclass(frozen=True)
class Candidate:
    """One run on the test records.

    Attributes:
        run_id: the run.
        name: id and model.
        manifest: the run's.
        scores: float32 [test records, classes].
        rule: the decision rule, with the threshold that was chosen for the run.
        right: whether the decision is the label, bool [test records].
        intervals: metric → value with its interval.
    """

    run_id: str
    name: str
    manifest: Manifest
    scores: Floats
    rule: DecisionRule
    right: npt.NDArray[np.bool_]
    intervals: Mapping[str, Interval]


@dataclass(frozen=True)
class Difference:
    """What sets a run apart from the first.

    Attributes:
        candidate: the run.
        metrics: metric → value less the first run's, with the interval of the paired bootstrap.
        only_first: test records that only the first run decides correctly.
        only_this: test records that only this run decides correctly.
        p: of McNemar's exact test.
        p_holm: the same, corrected for the number of runs compared with the first.
    """

    candidate: Candidate
    metrics: Mapping[str, Interval]
    only_first: int
    only_this: int
    p: float
    p_holm: float


@dataclass(frozen=True)
class Comparison:
    """Runs on the same test records.

    Attributes:
        candidates: the runs, as they were given; the first is what the others are compared with.
        differences: one for each run but the first.
        labels: in the order of the score columns.
        targets: positions of labels, int64 [test records].
        weighted: whether the first run's records have weights, which then count for all runs.
        config: key → the runs' values, for the config keys and data that differ.
    """

    candidates: Sequence[Candidate]
    differences: Sequence[Difference]
    labels: Sequence[str]
    targets: Ints
    weighted: bool
    config: Sequence[tuple[Any, ...]]

    def verdicts(self, difference: Difference) -> dict[str, str]:
        """Metric → what its difference says, in a sentence."""
        name, first = difference.candidate.run_id, self.candidates[0].run_id
        return {metric: verdict(metric, value, name, first) for metric, value in difference.metrics.items()}

    def weighting(self) -> str:
        """Whose weights count, in a sentence; empty where all records count the same."""
        if not self.weighted:
            return ""
        said = _("Metrics of all runs are weighted by the records' weights in {first}; McNemar's test counts records.")
        return said.format(first=self.candidates[0].run_id)

    def decisions(self, difference: Difference) -> str:
        """What McNemar's test says of the decisions, in a sentence."""
        first, compared = self.candidates[0].run_id, len(self.differences)
        chance = _("more than chance") if difference.p_holm <= 1 - LEVEL else _("may be chance")
        test = _("McNemar's exact test, p = {p}").format(p=general(difference.p, 2))
        if compared > 1:
            test += _("; {p} corrected for {count} comparisons").format(
                p=general(difference.p_holm, 2), count=count(compared)
            )
        return _(
            "{name} alone is right on {only_this} of the test records, {first} alone on {only_first}: {chance} "
            "({test})."
        ).format(
            name=difference.candidate.run_id,
            only_this=count(difference.only_this),
            first=first,
            only_first=count(difference.only_first),
            chance=chance,
            test=test,
        )


def compare(runs: Sequence[Run], rules: Sequence[DecisionRule] | None = None) -> Comparison:
    """Compare each run with the first one on their test records, paired by record id.

    Args:
        runs: two or more.
        rules: of the runs, whose thresholds count; where left out, the threshold that was chosen for each run.

    Raises:
        UserError: when they are too few or too many, one has not completed, or test records, labels or the positive
            label differ.
    """
    if not 2 <= len(runs) <= MOST_RUNS:
        given = f"{len(runs)} {'was' if len(runs) == 1 else 'were'} given"
        raise UserError(f"{how_to_call('runs')} compare takes 2 to {MOST_RUNS} run ids, and {given}.")
    ids = [str(run.id) for run in runs]
    for run_id in ids:
        if ids.count(run_id) > 1:
            raise UserError(f"run_id={run_id} is given twice; give each run once.")
    first = runs[0].require_completed()
    labels, records = _test_records(first)
    targets = pd.Index(labels).get_indexer(pd.Index(records["target"])).astype(np.int64)
    weights = records["weight"].to_numpy(dtype=np.float64) if "weight" in records else None
    candidates = []
    for place, run in enumerate(runs):
        own_labels, own = _test_records(run.require_completed())
        if set(own_labels) != set(labels):
            odd = listed(sorted(set(own_labels) ^ set(labels)), 3)
            raise UserError(
                f"runs {first.id} and {run.id} have different labels ({odd}); compare runs that were trained on the "
                "same data."
            )
        if len(labels) == 2 and own_labels != labels:  # of more than two, the order means nothing
            # A threshold is one of the positive label's score, and says nothing of the other's.
            raise UserError(
                f"runs {first.id} and {run.id} have different positive labels ({labels[1]} and {own_labels[1]}); "
                "compare runs with the same data.positive."
            )
        _require_same(first, records, run, own)
        scores = own.loc[records.index, [f"score_{label}" for label in labels]].to_numpy(dtype=np.float32)
        rule = (
            DecisionRule.chosen(labels, run.read_threshold()) if rules is None else replace(rules[place], labels=labels)
        )
        candidates.append(_candidate(run, rule, targets, scores, weights))
    return Comparison(
        candidates=candidates,
        differences=_differences(candidates, targets, weights),
        labels=labels,
        targets=targets,
        weighted=weights is not None,
        config=[row for row in differences(*runs) if not row[0].startswith("metrics.")],
    )


def _test_records(run: Run) -> tuple[list[str], pd.DataFrame]:
    """Labels, and `target` and scores by record id."""
    labels, table = predictions(run)
    test = table[table["split"] == TEST]
    if test.empty:
        raise UserError(f"run_id={run.id} has no test records to compare on; choose runs with a test split.")
    return labels, test.set_index("id")


def _require_same(first: Run, records: pd.DataFrame, run: Run, own: pd.DataFrame) -> None:
    common = records.index.intersection(own.index)
    if not len(common) == len(records) == len(own):
        raise UserError(
            f"runs {first.id} and {run.id} have different test records: {len(records):,} and {len(own):,}, of which "
            f"{len(common):,} are the same; compare runs with the same data and data.split."
        )
    changed = records["target"] != own.loc[records.index, "target"]
    if changed.any():
        raise UserError(
            f"runs {first.id} and {run.id} have different labels for {int(changed.sum()):,} test records, for instance "
            f"{changed.idxmax()!r}; compare runs that were trained on the same data."
        )


def _candidate(run: Run, rule: DecisionRule, targets: Ints, scores: Floats, weights: Doubles | None) -> Candidate:
    return Candidate(
        run_id=str(run.id),
        name=f"{run.id} {run.manifest.model}",
        manifest=run.manifest,
        scores=scores,
        rule=rule,
        right=rule.decide(scores) == targets,
        intervals=metric_intervals(targets, scores, rule, weights=weights),
    )


def _differences(candidates: Sequence[Candidate], targets: Ints, weights: Doubles | None) -> list[Difference]:
    first, *others = candidates
    p_values = [mcnemar(first.right, other.right) for other in others]

    def metrics(other: Candidate) -> dict[str, Interval]:
        scores, rules = (first.scores, other.scores), (first.rule, other.rule)
        found = paired_bootstrap(targets, *scores, rules, weights=weights)
        return reach_zero_by_chance(found, targets, scores, rules, weights=weights)

    return [
        Difference(
            candidate=other,
            metrics=metrics(other),
            only_first=int((first.right & ~other.right).sum()),
            only_this=int((other.right & ~first.right).sum()),
            p=p,
            p_holm=corrected,
        )
        for other, p, corrected in zip(others, p_values, holm(p_values), strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of several tests, corrected so that all hold together (Holm 1979)."""
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1)
    return [float(value) for value in corrected]


def verdict(metric: str, difference: Interval, name: str, first: str) -> str:
    """What a difference, `name` less `first`, says: which is better, by how much, and whether it may be chance."""
    value, low, high = difference.value, difference.low, difference.high
    metric, lower = metric_name(metric), metric in LOWER_IS_BETTER
    if np.isnan([value, low, high]).any():
        return _("{metric} is not defined on these records.").format(metric=metric)
    if value == low == high == 0:
        return _("{name} and {first} are equal in {metric}.").format(name=name, first=first, metric=metric)
    better = (value > 0) != lower
    if value < 0:
        value, low, high = 0 - value, 0 - high, 0 - low  # the negative of 0.0 would be shown as -0.0000
    sure = low > 0 or high < 0
    digits = digits_apart(low if low > 0 else high, 0, 4) if sure else 4
    if value == 0:
        said = _("{name} and {first} are equal in {metric}, give or take ({low} to {high}).")
    elif better:
        said = _("{name} is better than {first} in {metric} by {value} ({low} to {high}): {chance}.")
    else:
        said = _("{name} is worse than {first} in {metric} by {value} ({low} to {high}): {chance}.")
    return said.format(
        name=name,
        first=first,
        metric=metric,
        value=decimal(value, digits),
        low=decimal(low, digits),
        high=decimal(high, digits),
        chance=_("more than chance") if sure else _("may be chance"),
    )

"""The publish gate: no run takes the place of a better one unawares (docs/publishing.md).

A run is compared with the version that is current under the name, on the same test records. One that is worse by the
metric that decides, more than by chance, is refused unless somebody says why it is published all the same. Where
nothing can be compared, that is said, and the run passes.
"""

import hashlib
import logging
import math

from libelle.errors import UserError
from libelle.evaluation.comparison import Candidate, Comparison, compare, verdict
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.intervals import Interval
from libelle.language import percent
from libelle.publication import Evidence
from libelle.published import Gate, Publication, current_number, find
from libelle.reports.comparison_report import make_page
from libelle.reports.page import language_of
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.base import Store
from libelle.stores.outbox import command_line

log = logging.getLogger(__name__)

#: Binary: what the threshold decides, beside the metric that decides on publication.
_DECISIONS = ("precision", "recall")


def examine(store: Store, run: Run, name: str, rule: DecisionRule, force: str | None = None) -> Evidence:
    """Compare a run with the version that it would take the place of.

    Args:
        store: where the model is published.
        run: the run, completed.
        name: of the published model.
        rule: that the run is to be published with.
        force: why the run is to be published although it is worse.

    Returns:
        What is kept of it; nothing for a first version.

    Raises:
        UserError: when the run is worse, more than by chance, and `force` is None, or the store fails.
    """
    evidence = _examined(store, run, name, rule, force)
    if force is not None and (evidence.gate is None or evidence.gate.forced is None):
        log.warning("force= was not needed, and its reason is not kept.")
    return evidence


def _examined(store: Store, run: Run, name: str, rule: DecisionRule, force: str | None) -> Evidence:
    replaced = name
    try:
        number = current_number(store, name)
        if number is None:
            return Evidence()
        replaced = f"{name}@{number}"
        current = find(store, replaced)
        comparison = _compared(store, current, run, rule)
    except UserError as error:
        store.check()  # one that fails is no reason to let a run pass
        # Of its sentence the fact, not what to do about it: that is not for whoever publishes.
        reason = str(error).partition(";")[0].removesuffix(".")
        said = f"Nothing could be compared with {replaced} ({reason}): run {run.id} passed without evidence."
        return Evidence(Gate(replaced, [said]))
    return _judged(current, run, comparison, force)


def _compared(store: Store, current: Publication, run: Run, rule: DecisionRule) -> Comparison:
    """The comparison with a version, by the thresholds that either is published with.

    Raises:
        UserError: says why there is none.
    """
    if current.run_id == str(run.id):
        raise UserError(f"{current} is a copy of the same run")
    before = Run.open(store, RunId.parse(current.run_id))
    return compare([before, run], [DecisionRule(rule.labels, current.threshold, current.label_thresholds), rule])


def _judged(current: Publication, run: Run, comparison: Comparison, force: str | None) -> Evidence:
    (difference,) = comparison.differences
    metric, found = next(iter(difference.metrics.items()))
    worse = found.high < 0  # of both metrics that decide, average precision and accuracy, more is better
    if worse and force is None:
        raise UserError(_refusal(run.store, current, comparison, metric, found))
    page = make_page(comparison, language_of(run)).encode()
    gate = Gate(
        replaced=str(current),
        sentences=_sentences(current, comparison),
        metric=metric,
        difference=None if math.isnan(found.low + found.high) else found,
        forced=force if worse else None,
        page={"size": len(page), "sha256": hashlib.sha256(page).hexdigest()},
    )
    return Evidence(gate, page)


def _refusal(store: Store, current: Publication, comparison: Comparison, metric: str, found: Interval) -> str:
    before, now = comparison.candidates
    values = now.intervals[metric].value, before.intervals[metric].value
    comparing = command_line(store, "runs", "compare", before.run_id, now.run_id)
    return (
        f"run_id={now.run_id} is worse than {current}, run {before.run_id}, more than by chance: {metric} "
        f"{values[0]:.4f} instead of {values[1]:.4f} on the same {len(comparison.targets):,} test records, by "
        f"{-found.value:.4f} ({-found.high:.4f} to {-found.low:.4f}); publish a better run (see "
        f'{comparing}), or say why this one is to be published all the same: force="...".'
    )


def _sentences(current: Publication, comparison: Comparison) -> list[str]:
    """What the comparison says of the metric that decides, and of decisions."""
    (difference,) = comparison.differences
    before, now = comparison.candidates
    deciding = next(iter(difference.metrics))
    shown = [deciding, *(name for name in _DECISIONS if name in difference.metrics)]
    said = [verdict(name, difference.metrics[name], f"run {now.run_id}", str(current)) for name in shown]
    said.append(comparison.decisions(difference))
    if before.manifest.data_fingerprint != now.manifest.data_fingerprint:
        said.append("Their test records are the same, by ids and labels; fields, weights or other records differ.")
    if comparison.weighted:
        said.append(comparison.weighting())
    coding = [_coding(candidate, comparison) for candidate in (now, before)]
    if all(coding):
        said.append(f"Coded automatically: {coding[0]}; by {current}, {coding[1]}.")
    return said


def _coding(candidate: Candidate, comparison: Comparison) -> str:
    """Multiclass, with chosen thresholds: the share of test records that are coded, and of these rightly."""
    coded = candidate.rule.automatic(candidate.scores)
    if coded is None:
        return ""
    rightly = f", {percent(float(candidate.right[coded].mean()))} of them rightly" if coded.any() else ""
    return f"{percent(float(coded.mean()))} of {len(comparison.targets):,} test records{rightly}"

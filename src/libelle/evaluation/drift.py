"""Do new records look like the training data? The comparisons, and a verdict in plain words.

A share (of records set aside, of empty fields, of words that are new or rare) has changed where both hold:

- more than chance: Newcombe's interval of their difference (Newcombe 1998, method 10) excludes zero. Its level is 95 %
  for all shares of the page together, divided among them (Bonferroni). Words of one text are not independent, so for
  a share of words the sample size is the number of texts.
- enough to matter: Cohen's h, |2 asin √p - 2 asin √q|, is at least 0.1 (Cohen 1988; he calls 0.2 small): from 3 % to
  5 %, say, or from 50 % to 55 %. Otherwise any difference would be an alarm in a file that is large enough.

For new words, and for records that the model has learnt from, only a rise counts; of the latter, chance is taken off
both shares (`libelle.evaluation.training_records`). Scores, multiclass decisions, and the values of a field that is not
text have changed where the population stability index, PSI = Σ (q - p) ln(q / p) over bins, is at least 0.1 (moderate;
large from 0.25: Siddiqi 2006), and above the 99 % quantile of chance, (1/n + 1/m) χ² with one degree of freedom less
than bins (Yurdakul 2018). Bins are the deciles of the reference's scores, and the values' own (`drift_values.py`);
labels and values that it has fewer than five times share one bin; half a record is added to each bin, so that none is
empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import asin, hypot, sqrt

import numpy as np

from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.drift_reference import FieldCounts
from libelle.evaluation.drift_seen import Counts, Seen, histogram
from libelle.evaluation.intervals import Interval, wilson
from libelle.language import decimal, percent, pgettext
from libelle.language import gettext as _

#: What matters: Cohen's h; PSI, moderate and large.
EFFECT, MODERATE, LARGE = 0.1, 0.1, 0.25


@dataclass(frozen=True)
class Change:
    """A share in the scored file and in the reference.

    Attributes:
        now, before: the shares; NaN where there is nothing to divide by.
        difference: with the interval that the rule asks for.
        changed: what the rule says.
    """

    now: float
    before: float
    difference: Interval
    changed: bool


@dataclass(frozen=True)
class Stability:
    """A population stability index, what chance alone would reach, and whether the rule calls it a change."""

    psi: float
    chance: float
    changed: bool


@dataclass(frozen=True)
class Drift:
    """All comparisons on a page.

    Attributes:
        aside: share of records that are set aside, see `Seen`; None without a threshold.
        scores: of the scores.
        decisions: of the decisions; None if binary.
        empty, new: field → share of empty records, of new words.
        values: field that is not text → of its values.
        learnt: share of records with the texts of a training record, approximately; None where it is not known.
    """

    aside: Change | None
    scores: Stability
    decisions: Stability | None
    empty: Mapping[str, Change]
    new: Mapping[str, Change]
    values: Mapping[str, Stability]
    learnt: Change | None = None


def compare_shares(
    now: tuple[float, float],
    before: tuple[float, float],
    level: float,
    *,
    rise_only: bool = False,
    chance: float = 0.0,
) -> Change:
    """Whether a share has changed, by the rule of this module.

    Args:
        now: part and whole in the file.
        before: part and whole in the reference.
        level: of the interval.
        rise_only: whether a fall is no change.
        chance: the part of all others that is counted as well, by chance alone; it is taken off.
    """
    if not (now[1] and before[1]):
        shares = [part / whole if whole else np.nan for part, whole in (now, before)]
        return Change(shares[0], shares[1], Interval(np.nan, np.nan, np.nan), changed=False)
    p, q = now[0] / now[1], before[0] / before[1]
    (p_low, p_high), (q_low, q_high) = wilson(*now, level), wilson(*before, level)
    low, high = p - q - hypot(p - p_low, q_high - q), p - q + hypot(p_high - p, q - q_low)
    if chance:
        # A share that is counted as p is (p - chance) / (1 - chance) in truth.
        p, q = (max(share - chance, 0.0) / (1 - chance) for share in (p, q))
        low, high = low / (1 - chance), high / (1 - chance)
    effect = 2 * asin(sqrt(p)) - 2 * asin(sqrt(q))
    sure = low > 0 or (high < 0 and not rise_only)
    return Change(p, q, Interval(p - q, low, high), changed=sure and abs(effect) >= EFFECT)


def stability(now: Counts, before: Counts) -> Stability:
    """Population stability index of two histograms over the same bins, by the rule of this module."""
    from scipy.stats import chi2

    if len(now) < 2 or not (now.sum() and before.sum()):
        return Stability(0.0, 0.0, changed=False)
    q, p = (now + 0.5) / (now + 0.5).sum(), (before + 0.5) / (before + 0.5).sum()
    psi = float(((q - p) * np.log(q / p)).sum())
    chance = float((1 / now.sum() + 1 / before.sum()) * chi2.ppf(0.99, len(now) - 1))
    return Stability(psi, chance, changed=psi >= MODERATE and psi > chance)


def compare(seen: Seen) -> Drift:
    """Compare what was scored with the reference."""
    reference, rule = seen.reference, seen.rule
    aside = rule.set_aside(reference.chosen, reference.scores)
    learnt = reference.learnt
    shares = 2 * len(seen.fields) - len(seen.values) + (aside is not None) + (learnt is not None)
    level = 1 - 0.05 / shares
    empty, new = {}, {}
    for name in seen.fields:
        now, before = seen.fields[name], reference.fields[name]
        empty[name] = compare_shares((now.empty, seen.rows), (before.empty, reference.rows), level)
        if name in seen.values:
            continue
        of_words = _per_text(now, seen.rows), _per_text(before, reference.rows)
        new[name] = compare_shares(*of_words, level, rise_only=True)
    return Drift(
        aside=None
        if aside is None
        else compare_shares((seen.aside, seen.rows), (int(aside.sum()), reference.rows), level),
        scores=stability(seen.bins, histogram(reference.scores, seen.edges)),
        decisions=None if rule.is_binary else stability(*_pooled(seen.decisions, reference.decisions)),
        empty=empty,
        new=new,
        values={
            name: stability(*_pooled(counts, np.array(reference.values[name].counts, dtype=np.int64)))
            for name, counts in seen.values.items()
        },
        learnt=None
        if learnt is None or learnt.chance == 1
        else compare_shares(
            (seen.learnt, seen.rows),
            (learnt.found, reference.rows),
            level,
            rise_only=True,
            chance=learnt.chance,
        ),
    )


def verdict(drift: Drift, rule: DecisionRule) -> list[str]:
    """What has changed, a sentence each; none where nothing has."""
    said = []
    if drift.aside is not None and drift.aside.changed:
        if rule.is_binary:
            what = _("{now} of records are set aside as label {label}, {before} in training.")
        else:
            what = _("{now} of records can be coded automatically, {before} in training.")
        label = rule.positive if rule.is_binary else ""
        said.append(what.format(now=_percent(drift.aside.now), before=_percent(drift.aside.before), label=label))
    if drift.scores.changed:
        what = _("Scores are distributed differently than in training (PSI {psi}, {size}).")
        if drift.learnt is not None and drift.learnt.changed:
            what = _(
                "Scores are distributed differently than in training (PSI {psi}, {size}), as they are for records that "
                "a model has learnt from."
            )
        said.append(what.format(psi=decimal(drift.scores.psi, 2), size=_size(drift.scores)))
    if drift.decisions is not None and drift.decisions.changed:
        what = _("Decisions are distributed differently than in training (PSI {psi}, {size}).")
        said.append(what.format(psi=decimal(drift.decisions.psi, 2), size=_size(drift.decisions)))
    what = _("The values of {field} are distributed differently than in training (PSI {psi}, {size}).")
    said += [
        what.format(field=name, psi=decimal(stable.psi, 2), size=_size(stable))
        for name, stable in drift.values.items()
        if stable.changed
    ]
    for changes, what in (
        (drift.empty, _("{field} is empty in {now} of records, {before} in training.")),
        (drift.new, _("{now} of the words of {field} are new or rare, {before} in training.")),
    ):
        said += [
            what.format(field=name, now=_percent(change.now), before=_percent(change.before))
            for name, change in changes.items()
            if change.changed
        ]
    return said


def learnt_sentence(drift: Drift) -> str:
    """That a file holds records that the model has learnt from; empty where it does not, or nobody can tell."""
    if drift.learnt is None or not drift.learnt.changed:
        return ""
    now, before = percent(drift.learnt.now, 0), percent(drift.learnt.before, 0)
    if before == percent(0, 0):
        text = _(
            "This file holds training records: about {now} of its records have the texts of one; the model has learnt "
            "from them, so that its scores are surer there."
        )
    else:
        text = _(
            "This file holds training records: about {now} of its records have the texts of one, and about {before} of "
            "the validation and test records have; the model has learnt from them, so that its scores are surer there."
        )
    return text.format(now=now, before=before)


def _size(stable: Stability) -> str:
    return pgettext("change", "large") if stable.psi >= LARGE else pgettext("change", "moderate")


def _per_text(counts: FieldCounts, rows: int) -> tuple[float, float]:
    """Part and whole of new words, as if each text had one word."""
    texts = rows - counts.empty
    return (counts.new / counts.words * texts if counts.words else 0.0), texts


def _pooled(now: Counts, before: Counts) -> tuple[Counts, Counts]:
    """Labels that are rare in the reference as one bin."""
    rare = before < 5
    if not rare.any():
        return now, before
    return np.append(now[~rare], now[rare].sum()), np.append(before[~rare], before[rare].sum())


def _percent(value: float) -> str:
    return percent(value, 0 if value >= 0.1 or value == 0 else 1)

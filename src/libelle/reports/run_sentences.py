"""What the report of a run says in sentences: its title, its headline, and what it found in the data."""

from collections.abc import Mapping

import numpy as np

from libelle.data.split import TEST, VALIDATION
from libelle.evaluation import automatic_coding
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.intervals import Interval, share
from libelle.evaluation.metrics import TOP_K, among_best
from libelle.features import Floats, Ints
from libelle.language import count, decimal, ngettext, percent, threshold_text
from libelle.language import gettext as _


def run_title(run: str, model: str, data: str, rule: DecisionRule) -> str:
    """What heads the page: run, model, data and labels."""
    if rule.is_binary:
        text = _("Run {run}: {model} on {data}, label {positive} or {negative}")
        return text.format(run=run, model=model, data=data, positive=rule.positive, negative=rule.labels[0])
    text = _("Run {run}: {model} on {data}, {count} labels")
    return text.format(run=run, model=model, data=data, count=count(len(rule.labels)))


def headline(targets: Ints, scores: Floats, rule: DecisionRule) -> list[str]:
    """What the run does on test records, in sentences with 95 % intervals."""
    if not len(targets):
        return [_("There are no test records, so nothing can be said of records that the model has not seen.")]
    return _binary_headline(targets, scores, rule) if rule.is_binary else _many_headline(targets, scores, rule)


def _many_headline(targets: Ints, scores: Floats, rule: DecisionRule) -> list[str]:
    labels, rows = rule.labels, len(targets)
    right = share(int((rule.decide(scores) == targets).sum()), rows)
    surest = automatic_coding.surest_half(targets, scores, rule)
    frequent = np.bincount(targets, minlength=len(labels))
    said = [
        _(
            "Of 100 records, {right} get the right one of {labels} labels; giving all of them label {label} would be "
            "right for {frequent}."
        ).format(
            right=_of_100(right),
            labels=count(len(labels)),
            label=labels[int(frequent.argmax())],
            frequent=decimal(frequent.max() / rows * 100, 0),
        )
    ]
    k = min(TOP_K, len(labels) - 1)
    if k > 1:
        among = share(int(among_best(targets, scores, k).sum()), rows)
        text = _("For {among} of 100, the right label is among the {k} with the best scores.")
        said.append(text.format(among=_of_100(among), k=k))
    text = _("Of the half with the highest scores, {surest} of 100 are right.")
    return [*said, text.format(surest=_of_100(surest))]


def _binary_headline(targets: Ints, scores: Floats, rule: DecisionRule) -> list[str]:
    assert rule.threshold is not None
    aside, positives = rule.decide(scores) == 1, targets == 1
    threshold, label = threshold_text(rule.threshold), rule.positive
    if not aside.any():
        text = _("With threshold {threshold} no test record is set aside as label {label}.")
        return [text.format(threshold=threshold, label=label)]
    caught = int((aside & positives).sum())
    said = [
        _(
            "Of 100 records set aside as label {label}, {precision} truly are; of 100 records drawn at random, "
            "{prevalence} are."
        ).format(
            label=label,
            precision=_of_100(share(caught, int(aside.sum()))),
            prevalence=decimal(positives.mean() * 100, 0),
        )
    ]
    if positives.any():
        text = _("{aside} of records are set aside; of 100 that are label {label}, {recall} are caught.")
        recall = _of_100(share(caught, int(positives.sum())))
        said.append(text.format(aside=percent(aside.mean()), label=label, recall=recall))
    else:
        text = _("{aside} of records are set aside; no test record is label {label}.")
        said.append(text.format(aside=percent(aside.mean()), label=label))
    text = _("A record is set aside where its score is at least {threshold}.")
    return [*said, text.format(threshold=threshold)]


def _of_100(figure: Interval) -> str:
    value, low, high = (decimal(part * 100, 0) for part in (figure.value, figure.low, figure.high))
    return f"{value} ({low}–{high})"


def leakage_sentences(found: Mapping[str, int]) -> list[str]:
    """What `leakage` found."""
    numbers = found[VALIDATION], found[TEST]
    names = (
        ngettext("{count} validation record", "{count} validation records", numbers[0]),
        ngettext("{count} test record", "{count} test records", numbers[1]),
    )
    repeated = [name.format(count=count(number)) for name, number in zip(names, numbers, strict=True) if number]
    if repeated:
        text = _(
            "Leakage check: these have the same texts as a training record, after cleaning: {records}. On short texts "
            "that is natural; where it is not, the metrics are too good."
        )
    else:
        text = _("Leakage check: no validation or test record has the texts of a training record, after cleaning.")
    said = [text.format(records=", ".join(repeated))]
    if found["contradicting"]:
        text = _(
            "{count} records share their texts with a record that has another label; no model can get all of them "
            "right."
        )
        said.append(text.format(count=count(found["contradicting"])))
    return said

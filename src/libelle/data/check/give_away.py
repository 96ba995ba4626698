"""Fields that give the label away: a code that was given with it, or after it."""

from dataclasses import dataclass

import numpy as np

from libelle.data.check.findings import Finding
from libelle.data.columns import Column, Columns
from libelle.data.distinct import distinct_numbers
from libelle.data.field_kinds import Kinds
from libelle.features import Ints
from libelle.language import N_

#: Rows that are looked at, drawn at random where there are more: shares of that many are exact enough.
SAMPLE = 100_000
#: Rows that a guess without the field gets wrong, at least: with fewer, chance does it.
FEWEST_ROWS = 5
#: Share of these mistakes that a field's values must remove. A text says much about its label, as the name of a product
#: about its code: on real diaries, texts remove up to 93 %. A code says all, but for errors in the labels.
REMOVED_BY_TEXTS, REMOVED_BY_CODES = 0.98, 0.9
#: A field most of whose rows have a value of their own is text, whatever the others say.
RECURRING = 0.5
#: Rows of a recurring value, on average.
ROWS_PER_VALUE = 3
#: Share of the rows in which a field that is the label holds it.
SAME = 0.9


@dataclass(frozen=True)
class Relation:
    """How far a column's values settle another column's, judged on the values that recur.

    Attributes:
        share: of the rows whose value recurs.
        rows_per_value: rows of such a value, on average.
        guessed_wrong: rows that the commonest answer gets wrong.
        left_wrong: rows that the commonest answer of each value gets wrong.
    """

    share: float
    rows_per_value: float
    guessed_wrong: int
    left_wrong: int

    @classmethod
    def of(cls, values: Ints, answers: Ints, commonest: int) -> "Relation":
        """Compare two columns of codes, int64 [rows] each; `commonest` is the answer to give without the values."""
        rows = np.bincount(values, minlength=1)
        recurs = rows[values] > 1
        values, answers = values[recurs], answers[recurs]
        if not len(values):
            return cls(0, 0, 0, 0)
        width = int(answers.max()) + 1
        pairs, counts = np.unique(values * width + answers, return_counts=True)
        most = np.zeros(len(rows), dtype=np.int64)
        np.maximum.at(most, pairs // width, counts)
        return cls(
            share=len(values) / len(recurs),
            rows_per_value=len(values) / int((rows > 1).sum()),
            guessed_wrong=int((answers != commonest).sum()),
            left_wrong=len(values) - int(most.sum()),
        )

    def settles(self, removed: float = REMOVED_BY_TEXTS) -> bool:
        """Whether the values settle the answers, by more than chance, and remove this share of the mistakes."""
        return (
            self.share >= RECURRING
            and self.rows_per_value >= ROWS_PER_VALUE
            and self.guessed_wrong >= FEWEST_ROWS
            and self.left_wrong <= (1 - removed) * self.guessed_wrong
        )


def find(columns: Columns, target: Column, kinds: Kinds) -> list[Finding]:
    """Fields from whose values the label follows, or the other way round.

    Args:
        columns: the fields.
        target: each row's label; none is missing.
        kinds: which fields are not text.
    """
    rows = len(target)
    chosen = np.arange(rows)
    if rows > SAMPLE:
        chosen = np.sort(np.random.default_rng(0).choice(rows, SAMPLE, replace=False))
    labels = target.index[chosen].astype(np.int64)
    found = []
    for name, column in columns.items():
        message = _judge(column, column.index[chosen].astype(np.int64), target, labels)
        if message is not None:
            values = {"field": name, "key": kinds.key_of(name)}
            found.append(Finding("gives the label away", message, values, leave_out=(name,)))
    return found


def _judge(column: Column, values: Ints, target: Column, labels: Ints) -> str | None:
    """What is to be said of a field, as a template."""
    there = values < len(column.texts)
    if not there.any():
        return None
    commonest = int(np.bincount(labels).argmax())
    values, known = values[there], labels[there]
    if _is_the_label(column, values, target, known):
        return N_("Field {field!r} holds the label itself: a model would only copy it; leave it out of {key}.")
    if Relation.of(values, known, commonest).settles(_wanted(column, values)):
        return N_(
            "Field {field!r} gives the label away: nearly all rows of one value have the same label, as with a code; "
            "unless it is known before the label, leave it out of {key}."
        )
    if len(target.texts) > 2 and _follows(values, known):
        return N_(
            "Field {field!r} follows from the label: all rows of a label have the same value, as with the first digits "
            "of a code; unless it is known before the label, leave it out of {key}."
        )
    if Relation.of(there.astype(np.int64), labels, commonest).settles():
        return N_(
            "Field {field!r} gives the label away by being filled in or empty; unless that is known before the label, "
            "leave it out of {key}."
        )
    return None


def _wanted(column: Column, values: Ints) -> float:
    """The share of the mistakes that a field must remove: more if it holds texts than if it holds codes."""
    texts = [column.texts[text] for text in distinct_numbers(values).tolist()]
    return REMOVED_BY_TEXTS if any(" " in text.strip() for text in texts) else REMOVED_BY_CODES


def _is_the_label(column: Column, values: Ints, target: Column, labels: Ints) -> bool:
    """Whether the field's texts are the labels, but for case and blanks around them."""
    codes = {text.strip().casefold(): code for code, text in enumerate(target.texts)}
    same = np.full(len(column.texts), -1)
    for text in distinct_numbers(values).tolist():
        same[text] = codes.get(column.texts[text].strip().casefold(), -1)
    alike = np.array([codes[text.strip().casefold()] for text in target.texts])
    agree = same[values] == alike[labels]
    return bool(agree.mean() >= SAME and len(distinct_numbers(labels[agree])) > 1 and agree.sum() >= FEWEST_ROWS)


def _follows(values: Ints, labels: Ints) -> bool:
    if len(distinct_numbers(values)) < 2:
        return False
    return Relation.of(labels, values, int(np.bincount(values).argmax())).settles()

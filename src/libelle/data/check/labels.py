"""What is wrong with labels: names that are alike, too few rows, none in a split, no labels at all but texts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from libelle.data.check.findings import LABELS_SHOWN, LONGEST, SHOWN, Finding, first, shorten
from libelle.data.split import SPLITS, TRAIN
from libelle.data.targets import without_case_and_blanks
from libelle.errors import listed
from libelle.features import Ints
from libelle.language import N_

#: With fewer rows, figures about a label are guesses.
FEWEST_ROWS = 10
#: Labels from which on they are compared with texts, and the share of rows with a label of their own that texts have.
MANY_LABELS, DISTINCT = 20, 0.2
#: Words of a label, on average, if it is a text.
WORDS = 2.5


def find(labels: Sequence[str], rows: Ints, targets: Sequence[str], split_by: Mapping[str, str]) -> list[Finding]:
    """Find what is wrong with labels.

    Args:
        labels: in the order of the score columns.
        rows: of each label in each split, int64 [labels, splits].
        targets: the source's columns that labels are made of.
        split_by: config keys that say how rows are split → columns.
    """
    sizes = rows.sum(axis=1)
    texts = _free_text(labels, sizes, targets)
    if texts:
        return [texts]
    unmeasured = [_unmeasured(label, counts, split_by) for label, counts in zip(labels, rows, strict=True)]
    if len(labels) == 2 and any(unmeasured):
        found = [_alike(labels, sizes), *unmeasured]
    else:
        # Labels without rows in a split have few: of these alone, another sentence would say the same again.
        few = _few(labels, sizes) if (rows[sizes < FEWEST_ROWS] > 0).all(axis=1).any() else None
        found = [_alike(labels, sizes), _untrained(labels, rows), _absent(labels, rows), few]
    return [finding for finding in found if finding is not None]


def _alike(labels: Sequence[str], sizes: Ints) -> Finding | None:
    groups: dict[str, list[int]] = {}
    for place, label in enumerate(labels):
        groups.setdefault(without_case_and_blanks(label), []).append(place)
    alike = [places for places in groups.values() if len(places) > 1]
    if not alike:
        return None
    shown = [[[labels[place][:LONGEST], int(sizes[place])] for place in places] for places in alike]
    message = N_(
        "Labels that are alike but for case or blanks count as different ones, with these rows: {labels:alike}; write "
        "them alike in the source."
    )
    return Finding("labels alike", message, {"labels": first(shown, LABELS_SHOWN)})


def nearly_positive(values: Mapping[str, int], target_value: str | None) -> list[Finding]:
    """Values of the target that are taken for other ones than `data.target_value`; value → rows."""
    if not values:
        return []
    message = N_(
        "Values that are alike to data.target_value={value} but for case or blanks count as negative, in these rows: "
        "{labels:alike}; write them alike in the source."
    )
    shown = first([[[value[:LONGEST], rows]] for value, rows in values.items()], LABELS_SHOWN)
    return [Finding("labels alike", message, {"value": target_value, "labels": shown})]


def _untrained(labels: Sequence[str], rows: Ints) -> Finding | None:
    unseen = [label for label, count in zip(labels, rows[:, SPLITS.index(TRAIN)], strict=True) if not count]
    if not unseen:
        return None
    message = N_("{count:,} labels have no training row and cannot be learnt: {labels}; give more rows of them.")
    if len(unseen) == 1:
        message = N_("label {labels} has no training row and cannot be learnt; give more rows of it.")
    return Finding("label without training rows", message, {"count": len(unseen), "labels": listed(unseen, SHOWN)})


def _unmeasured(label: str, counts: Ints, split_by: Mapping[str, str]) -> Finding | None:
    """A binary label without rows in a split: nothing could be learnt, or chosen, or measured."""
    if counts.all():
        return None
    message = N_(
        "label {label:label} has {rows:rows}: none is left for {splits:splits}, and two labels need rows in each "
        "split; give more rows of it, or check data.target."
    )
    if "data.split.column" in split_by:
        message = N_(
            "label {label:label} has {rows:rows}: none is left for {splits:splits}, and two labels need rows in each "
            "split; correct the column {column!r}, or leave data.split.column out."
        )
    elif split_by:
        message = N_(
            "label {label:label} has {rows:rows}: none is left for {splits:splits}, and two labels need rows in each "
            "split; give more rows of it, change data.split.seed, or leave data.split.group out."
        )
    values = {**_counted(label, counts), "column": split_by.get("data.split.column")}
    return Finding("label without rows in a split", message, values, refused=True)


def _absent(labels: Sequence[str], rows: Ints) -> Finding | None:
    """Labels of a multiclass target that stand in the training rows, and not in both other splits."""
    missing = np.flatnonzero((rows[:, 1:] == 0).any(axis=1) & (rows[:, SPLITS.index(TRAIN)] > 0))
    if not len(missing):
        return None
    if len(missing) == 1:
        (place,) = missing.tolist()
        message = N_(
            "label {label:label} has {rows:rows}: none is left for {splits:splits}, so that little says how well it is "
            "found; give more rows of it."
        )
        return Finding("label without rows in a split", message, _counted(labels[place], rows[place]))
    message = N_(
        "{count:,} of {labels:,} labels have no validation or no test row, so that little says how well they are "
        "found: {shown:each}; give more rows of them, or put rare labels together."
    )
    values = {"count": len(missing), "labels": len(labels), "shown": _with_rows(labels, rows.sum(axis=1), missing)}
    return Finding("label without rows in a split", message, values)


def _counted(label: str, counts: Ints) -> dict[str, Any]:
    empty = [split for split, count in zip(SPLITS, counts.tolist(), strict=True) if not count]
    return {"label": shorten(label), "rows": int(counts.sum()), "splits": empty}


def _with_rows(labels: Sequence[str], sizes: Ints, places: Ints) -> list[Any]:
    """Some labels with their rows, fewest first."""
    ordered = places[np.argsort(sizes[places], kind="stable")]
    return first([[shorten(labels[place]), int(sizes[place])] for place in ordered.tolist()], LABELS_SHOWN)


def _few(labels: Sequence[str], sizes: Ints) -> Finding | None:
    few = np.flatnonzero(sizes < FEWEST_ROWS)
    if not len(few):
        return None
    message = N_(
        "{count:,} of {all:,} labels have fewer than {fewest} rows each, too few to learn them or to say how well they "
        "are found: {labels:each}; give more rows of them, or put rare labels together."
    )
    if len(few) == 1:
        message = N_(
            "Fewer than {fewest} rows have the label {labels:each}: too few to learn it or to say how well it is "
            "found; give more rows of it."
        )
    elif len(labels) == 2:  # to put these together would leave one
        message = N_(
            "Both labels have fewer than {fewest} rows, too few to learn them or to say how well they are found: "
            "{labels:each}; give more rows of them."
        )
    values = {"fewest": FEWEST_ROWS, "count": len(few), "all": len(labels), "labels": _with_rows(labels, sizes, few)}
    return Finding("label with few rows", message, values)


def _free_text(labels: Sequence[str], sizes: Ints, targets: Sequence[str]) -> Finding | None:
    """A target that is no list of labels: long texts, or nearly every row with a label of its own."""
    rows = int(sizes.sum())
    if len(labels) < MANY_LABELS or len(labels) < DISTINCT * rows:
        return None
    long = np.average([len(label.split()) for label in labels]) >= WORDS or max(map(len, labels)) > 2 * LONGEST
    if not long and len(labels) < rows / 2:
        return None
    message = N_(
        "The target {target} holds {labels:,} different values in {rows:,} rows, such as {example!r}: that looks like "
        "free text, an id or a number, not like labels; name the column of labels with data.target."
    )
    longest = max(labels, key=len)
    values = {"target": listed(targets, SHOWN), "labels": len(labels), "rows": rows, "example": shorten(longest)}
    return Finding("free text as target", message, values)

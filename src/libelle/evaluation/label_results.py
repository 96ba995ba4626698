"""Multiclass results by label: which labels are found, and which are confused."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from libelle.data.split import SPLITS, TRAIN
from libelle.features import Ints
from libelle.language import count, ngettext, pgettext
from libelle.language import gettext as _

#: Pairs and labels that are listed.
LISTED_PAIRS, LISTED_LABELS = 20, 30
#: Lower ends of the bands of training records, after the first, which has none.
_BANDS = (1, 10, 100, 1000)


def confused(counts: Ints, labels: Sequence[str]) -> tuple[list[dict[str, Any]], int]:
    """The pairs of labels most often confused.

    Args:
        counts: records by true label (rows) and decision (columns).
        labels: in the order of rows and columns.

    Returns:
        `true`, `decision`, `rows`, and `of`, the records of the true label, a pair each, and the number of all wrong
        decisions. Pairs with one record say little, and are left out where there are others.
    """
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    fewest = min(2, int(wrong.max(initial=0)))
    order = np.argsort(-wrong, axis=None, kind="stable")[:LISTED_PAIRS]
    pairs = [np.unravel_index(place, wrong.shape) for place in order]
    listed = [
        {"true": labels[row], "decision": labels[column], "rows": int(wrong[row, column]), "of": int(counts[row].sum())}
        for row, column in pairs
        if fewest and wrong[row, column] >= fewest
    ]
    return listed, int(wrong.sum())


def label_table(labels: Sequence[str], rows: Mapping[str, Mapping[str, int]], counts: Ints) -> list[dict[str, Any]]:
    """Rows of each label by split, and how well it is found in the test rows, the most frequent labels first.

    Args:
        labels: all of them.
        rows: split → label → rows.
        counts: test records by true label (rows) and decision (columns).

    Returns:
        `label`, the rows of each split, and `precision`, `recall` and `f1` on test rows, None where there is nothing to
        divide by.
    """
    right, true, decided = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    order = sorted(range(len(labels)), key=lambda place: -rows[TRAIN].get(labels[place], 0))
    return [
        {
            "label": labels[place],
            **{split: rows[split].get(labels[place], 0) for split in SPLITS},
            "precision": right[place] / decided[place] if decided[place] else None,
            "recall": right[place] / true[place] if true[place] else None,
            "f1": 2 * right[place] / (true[place] + decided[place]) if true[place] else None,
        }
        for place in order[:LISTED_LABELS]
    ]


def label_sentence(counts: Ints, trained: Ints) -> str:
    """How many labels are never found, in words; empty without test records.

    Args:
        counts: test records by true label (rows) and decision (columns).
        trained: training records of each label, int64 [labels].
    """
    there = counts.sum(axis=1) > 0
    never = there & (np.diag(counts) == 0)
    lost, unknown = int(never.sum()), int((never & (trained == 0)).sum())
    if not there.any():
        return ""
    labels = _("Of {labels} labels, {there} have test records").format(
        labels=count(len(counts)), there=count(int(there.sum()))
    )
    if not lost:
        return _("{labels}; each of these is found at least once.").format(labels=labels)
    if not unknown:
        text = ngettext(
            "{labels}; {never} of these is never found.", "{labels}; {never} of these are never found.", lost
        )
    else:
        text = ngettext(
            "{labels}; {never} of these is never found, {unknown} for want of any training record.",
            "{labels}; {never} of these are never found, {unknown} for want of any training record.",
            lost,
        )
    return text.format(labels=labels, never=count(lost), unknown=count(unknown))


def training_bands(targets: Ints, trained: Ints) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """How many training records the label of each row has, as one of a few bands.

    Args:
        targets: int64 [rows].
        trained: training records of each label, int64 [labels].

    Returns:
        For each band that holds rows its name, and which they are, bool [rows]; in their order.
    """
    places = np.searchsorted(_BANDS, trained[targets], side="right")
    last = len(_BANDS)
    found = []
    for place in np.unique(places).tolist():
        if place == 0:
            name = pgettext("training records", "none")
        elif place == last:
            name = _("{least} or more").format(least=count(_BANDS[-1]))
        else:
            name = _("{least} to {most}").format(least=count(_BANDS[place - 1]), most=count(_BANDS[place] - 1))
        found.append((name, places == place))
    return found

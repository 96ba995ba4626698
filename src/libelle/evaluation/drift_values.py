"""How the values of a field that is not text are distributed, in bins that a reference settles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from libelle.data.columns import Column
from libelle.data.numbers import read_numbers
from libelle.features import Ints
from libelle.language import general, pgettext
from libelle.language import gettext as _

#: Categories with a bin of their own, the most frequent ones.
MOST_CATEGORIES = 20

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ValueBins:
    """The bins of one field, the last one of which is for missing values.

    Attributes:
        categories: with a bin each, and one for all others; empty for numbers.
        edges: between the bins of numbers, the deciles of the training records; empty for categories.
        counts: validation and test records in each bin.
    """

    categories: Sequence[str]
    edges: Sequence[float]
    counts: Sequence[int]

    @classmethod
    def of(cls, column: Column, train: npt.NDArray[np.bool_], *, numeric: bool, fewest: int) -> Self:
        """Settle the bins by the training records, and count the others.

        Args:
            column: the field.
            train: bool [records], which of them are for training.
            numeric: whether it holds numbers; categories otherwise.
            fewest: training records that a category with a bin of its own needs.
        """
        rows = np.bincount(column.index[train], minlength=len(column.texts) + 1)[:-1]
        categories: list[str] = []
        edges: list[float] = []
        if numeric:
            numbers, _wrong = read_numbers(column.texts)
            values = np.repeat(numbers, rows)
            values = values[~np.isnan(values)]
            edges = np.unique(np.quantile(values, np.arange(1, 10) / 10)).tolist() if len(values) else []
        else:
            order = np.argsort(-rows, kind="stable")[:MOST_CATEGORIES]
            categories = [column.texts[text] for text in order.tolist() if rows[text] >= fewest]
        bins = cls(categories, edges, [])
        return cls(categories, edges, bins.count(column, column.index[~train]).tolist())

    @property
    def names(self) -> list[str]:
        """What the bins are called in the current language."""
        if self.categories or not self.edges:
            return [*self.categories, _("any other"), pgettext("value", "missing")]
        shown = [general(edge, 10) for edge in self.edges]
        between = [_("{least} to {most}").format(least=low, most=high) for low, high in pairwise(shown)]
        lowest, highest = _("below {number}").format(number=shown[0]), _("{number} and above").format(number=shown[-1])
        return [lowest, *between, highest, pgettext("value", "missing")]

    def count(self, column: Column, index: Ints) -> Counts:
        """Records in each bin, int64; `index` says which text each record has."""
        rows = np.bincount(index, minlength=len(column.texts) + 1)
        if self.edges:
            numbers, _wrong = read_numbers(column.texts)
            places = np.searchsorted(np.array(self.edges), numbers, side="right")
            bins = np.where(np.isnan(numbers), len(self.edges) + 1, places)
            size = len(self.edges) + 2
        else:
            known = {text: place for place, text in enumerate(self.categories)}
            bins = np.array([known.get(text, len(known)) for text in column.texts], dtype=np.int64)
            size = len(known) + 2
        return np.bincount(np.append(bins, size - 1), weights=rows, minlength=size).astype(np.int64)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return dict(vars(self))

    @classmethod
    def all_from_json(cls, about: Mapping[str, Any]) -> dict[str, Self]:
        """Field → what `to_json` gave."""
        return {name: cls(**bins) for name, bins in about.items()}

"""What becomes of the fields that are not text: one sparse matrix of categories and numbers, beside any process.

A category is a column of its own (one-hot). So are a category that fewer than five training rows hold, or fewer than
`process.min_records`, and a missing value: both say something, and both come later.

A number stands between knots, which are quantiles of the training rows: at a knot it is 1 in the knot's column, and
between two knots it is shared by both, the nearer one having more (linear B-splines; the same functions as the
piecewise linear encoding of Gorishniy, Rubachev and Babenko 2022, "On Embeddings for Numerical Features in Tabular Deep
Learning"). A linear model of these columns is any line that bends at the knots, and needs no scaling, whatever the unit
and however long the tail. One more column has the number's rank among the training rows, from 0 to 1, for trees, which
cut a column once. Numbers beyond the outermost knots count as these; nothing is below zero.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import scipy.sparse

from libelle import shards
from libelle.cleaners.base import Cleaner, clean_columns
from libelle.data.columns import Column, Columns, count_rows
from libelle.data.field_kinds import Kinds
from libelle.data.frequent import FEWEST_RECORDS, fewest_in_clear
from libelle.data.numbers import read_numbers, wrong_numbers
from libelle.errors import UserError
from libelle.features import TABLE, Doubles, Features
from libelle.files import LARGEST_WORDS, read_json, write_json
from libelle.processes.base import Process
from libelle.processes.returned import require_features

#: Steps between the knots of a number: as many shares of the training rows, of equal size.
STEPS = 16
#: Columns of a categorical field that are no category: any other one, and none.
_OTHERS = 2

_FILE = "columns.json"


@dataclass(frozen=True)
class TableEncoder:
    """Categories and numbers as one matrix.

    Attributes:
        categories: field → its known categories, the most frequent one first.
        knots: field → its knots, which rise; none where no training row has a number.
    """

    categories: dict[str, list[str]]
    knots: dict[str, list[float]]

    @classmethod
    def fit(cls, columns: Columns, kinds: Kinds, fewest: int = FEWEST_RECORDS) -> Self:
        """Learn categories, those that at least `fewest` training rows hold, and quantiles."""
        return cls(
            {name: _categories(columns[name], fewest) for name in kinds.categorical},
            {name: _knots(columns[name], fewest) for name in kinds.numeric},
        )

    @property
    def fields(self) -> Collection[str]:
        """The fields that are not text."""
        return {**self.categories, **self.knots}.keys()

    def check(self, columns: Columns) -> None:
        """Raise `UserError` where a record holds something that is no number in a numeric field."""
        for row, reason in sorted(wrong_numbers(columns, list(self.knots)).items()):
            raise UserError(f"Record {row + 1}: {reason}; correct it, or leave the field out.")

    def transform(self, columns: Columns) -> scipy.sparse.csr_array:
        """Encode rows, float32 CSR [rows, columns]; pure and thread-safe.

        A text that is no number counts as missing.
        """
        blocks = [
            *((columns[name], _one_hot(columns[name].texts, known)) for name, known in self.categories.items()),
            *((columns[name], _splines(columns[name].texts, np.array(knots))) for name, knots in self.knots.items()),
        ]
        rows = count_rows(columns)
        lengths = shards.computed(rows, np.int64, lambda part: sum(np.diff(m.indptr)[c.index[part]] for c, m in blocks))
        ends = np.concatenate(([0], np.cumsum(lengths)))
        width = sum(matrix.shape[1] for _, matrix in blocks)
        places = scipy.sparse.get_index_dtype(maxval=max(int(ends[-1]), width))
        data, indices = shards.empty(int(ends[-1]), np.float32), shards.empty(int(ends[-1]), places)
        for part in shards.shards(rows):
            some = scipy.sparse.hstack([matrix[column.index[part]] for column, matrix in blocks], format="csr")
            own = slice(ends[part.start], ends[part.stop])
            data[own], indices[own] = some.data, some.indices
        return scipy.sparse.csr_array((data, indices, ends.astype(places)), shape=(rows, width))

    def save(self, folder: Path) -> None:
        """Write `columns.json`."""
        write_json(folder / _FILE, {"categories": self.categories, "knots": self.knots})

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Read back what `save` wrote; None where all fields are text."""
        return cls(**read_json(folder / _FILE, LARGEST_WORDS)) if (folder / _FILE).exists() else None


def clean_fields(
    columns: Columns, cleaners: Iterable[Cleaner], table: "TableEncoder | Kinds | None"
) -> dict[str, Column]:
    """Clean the texts, and leave the other fields as they are but for white space around values.

    Args:
        columns: the fields.
        cleaners: in the order of application.
        table: names the fields that are not text, and, where it is fitted, refuses what is no number; None where all
            fields are text.
    """
    if isinstance(table, TableEncoder):
        table.check(columns)
    others = [] if table is None else list(table.fields)
    cleaned = clean_columns({name: column for name, column in columns.items() if name not in others}, cleaners)
    stripped = {name: columns[name].replace([text.strip() for text in columns[name].texts]) for name in others}
    return {name: (cleaned | stripped)[name] for name in columns} if others else cleaned


@dataclass(frozen=True)
class Encoding:
    """A process for the fields that are text, and what encodes the others beside it.

    Attributes:
        process: makes the blocks of the texts.
        table: fitted with it; None where all fields are text.
    """

    process: Process
    table: TableEncoder | None

    @classmethod
    def fit(cls, process: Process, columns: Columns, target: Any, kinds: Kinds) -> Self:
        """Fit both to the training rows.

        Args:
            process: not yet fitted.
            columns: cleaned fields of the training rows.
            target: the label of each row, `str`.
            kinds: the fields that are not text.
        """
        fewest = fewest_in_clear(process.fewest_records())
        table = TableEncoder.fit(columns, kinds, fewest) if kinds.fields else None
        encoding = cls(process, table)
        process.fit_columns(encoding._texts(columns), target)
        return encoding

    def transform(self, columns: Columns) -> Features:
        """Encode cleaned rows.

        Raises:
            UserError: when the process does not return features of these rows.
        """
        features = require_features(
            self.process.transform_columns(self._texts(columns)), self.process, count_rows(columns)
        )
        if self.table is None or features.texts is not None:
            return features
        return replace(features, matrix={**(features.matrix or {}), TABLE: self.table.transform(columns)})

    def _texts(self, columns: Columns) -> Columns:
        """What the process encodes; one that hands raw texts on hands on all."""
        if self.table is None or "texts" in self.process.blocks:
            return columns
        return {name: column for name, column in columns.items() if name not in self.table.fields}


def _categories(column: Column, fewest: int) -> list[str]:
    frequent = np.flatnonzero(column.counts >= fewest)
    ordered = sorted(frequent.tolist(), key=lambda text: (-column.counts[text], column.texts[text]))
    return [column.texts[text] for text in ordered]


def _knots(column: Column, fewest: int) -> list[float]:
    """Quantiles of the rows; where values are few, the values themselves.

    The outermost knots are where `fewest` rows lie at or beyond them: the largest number may tell who has it.
    """
    numbers, _ = read_numbers(column.texts)
    known = ~np.isnan(numbers)
    if known.any():
        rows = np.sort(np.repeat(numbers[known], column.counts[known]))
        last = min(fewest, (len(rows) + 1) // 2)
        numbers = np.clip(numbers, rows[last - 1], rows[-last])
    values = np.unique(numbers[known])
    if len(values) > STEPS + 1:
        values = np.unique(np.quantile(np.repeat(numbers[known], column.counts[known]), np.linspace(0, 1, STEPS + 1)))
    return [float(value) for value in values]


def _one_hot(texts: Sequence[str], known: list[str]) -> scipy.sparse.csr_array:
    """Float32 CSR [texts + 1, categories + 2]: the known ones, any other one, and none; the last row is for none."""
    places = {text: place for place, text in enumerate(known)}
    of_texts = np.array([*(places.get(text, len(known)) for text in texts), len(known) + 1])
    rows = len(of_texts)
    return scipy.sparse.csr_array(
        (np.ones(rows, np.float32), of_texts, np.arange(rows + 1)), shape=(rows, len(known) + _OTHERS)
    )


def _splines(texts: Sequence[str], knots: Doubles) -> scipy.sparse.csr_array:
    """Float32 CSR [texts + 1, knots + 2]: the shares of the knots, the rank, and 1 where there is no number."""
    numbers, _ = read_numbers(texts)
    missing = np.isnan(numbers)
    dense = np.zeros((len(numbers) + 1, len(knots) + 2))
    dense[-1, -1] = 1
    dense[:-1, -1] = missing
    if len(knots):
        places = np.interp(numbers, knots, np.arange(len(knots)))
        below = np.where(missing, 0, np.floor(places)).astype(np.int64)
        above = np.minimum(below + 1, len(knots) - 1)
        share = places - below
        rows = np.arange(len(numbers))
        dense[rows, below] += 1 - share
        dense[rows, above] += share
        dense[rows, len(knots)] = places / max(len(knots) - 1, 1)
        dense[rows[missing], : len(knots) + 1] = 0
    return scipy.sparse.csr_array(dense.astype(np.float32))

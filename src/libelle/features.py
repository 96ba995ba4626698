"""Features: what processes make and models take.

Named blocks: `words` maps fields to `Ragged` rows, `bag` holds n-grams (`Bags`), `matrix` maps names to scipy CSR or
dense float32 matrices, and `texts` are the raw ones. A row of any block is one record; `vectors` are those of words.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse

from libelle.shards import picked, shifted

#: Whole numbers of any size: positions, counts, targets.
Ints = npt.NDArray[np.integer]
#: What features, weights and probabilities are kept as.
Floats = npt.NDArray[np.float32]
#: What is computed where float32 would not be exact enough.
Doubles = npt.NDArray[np.float64]

#: Below this many ids, sorting finds the distinct ones faster than a table of flags does.
_FEW = 1 << 10


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths, without padding, each distinct row stored once.

    Attributes:
        ids: int32 [items], the stored rows one after the other.
        offsets: int64 [stored rows + 1]; stored row `i` is `ids[offsets[i]:offsets[i + 1]]`.
        size: number of different ids; all are below it, but for words outside the vocabulary (`Vectors.unseen`).
        weights: float32 [items], or None where every item counts the same.
        index: int32 [rows]; row `i` is stored row `index[i]`. Columns of forms repeat a lot, and so do their codes.
    """

    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    size: int
    weights: Floats | None
    index: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def lengths(self) -> Ints:
        """Items in each row, int64 [rows]."""
        return np.diff(self.offsets)[self.index]


def gather(
    ids: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64], weights: Floats | None, rows: Ints
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], Floats | None]:
    """Copy ragged rows, in the given order: their ids, their offsets from 0, and their weights."""
    starts = offsets[rows]
    lengths = offsets[rows.astype(np.int64) + 1] - starts
    ends = np.concatenate(([0], np.cumsum(lengths)))
    items = np.arange(ends[-1]) + np.repeat(starts - ends[:-1], lengths)
    return ids[items], ends, None if weights is None else weights[items]


def distinct(ids: Ints, size: int) -> tuple[Ints, Ints]:
    """The distinct ids, in order, and where each id is among them, in the shape of the ids.

    Args:
        ids: whole numbers.
        size: above all ids.
    """
    if ids.size < _FEW:
        found, places = np.unique(ids, return_inverse=True)
        return found, places.reshape(ids.shape)
    there = np.zeros(size, dtype=bool)
    there[ids] = True
    found = np.flatnonzero(there)
    # Left uninitialised: only the places of ids that occur are written and read.
    numbers = np.empty(size, np.int32)
    numbers[found] = np.arange(len(found), dtype=np.int32)
    return found, numbers[ids]


@dataclass(frozen=True, eq=False)
class Stack(Mapping[str, Ragged]):
    """Field → its rows, all in one set of arrays, so that all fields are read at once.

    Attributes:
        names: of the fields.
        ids: int32 [items], the stored rows of the first field, then those of the second, ….
        offsets: int64 [stored rows + 1]; stored row `i` is `ids[offsets[i]:offsets[i + 1]]`.
        size: number of different ids, as in `Ragged`.
        weights: float32 [items], or None where every item counts the same.
        index: int32 [fields, rows], the stored row of each field of each row.
    """

    names: tuple[str, ...]
    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    size: int
    weights: Floats | None
    index: npt.NDArray[np.int32]

    @classmethod
    def of(cls, fields: Mapping[str, Ragged], rows: int = 0) -> "Stack":
        """Put the rows of some fields one after the other; `rows` is their number where there is no field."""
        if isinstance(fields, Stack):
            return fields
        if not fields:
            return cls((), np.empty(0, np.int32), np.zeros(1, np.int64), 0, None, np.empty((0, rows), np.int32))
        parts = list(fields.values())
        items = np.cumsum([0, *(len(part.ids) for part in parts)])
        stored = np.cumsum([0, *(len(part.offsets) - 1 for part in parts)])
        weights = [part.weights for part in parts if part.weights is not None]
        offsets = [part.offsets[:-1] + start for part, start in zip(parts, items[:-1], strict=True)]
        return cls(
            tuple(fields),
            np.concatenate([part.ids for part in parts]),
            np.concatenate([*offsets, items[-1:]]),
            max(part.size for part in parts),
            np.concatenate(weights) if weights else None,
            shifted([part.index for part in parts], stored[:-1].tolist()),
        )

    def __getitem__(self, name: str) -> Ragged:
        try:
            index = self.index[self.names.index(name)]
        except ValueError:
            raise KeyError(name) from None
        return Ragged(self.ids, self.offsets, self.size, self.weights, index)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: Ints) -> "Stack":
        """The given rows, in the given order; items are shared, not copied."""
        return replace(self, index=picked(self.index, rows))


@dataclass(frozen=True)
class Items:
    """What items are made of. An item is a word, a sequence of words or a marker, of one field.

    Attributes:
        parts: int32, the parts of one item after the other: its own number, and those of its n-grams of characters.
        offsets: int64 [items + 1], where each item's parts begin.
        weights: float32, of each part in its item.
    """

    parts: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    weights: Floats

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, items: Ints) -> "Items":
        """Copy the given items, in the given order."""
        parts, offsets, weights = gather(self.parts, self.offsets, self.weights, items)
        assert weights is not None
        return Items(parts, offsets, weights)


@dataclass(frozen=True)
class Bags:
    """Bags of n-grams, each field's by itself. An n-gram belongs to a word, not to a text: it is held once an item.

    The vector of a text is the weighted sum of its items' vectors, and that of an item the weighted sum of its parts'.

    Attributes:
        texts: field → items, and their weights before the text is scaled to length 1.
        squares: float32 [stored rows of all fields], the squared length of each distinct text's words.
        known: the items that the process knows, the same object in all features that it makes.
        extra: items of these features alone: words that are taken apart as they come. Their ids follow on those of
            `known`.
        size: number of parts; all are below it.
    """

    texts: Stack
    squares: Floats
    known: Items
    extra: Items
    size: int

    def take(self, rows: Ints) -> "Bags":
        """The given rows, in the given order; items are shared, not copied."""
        return replace(self, texts=self.texts.take(rows))

    def take_apart(self, items: Ints) -> Items:
        """The parts of the given items, which are in order."""
        first = int(np.searchsorted(items, len(self.known)))
        known = self.known.take(items[:first])
        if first == len(items):
            return known
        extra = self.extra.take(items[first:] - len(self.known))
        return Items(
            np.concatenate([known.parts, extra.parts]),
            np.concatenate([known.offsets, extra.offsets[1:] + known.offsets[-1]]),
            np.concatenate([known.weights, extra.weights]),
        )


Matrix: TypeAlias = scipy.sparse.csr_array | Floats

#: The matrix of the fields that are not text, whatever the process makes of the others. No field has this name.
TABLE = "<columns>"


@dataclass(frozen=True)
class Vectors:
    """Vectors that a process gives a model to start from.

    Attributes:
        vocabulary: float32 [ids, dim], one row for each id of the vocabulary; zero where nothing is known.
        unseen: float32 [words, dim], of words outside the vocabulary: their ids follow on those of the vocabulary, and
            mean nothing beyond these features.
    """

    vocabulary: Floats
    unseen: Floats


@dataclass(frozen=True)
class Features:
    """The encoded records.

    Attributes:
        rows: number of records.
        words: field → token ids in order.
        bag: n-grams of all fields.
        matrix: name → CSR or float32 matrix [rows, columns].
        vectors: of the ids of `words`, where the process gives some; shared by all rows.
        texts: raw texts, one `str` column a field; never part of a base.
    """

    rows: int
    words: Mapping[str, Ragged] | None = None
    bag: Bags | None = None
    matrix: Mapping[str, Matrix] | None = None
    vectors: Vectors | None = None
    texts: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        if self.words is not None:
            object.__setattr__(self, "words", Stack.of(self.words, self.rows))

    @property
    def table(self) -> scipy.sparse.csr_array | None:
        """Categories and numbers, float32 CSR [rows, columns]; None where all fields are text."""
        return None if self.matrix is None else self.matrix.get(TABLE)

    @property
    def lengths(self) -> Ints:
        """Words of each row in all fields, int64 [rows]."""
        return sum((data.lengths for data in (self.words or {}).values()), np.zeros(self.rows, np.int64))

    def take(self, rows: Ints) -> "Features":
        """The given rows, in the given order."""
        words = None if self.words is None else Stack.of(self.words).take(rows)
        bag = None if self.bag is None else self.bag.take(rows)
        matrix = None if self.matrix is None else {name: data[rows] for name, data in self.matrix.items()}
        texts = None if self.texts is None else self.texts.iloc[rows]
        return Features(len(rows), words, bag, matrix, self.vectors, texts)


@dataclass(frozen=True)
class Dataset:
    """Features with their targets.

    Attributes:
        features: of the rows.
        targets: int64 [rows], each a position in the list of labels.
        weights: float64 [rows], what each row counts, 1 on average; None where all count the same.
    """

    features: Features
    targets: Ints
    weights: Doubles | None = None

    def __len__(self) -> int:
        return self.features.rows

    def take(self, rows: Ints) -> "Dataset":
        """The given rows, in the given order."""
        weights = None if self.weights is None else self.weights[rows]
        return Dataset(self.features.take(rows), self.targets[rows], weights)

"""How `mlp` scores: its trained network in numpy, without torch, whose import alone takes longer than an answer.

Whatever depends on one text alone is computed once for each distinct text of a call: the average of the words and the
first ones, the n-grams, and the first dense layer of each path (`dense_scorer.py`). A record is the sum of its fields.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from libelle.features import Bags, Features, Floats, Ints, Stack, Vectors, distinct, gather
from libelle.models.dense_scorer import DenseScorer, gelu, softmax
from libelle.models.item_vectors import ItemVectors, multiply
from libelle.models.stored_weights import Weights, rows_of
from libelle.processes.tokens import SPECIAL, UNKNOWN_ID

#: Texts of all fields that are scored at once: memory stays bounded whatever is asked.
_TEXTS = 1 << 15
#: Rows that pass the dense layers at once, so that they stay in the processor's cache.
_ROWS = 256
#: Rows up to which each is multiplied by itself.
_FEW_ROWS = 3


@dataclass(frozen=True)
class _Texts:
    """The distinct texts of some rows.

    Attributes:
        stored: int64 [texts], the stored rows, those of the first field first.
        places: int64 [fields, rows], the text of each field of each row.
        starts: where each field's texts begin, and their number.
    """

    stored: Ints
    places: Ints
    starts: list[int]

    @classmethod
    def of(cls, index: Ints, stored: int) -> "_Texts":
        """Find them.

        Args:
            index: int32 [fields, rows], the stored row of each field of each row.
            stored: number of stored rows.
        """
        found, places = distinct(index, stored)
        return cls(found, places, [*places.min(axis=1).tolist(), len(found)])

    def by_field(self) -> Iterator[tuple[int, int]]:
        """The field of each text, and the text, in order."""
        for field, (start, end) in enumerate(pairwise(self.starts)):
            yield from ((field, text) for text in range(start, end))

    def sum(self, values: Floats, rows: slice = slice(None)) -> Floats:
        """The sum over the fields of some rows, float32 [rows, columns], of values of texts [texts, columns]."""
        places = self.places[:, rows]
        fields, count = places.shape
        ones = np.ones(fields * count, np.float32)
        return multiply(places.T.ravel(), np.arange(count + 1) * fields, ones, values)


class MLPScorer:
    """Scores features; thread-safe."""

    def __init__(self, weights: Weights, fields: int, vocabulary: int) -> None:
        """Read the network.

        Args:
            weights: by the names of its state; tables of any precision.
            fields: number of fields.
            vocabulary: size of the vocabulary of the words.
        """
        self._columns = _Columns(weights) if "columns.weight" in weights else None
        self._words = _WordPath(weights, fields, vocabulary)
        self._ngrams = _NgramPath(weights, fields) if "ngrams.weight" in weights else None
        self._pool = rows_of(weights, "pool")

    def predict_proba(self, features: Features) -> Floats:
        """Softmax of the pooled logits, float32 [rows, classes]."""
        return softmax(self._logits(features, np.arange(features.rows)))

    def _logits(self, features: Features, rows: Ints) -> Floats:
        words = Stack.of(features.words or {})
        index = words.index[:, rows]
        texts = _Texts.of(index, len(words.offsets) - 1)
        if len(texts.stored) > _TEXTS and len(rows) > 1:
            return np.concatenate([self._logits(features, half) for half in np.array_split(rows, 2)])
        beside = None if self._columns is None else self._columns.encode(features, rows)
        paths = [self._words.logits(words, texts, features.vectors, beside)]
        if self._ngrams is not None:
            assert features.bag is not None
            bag = features.bag.texts
            same = bag.index is words.index or np.array_equal(bag.index[:, rows], index)
            texts = texts if same else _Texts.of(bag.index[:, rows], len(bag.offsets) - 1)
            paths += self._ngrams.logits(features.bag, texts, beside)
            if beside is not None and len(paths) == 3:
                paths[-1] += beside.margins
        logits: Floats = self._pool[0] * paths[0]
        for weight, path in zip(self._pool[1:], paths[1:], strict=True):
            logits += weight * path
        return logits


@dataclass(frozen=True)
class _Beside:
    """What categories and numbers of some rows come to: inputs float32 [rows, dim], margins float32 [rows, classes]."""

    inputs: Floats
    margins: Floats


class _Columns:
    """`ColumnEncoder`, and the columns of the linear path."""

    def __init__(self, weights: Weights) -> None:
        tables = [rows_of(weights, name) for name in ("columns.weight", "wide.columns") if name in weights]
        self._tables = np.concatenate(tables, axis=1)
        self._bias = rows_of(weights, "columns.bias")

    def encode(self, features: Features, rows: Ints) -> _Beside:
        """Encode some rows."""
        assert features.table is not None
        sums: Floats = features.table[rows] @ self._tables
        dim = len(self._bias)
        return _Beside(gelu(sums[:, :dim] + self._bias), sums[:, dim:])


class _WordPath:
    """`BagEncoder` and the dense layers after it."""

    def __init__(self, weights: Weights, fields: int, vocabulary: int) -> None:
        self._vocabulary = vocabulary
        self._given = _below(weights, "words.words.")
        table = rows_of(weights, "words.table.weight")
        tables = table.reshape(-1, vocabulary, table.shape[1])
        self._means: Floats = self._known() if self._given else tables[0]
        self._first: Floats = tables if self._given else tables[1:]
        self._marks = rows_of(weights, "words.field.weight") if "words.field.weight" in weights else None
        self._dense = DenseScorer(_below(weights, "words_dense."))
        # Inputs stand by place, then by field, and are wanted by field; those of categories and numbers come last.
        averages = fields if self._marks is None else 1
        texts = (averages + len(self._first) * fields) * self._means.shape[1]
        inputs = self._dense.first[:texts].reshape(-1, self._means.shape[1], self._dense.outputs)
        first = inputs[averages:].reshape(len(self._first), fields, *inputs.shape[1:])
        places = [inputs[:averages][None], first] if self._marks is None else [first]
        self._by_field = np.concatenate(places).swapaxes(0, 1).reshape(fields, -1, self._dense.outputs)
        self._of_average = inputs[0]
        self._beside = self._dense.first[texts:]

    def logits(self, words: Stack, texts: _Texts, vectors: Vectors | None, beside: _Beside | None) -> Floats:
        """Return float32 [rows, classes]."""
        ids, offsets, _ = gather(words.ids, words.offsets, None, texts.stored)
        lengths = np.diff(offsets)
        means = multiply(
            ids, offsets, np.repeat(np.float32(1) / lengths.astype(np.float32), lengths), self._table(vectors)
        )
        first = [self._in_place(ids, offsets, place) for place in range(len(self._first))]
        if self._marks is None:
            more = None if beside is None else (beside.inputs, self._beside)
            return _dense(self._dense, np.concatenate([means, *first], axis=1), self._by_field, texts, more)
        sums = (means + self._marks[np.repeat(np.arange(len(words)), np.diff(texts.starts))]) * lengths[:, None]
        together = texts.sum(np.column_stack([sums, lengths]).astype(np.float32))
        average = together[:, :-1] / together[:, -1:]
        inputs = np.concatenate([np.empty((len(means), 0), np.float32), *first], axis=1)
        more = average, self._of_average
        if beside is not None:
            more = np.concatenate([average, beside.inputs], axis=1), np.concatenate([self._of_average, self._beside])
        return _dense(self._dense, inputs, self._by_field, texts, more)

    def _in_place(self, ids: Ints, offsets: Ints, place: int) -> Floats:
        """The embedding of the word in a place; in a shorter text, the last word is repeated."""
        chosen = ids[np.minimum(offsets[:-1] + place, offsets[1:] - 1)]
        embedded: Floats = self._first[place][np.where(chosen < self._vocabulary, chosen, UNKNOWN_ID)]
        return embedded

    def _table(self, vectors: Vectors | None) -> Floats:
        if vectors is None or not len(vectors.unseen):
            return self._means
        return np.concatenate([self._means, self._map(vectors.unseen * self._given["scale"])])

    def _known(self) -> Floats:
        known = self._map(self._given["table.weight"])
        known[: len(SPECIAL)] = self._given["special.weight"]
        return known

    def _map(self, vectors: Floats) -> Floats:
        return vectors @ self._given["map.weight"].T if "map.weight" in self._given else vectors.copy()


class _NgramPath:
    """`NgramEncoder`, the dense layers after it, and the linear path."""

    def __init__(self, weights: Weights, fields: int) -> None:
        self._weights = weights
        self._tables = [name for name in ("ngrams.weight", "wide.weight") if name in weights]
        self._constant = rows_of(weights, "wide.constant") if "wide.constant" in weights else None
        self._dim = weights["ngrams.weight"].shape[1]
        self._dense = DenseScorer(_below(weights, "ngrams_dense."))
        texts = fields * self._dim
        self._by_field = self._dense.first[:texts].reshape(fields, self._dim, -1)
        self._beside = self._dense.first[texts:]
        self._items: ItemVectors | None = None

    def logits(self, bags: Bags, texts: _Texts, beside: _Beside | None) -> list[Floats]:
        """Return the logits of the dense layers and, where it is there, of the linear path, float32 [rows, classes]."""
        items = self._items
        if items is None or items.known is not bags.known:
            items = self._items = ItemVectors(self._weights, self._tables, bags.known)
        ids, offsets, weights = gather(bags.texts.ids, bags.texts.offsets, bags.texts.weights, texts.stored)
        assert weights is not None
        sums = items.sum(bags, ids, offsets, weights)
        squares = bags.squares[texts.stored]
        lengths: Floats = np.sqrt(squares)
        inputs = sums[:, : self._dim] / lengths[:, None]
        more = None if beside is None else (beside.inputs, self._beside)
        logits = [_dense(self._dense, inputs, self._by_field, texts, more)]
        if self._constant is not None:
            together = texts.sum(np.column_stack([sums[:, self._dim :], squares]))
            length: Floats = np.sqrt(together[:, -1:])
            logits.append(together[:, :-1] / length + self._constant)
        return logits


def _dense(
    dense: DenseScorer, inputs: Floats, by_field: Floats, texts: _Texts, more: tuple[Floats, Floats] | None = None
) -> Floats:
    """Logits of rows, float32 [rows, classes], whose inputs are those of their texts, one field after the other.

    Args:
        dense: the layers.
        inputs: float32 [texts, width].
        by_field: float32 [fields, width, outputs], the first layer.
        texts: of the inputs.
        more: inputs of the rows themselves, float32 [rows, others], and their first layer, float32 [others, outputs].
    """
    rows = texts.places.shape[1]
    if rows <= _FEW_ROWS and more is None:
        # A product of a few rows with a large matrix takes longer than that of each row, and most texts come again.
        few = np.array([dense.known(place, inputs[text], by_field) for place, text in texts.by_field()])
        summed = few[texts.places].sum(axis=0)
        return dense.logits(summed[:, :-2], summed[:, -2:-1], summed[:, -1:])
    of_texts = np.empty((len(inputs), dense.outputs + 2), np.float32)
    for matrix, start, end in zip(by_field, texts.starts[:-1], texts.starts[1:], strict=True):
        np.matmul(inputs[start:end], matrix, out=of_texts[start:end, :-2])
    inputs.sum(axis=1, out=of_texts[:, -2])
    np.einsum("ij,ij->i", inputs, inputs, out=of_texts[:, -1])
    logits = []
    for start in range(0, rows, _ROWS):
        some = slice(start, start + _ROWS)
        summed = texts.sum(of_texts, some)
        if more is not None:
            summed[:, :-2] += more[0][some] @ more[1]
            summed[:, -2] += more[0][some].sum(1)
            summed[:, -1] += np.square(more[0][some]).sum(1)
        logits.append(dense.logits(summed[:, :-2], summed[:, -2:-1], summed[:, -1:]))
    return logits[0] if len(logits) == 1 else np.concatenate(logits)


def _below(weights: Weights, prefix: str) -> dict[str, Floats]:
    return {
        name.removeprefix(prefix): array.astype(np.float32)
        for name, array in weights.items()
        if name.startswith(prefix)
    }

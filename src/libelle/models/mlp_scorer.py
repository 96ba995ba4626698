"""How `mlp` scores: its trained network in numpy, without torch, whose import alone takes longer than an answer.

Whatever depends on one text alone is computed once for each distinct text of a call: the average of the words and the
first ones, the n-grams, and the first dense layer of each path (`dense_scorer.py`). A record is the sum of its fields.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from libelle.features import Bags, Features, Floats, Ints, Stack, Vectors, distinct, gather
from libelle.models.dense_scorer import DenseScorer, Pool, gelu, softmax
from libelle.models.item_vectors import ItemVectors, multiply
from libelle.models.stored_weights import Weights, rows_of
from libelle.processes.tokens import SPECIAL, UNKNOWN_ID

#: Texts of all fields that are scored at once: memory stays bounded whatever is asked.
_TEXTS = 1 << 16
#: Rows that pass the dense layers at once, so that they stay in the processor's cache.
_ROWS = 256


@dataclass(frozen=True)
class _Texts:
    """Some stored rows of features.

    Attributes:
        stored: int64 [texts], the stored rows, those of the first field first.
        starts: where each field's texts begin, and their number.
    """

    stored: Ints
    starts: list[int]

    @classmethod
    def of(cls, index: Ints, stored: int) -> tuple["_Texts", Ints]:
        """Find the distinct texts of some rows, and which of them each field of each row has, int64 [fields, rows].

        Args:
            index: int32 [fields, rows], the stored row of each field of each row.
            stored: number of stored rows.
        """
        found, places = distinct(index, stored)
        return cls(found, [*places.min(axis=1).tolist(), len(found)]), places


@dataclass(frozen=True)
class _Beside:
    """What categories and numbers of some rows come to: inputs float32 [rows, dim], margins float32 [rows, classes]."""

    inputs: Floats
    margins: Floats

    def take(self, rows: slice) -> "_Beside":
        return _Beside(self.inputs[rows], self.margins[rows])


class MLPScorer:
    """Scores features; thread-safe."""

    def __init__(self, weights: Weights, fields: int, vocabulary: int) -> None:
        """Read the network.

        Args:
            weights: by the names of its state; tables of any precision.
            fields: number of fields.
            vocabulary: size of the vocabulary of the words.
        """
        self._fields = fields
        self._columns = _Columns(weights) if "columns.weight" in weights else None
        self._words = _WordPath(weights, fields, vocabulary)
        self._ngrams = _NgramPath(weights, fields) if "ngrams.weight" in weights else None
        denses = [path.dense for path in (self._words, self._ngrams) if path is not None]
        self._pool = Pool(rows_of(weights, "pool"), denses)

    def predict_proba(self, features: Features) -> Floats:
        """Softmax of the pooled logits, float32 [rows, classes]."""
        return softmax(self._logits(features, np.arange(features.rows)))

    def warm_up(self) -> None:
        """Compute the vectors of all items that are known from a first call."""
        if self._ngrams is not None:
            self._ngrams.warm_up()

    def text_vectors(self, features: Features, fields: Ints, rows: Ints) -> Floats:
        """What texts add to their records, float32 [texts, width]: a record's score is that of the sum.

        Args:
            features: that hold the texts.
            fields: int64 [texts], the number of each text's field, in order.
            rows: int64 [texts], a row that holds it.
        """
        starts = np.searchsorted(fields, np.arange(self._fields + 1)).tolist()
        words = Stack.of(features.words or {})
        found = [self._words.of_texts(words, _Texts(words.index[fields, rows], starts), features.vectors)]
        if self._ngrams is not None:
            assert features.bag is not None
            found.append(self._ngrams.of_texts(features.bag, _Texts(features.bag.texts.index[fields, rows], starts)))
        return np.concatenate(found, axis=1)

    def score_texts(self, vectors: Floats, places: Ints) -> Floats:
        """Softmax of the pooled logits, float32 [rows, classes].

        Args:
            vectors: of texts, as `text_vectors` returns them.
            places: int64 [fields, rows], the text of each field of each record.
        """
        logits = []
        for start in range(0, places.shape[1], _ROWS):
            sums = _sum(vectors, places[:, start : start + _ROWS])
            logits.append(self._finish([sums[:, : self._words.width], sums[:, self._words.width :]], None))
        return softmax(logits[0] if len(logits) == 1 else np.concatenate(logits))

    def _logits(self, features: Features, rows: Ints) -> Floats:
        words = Stack.of(features.words or {})
        index = words.index[:, rows]
        texts, places = _Texts.of(index, len(words.offsets) - 1)
        if len(texts.stored) > _TEXTS and len(rows) > 1:
            return np.concatenate([self._logits(features, half) for half in np.array_split(rows, 2)])
        beside = None if self._columns is None else self._columns.encode(features, rows)
        parts = [(self._words.of_texts(words, texts, features.vectors), places)]
        if self._ngrams is not None:
            assert features.bag is not None
            bag = features.bag.texts
            if not (bag.index is words.index or np.array_equal(bag.index[:, rows], index)):
                texts, places = _Texts.of(bag.index[:, rows], len(bag.offsets) - 1)
            parts.append((self._ngrams.of_texts(features.bag, texts), places))
        logits = []
        for start in range(0, len(rows), _ROWS):
            some = slice(start, start + _ROWS)
            sums = [_sum(vectors, places[:, some]) for vectors, places in parts]
            logits.append(self._finish(sums, None if beside is None else beside.take(some)))
        return logits[0] if len(logits) == 1 else np.concatenate(logits)

    def _finish(self, sums: Sequence[Floats], beside: _Beside | None) -> Floats:
        """The pooled logits, float32 [rows, classes], of the sums of each path's texts, which are overwritten."""
        values = [self._words.finish(sums[0], beside)]
        margins = None
        if self._ngrams is not None:
            ngrams, margins = self._ngrams.finish(sums[1], beside)
            values.append(ngrams)
        return self._pool.logits(values, margins)


def _sum(vectors: Floats, places: Ints) -> Floats:
    """The sums over the fields of rows, float32 [rows, columns].

    Args:
        vectors: of texts, float32 [texts, columns].
        places: int64 [fields, rows], the text of each field of each row.
    """
    fields, rows = places.shape
    return multiply(places.T.ravel(), np.arange(rows + 1) * fields, np.ones(places.size, np.float32), vectors)


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
        self.dense = DenseScorer(_below(weights, "words_dense."))
        # Inputs stand by place, then by field, and are wanted by field; those of categories and numbers come last.
        averages = fields if self._marks is None else 1
        dim = self._means.shape[1]
        texts = (averages + len(self._first) * fields) * dim
        inputs = self.dense.first[:texts].reshape(-1, dim, self.dense.first.shape[1])
        first = inputs[averages:].reshape(len(self._first), fields, *inputs.shape[1:])
        places = [inputs[:averages][None], first] if self._marks is None else [first]
        self._by_field = np.concatenate(places).swapaxes(0, 1).reshape(fields, -1, inputs.shape[2])
        self._of_average = inputs[0]
        self._beside = self.dense.first[texts:]
        self.width = self.dense.width + (0 if self._marks is None else dim + 1)

    def of_texts(self, words: Stack, texts: _Texts, vectors: Vectors | None) -> Floats:
        """What texts add to a record, float32 [texts, width]; where fields are fused, the sum of their words, too."""
        ids, offsets, _ = gather(words.ids, words.offsets, None, texts.stored)
        lengths = np.diff(offsets)
        shares = np.repeat(np.float32(1) / lengths.astype(np.float32), lengths)
        means = multiply(ids, offsets, shares, self._table(vectors))
        first = [self._in_place(ids, offsets, place) for place in range(len(self._first))]
        if self._marks is None:
            return self.dense.apply_first(np.concatenate([means, *first], axis=1), self._by_field, texts.starts)
        sums = (means + self._marks[np.repeat(np.arange(len(words)), np.diff(texts.starts))]) * lengths[:, None]
        inputs = np.concatenate([np.empty((len(means), 0), np.float32), *first], axis=1)
        of_first = self.dense.apply_first(inputs, self._by_field, texts.starts)
        return np.column_stack([of_first, sums, lengths]).astype(np.float32)

    def finish(self, summed: Floats, beside: _Beside | None) -> Floats:
        """The dense layers but for the last, float32 [rows, hidden or classes], of the sums over a record's texts."""
        of_first = summed[:, : self.dense.width]
        if self._marks is not None:
            self.dense.add(of_first, summed[:, self.dense.width : -1] / summed[:, -1:], self._of_average)
        if beside is not None:
            self.dense.add(of_first, beside.inputs, self._beside)
        return self.dense.finish(of_first)

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
        self.dense = DenseScorer(_below(weights, "ngrams_dense."))
        texts = fields * self._dim
        self._by_field = self.dense.first[:texts].reshape(fields, self._dim, -1)
        self._beside = self.dense.first[texts:]
        self._items: ItemVectors | None = None

    def warm_up(self) -> None:
        """Compute the vectors of all items that are known from a first call."""
        if self._items is not None:
            self._items.warm_up()

    def of_texts(self, bags: Bags, texts: _Texts) -> Floats:
        """What texts add to a record, float32 [texts, width]: to the dense layers and, where it is, the linear path."""
        items = self._items
        if items is None or items.known is not bags.known:
            items = self._items = ItemVectors(self._weights, self._tables, bags.known)
        ids, offsets, weights = gather(bags.texts.ids, bags.texts.offsets, bags.texts.weights, texts.stored)
        assert weights is not None
        sums = items.sum(bags, ids, offsets, weights)
        squares = bags.squares[texts.stored][:, None]
        lengths: Floats = np.sqrt(squares)
        inputs = sums[:, : self._dim] / lengths
        of_first = self.dense.apply_first(inputs, self._by_field, texts.starts)
        if self._constant is None:
            return of_first
        return np.concatenate([of_first, sums[:, self._dim :], squares], axis=1)

    def finish(self, summed: Floats, beside: _Beside | None) -> tuple[Floats, Floats | None]:
        """The dense layers but for the last, float32 [rows, hidden or classes], and the margins of the linear path."""
        of_first = summed[:, : self.dense.width]
        if beside is not None:
            self.dense.add(of_first, beside.inputs, self._beside)
        if self._constant is None:
            return self.dense.finish(of_first), None
        lengths: Floats = np.sqrt(summed[:, -1:])
        margins = summed[:, self.dense.width : -1] / lengths
        margins += self._constant
        if beside is not None:
            margins += beside.margins
        return self.dense.finish(of_first), margins


def _below(weights: Weights, prefix: str) -> dict[str, Floats]:
    return {
        name.removeprefix(prefix): array.astype(np.float32)
        for name, array in weights.items()
        if name.startswith(prefix)
    }

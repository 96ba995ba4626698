"""How `mlp` scores, and the n-grams of its relatives: in numpy; to import torch takes longer than an answer.

Whatever depends on one text alone is computed once for each distinct text of a call: the average of the words and the
first ones, the n-grams, and the first dense layer of each path (`dense_scorer.py`). A record is the sum of its fields.
"""

from dataclasses import dataclass

import numpy as np

from libelle.features import Bags, Features, Floats, Ints, Stack, Vectors, distinct, gather
from libelle.models.dense_scorer import DenseScorer, Pool, gelu, softmax, times
from libelle.models.item_vectors import ItemVectors, multiply
from libelle.models.stored_weights import Weights, rows_of
from libelle.processes.tokens import SPECIAL, UNKNOWN_ID

#: Values that are computed at once of texts of all fields, 128 MB: memory stays bounded whatever is asked.
_VALUES = 1 << 25
#: Rows that pass the dense layers at once, so that they stay in the processor's cache.
_ROWS = 256


@dataclass(frozen=True)
class _Texts:
    """Texts of some records, those of the first field first.

    Attributes:
        words: int64 [texts], the stored row of each among the words.
        bag: int64 [texts], the same in the bag.
        starts: where each field's texts begin, and their number.
    """

    words: Ints
    bag: Ints
    starts: list[int]

    @classmethod
    def of(cls, features: Features, rows: Ints) -> tuple["_Texts", Ints]:
        """Find the distinct texts of some rows, and which of them each field of each row has, int64 [fields, rows]."""
        words = Stack.of(features.words or {})
        index = words.index[:, rows]
        bag = words if features.bag is None else features.bag.texts
        if bag.index is words.index or np.array_equal(bag.index[:, rows], index):
            found, places = distinct(index, len(words.offsets) - 1)
            return cls(found, found, [*places.min(axis=1).tolist(), len(found)]), places
        # A process of someone else's may number its texts otherwise in the bag: then each row's stand by themselves.
        places = np.arange(index.size).reshape(index.shape)
        return cls(index.ravel(), bag.index[:, rows].ravel(), [*places[:, 0].tolist(), index.size]), places


@dataclass(frozen=True)
class _Beside:
    """What categories and numbers of some rows come to: inputs float32 [rows, dim], margins float32 [rows, classes]."""

    inputs: Floats
    margins: Floats

    def take(self, rows: slice) -> "_Beside":
        return _Beside(self.inputs[rows], self.margins[rows])


class PathsScorer:
    """Scores features; thread-safe."""

    def __init__(self, weights: Weights, fields: int, vocabulary: int | None) -> None:
        """Read the network.

        Args:
            weights: by the names of its state; tables of any precision.
            fields: number of fields.
            vocabulary: size of the vocabulary of the words; None leaves them out, where torch has to encode them.
        """
        self._fields = fields
        self._columns = _Columns(weights) if "columns.weight" in weights else None
        self._words = None if vocabulary is None else _WordPath(weights, fields, vocabulary)
        self._ngrams = _NgramPath(weights, fields) if "ngrams.weight" in weights else None
        paths: list[_WordPath | _NgramPath] = [path for path in (self._words, self._ngrams) if path is not None]
        self._pool = Pool(rows_of(weights, "pool")[1 if self._words is None else 0 :], [path.dense for path in paths])
        self._width = sum(path.width for path in paths)

    def logits(self, features: Features) -> Floats:
        """The sum of the logits of the paths, each times its weight in the pool, float32 [rows, classes]."""
        return self._logits(features, np.arange(features.rows))

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
        words = Stack.of(features.words or {}).index[fields, rows]
        bag = words if features.bag is None else features.bag.texts.index[fields, rows]
        starts = np.searchsorted(fields, np.arange(self._fields + 1)).tolist()
        return self._vectors(features, _Texts(words, bag, starts))

    def score_texts(self, vectors: Floats, places: Ints) -> Floats:
        """Softmax of the pooled logits, float32 [rows, classes].

        Args:
            vectors: of texts, as `text_vectors` returns them.
            places: int64 [fields, rows], the text of each field of each record.
        """
        return softmax(self._of_records(vectors, places, None))

    def _logits(self, features: Features, rows: Ints) -> Floats:
        texts, places = _Texts.of(features, rows)
        if len(texts.words) * self._width > _VALUES and len(rows) > 1:
            return np.concatenate([self._logits(features, half) for half in np.array_split(rows, 2)])
        beside = None if self._columns is None else self._columns.encode(features, rows)
        return self._of_records(self._vectors(features, texts), places, beside)

    def _of_records(self, vectors: Floats, places: Ints, beside: _Beside | None) -> Floats:
        logits = []
        for start in range(0, places.shape[1], _ROWS):
            some = slice(start, start + _ROWS)
            sums = _sum(vectors, places[:, some])
            logits.append(self._finish(sums, None if beside is None else beside.take(some)))
        return logits[0] if len(logits) == 1 else np.concatenate(logits)

    def _vectors(self, features: Features, texts: _Texts) -> Floats:
        vectors = np.empty((len(texts.words), self._width), np.float32)
        if self._words is not None:
            words = Stack.of(features.words or {})
            self._words.of_texts(words, texts, features.vectors, vectors[:, : self._words.width])
        if self._ngrams is not None:
            assert features.bag is not None
            self._ngrams.of_texts(features.bag, texts, vectors[:, self._width - self._ngrams.width :])
        return vectors

    def _finish(self, sums: Floats, beside: _Beside | None) -> Floats:
        """The pooled logits, float32 [rows, classes], of the sums of the rows' texts, which are overwritten."""
        values, margins = [], None
        if self._words is not None:
            values.append(self._words.finish(sums[:, : self._words.width], beside))
        if self._ngrams is not None:
            ngrams, margins = self._ngrams.finish(sums[:, self._width - self._ngrams.width :], beside)
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
        #: Of what texts add: the first layer's outputs and, where fields are fused, the words' sum and number.
        self.width = self.dense.width + (0 if self._marks is None else dim + 1)

    def of_texts(self, words: Stack, texts: _Texts, vectors: Vectors | None, out: Floats) -> None:
        """What texts add to a record, float32 [texts, width]; where fields are fused, the sum of their words, too."""
        ids, offsets, _ = gather(words.ids, words.offsets, None, texts.words)
        table = self._table(vectors)
        if ids.min(initial=0) < 0 or ids.max(initial=-1) >= len(table):  # a damaged model; `multiply` does not look
            raise IndexError(f"a word has the number {ids.max()}, and there are weights of {len(table)}")
        lengths = np.diff(offsets)
        shares = np.repeat(np.float32(1) / lengths.astype(np.float32), lengths)
        means = multiply(ids, offsets, shares, table)
        first = [self._in_place(ids, offsets, place) for place in range(len(self._first))]
        if self._marks is None:
            self.dense.apply_first(np.concatenate([means, *first], axis=1), self._by_field, texts.starts, out)
            return
        inputs = np.concatenate([np.empty((len(means), 0), np.float32), *first], axis=1)
        self.dense.apply_first(inputs, self._by_field, texts.starts, out[:, : self.dense.width])
        marks = self._marks[np.repeat(np.arange(len(words)), np.diff(texts.starts))]
        out[:, self.dense.width : -1] = (means + marks) * lengths[:, None]
        out[:, -1] = lengths

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
        return times(vectors, self._given["map.weight"].T) if "map.weight" in self._given else vectors.copy()


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
        #: Of what texts add: the first layer's outputs, the margins of the linear path, and the squared length.
        self.width = self.dense.width + (0 if self._constant is None else len(self._constant) + 1)

    def warm_up(self) -> None:
        """Compute the vectors of all items that are known from a first call."""
        if self._items is not None:
            self._items.warm_up()

    def of_texts(self, bags: Bags, texts: _Texts, out: Floats) -> None:
        """What texts add to a record, float32 [texts, width]: to the dense layers and, where it is, the linear path."""
        items = self._items
        if items is None or items.known is not bags.known:
            items = self._items = ItemVectors(self._weights, self._tables, bags.known)
        ids, offsets, weights = gather(bags.texts.ids, bags.texts.offsets, bags.texts.weights, texts.bag)
        assert weights is not None
        sums = items.sum(bags, ids, offsets, weights)
        squares = bags.squares[texts.bag]
        lengths: Floats = np.sqrt(squares)
        self.dense.apply_first(
            sums[:, : self._dim] / lengths[:, None], self._by_field, texts.starts, out[:, : self.dense.width]
        )
        if self._constant is not None:
            out[:, self.dense.width : -1] = sums[:, self._dim :]
            out[:, -1] = squares

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

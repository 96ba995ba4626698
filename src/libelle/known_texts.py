"""Records scored by what is known of their texts: a call of one or two takes a fraction of a millisecond.

Where a model's score is that of a sum over the texts of a record, what a text adds is kept from one call to the next:
"missing", a town or a job comes again and again, and is then neither cleaned nor encoded. A text that is new takes the
way of all others, through the same cleaners, process and model.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, repeat
from threading import Lock
from typing import Any

import numpy as np

from libelle.cleaners.base import Cleaner, clean_columns
from libelle.data.columns import Column, Columns
from libelle.features import Floats
from libelle.models.base import Model
from libelle.processes.base import Process

#: Texts that are kept at most, and bytes of their vectors; those of two labels take some two kilobytes each.
_KEPT, _BYTES = 1 << 15, 1 << 26
#: Texts of a call, as parts of those that are kept, up to which they are looked for: more would drive each other out.
_SHARE = 4
#: Characters of a text that is kept.
_LONGEST = 1000

#: For each field, texts; None stands for a missing one.
_Texts = list[list[str | None]]


class _Kept:
    """Vectors of texts, and where each text's is."""

    def __init__(self, fields: int) -> None:
        self.places: list[dict[str | None, int]] = [{} for _ in range(fields)]
        self.count, self.room = 0, _KEPT
        self.vectors: Floats = np.empty((0, 0), np.float32)  # the width is known with the first of them
        #: The call that each was last used in.
        self.used = np.zeros(0, np.int64)
        self.calls = 0

    def find(self, columns: Sequence[Column]) -> list[list[int]]:
        """Where the vectors of columns' texts are, and then that of a missing one; -1 for one that is not kept."""
        pairs = zip(self.places, columns, strict=True)
        return [[*map(places.get, column.texts, repeat(-1)), places.get(None, -1)] for places, column in pairs]

    def unknown(self, columns: Sequence[Column]) -> _Texts:
        """The texts of some columns that are not kept, and None where it is not."""
        pairs = zip(self.places, columns, strict=True)
        return [[text for text in (*column.texts, None) if text not in places] for places, column in pairs]

    def add(self, texts: _Texts, vectors: Floats) -> None:
        """Keep the vectors of texts, float32 [texts, width]."""
        if not self.count:
            self.room = min(_KEPT, max(len(vectors), _BYTES // vectors[0].nbytes))
            # Memory that is never written to is never allocated.
            self.vectors = np.empty((self.room, vectors.shape[1]), np.float32)
            self.used = np.zeros(self.room, np.int64)
        end = self.count + len(vectors)
        self.vectors[self.count : end] = vectors
        # Written last: who finds a place finds the vector, too.
        numbers = iter(range(self.count, end))
        for places, some in zip(self.places, texts, strict=True):
            places.update(zip(some, numbers, strict=False))
        self.count = end

    def use(self, places: list[list[int]]) -> None:
        """Take note that a call uses some vectors."""
        self.calls += 1
        self.used[np.fromiter(chain.from_iterable(places), np.int64)] = self.calls

    def half(self) -> "_Kept":
        """The half of them that was used last; others may still be reading the whole."""
        chosen = np.sort(np.argpartition(self.used[: self.count], self.count // 2)[self.count // 2 :])
        places = np.full(self.count, -1)
        places[chosen] = np.arange(len(chosen))
        kept = _Kept(len(self.places))
        kept.room, kept.count, kept.calls = self.room, len(chosen), self.calls
        kept.vectors, kept.used = np.empty_like(self.vectors), np.zeros_like(self.used)
        kept.vectors[: len(chosen)], kept.used[: len(chosen)] = self.vectors[chosen], self.used[chosen]
        moved = places.tolist()
        kept.places = [
            {text: moved[place] for text, place in of_field.items() if moved[place] >= 0} for of_field in self.places
        ]
        return kept


class KnownTexts:
    """Scores records of few texts; thread-safe."""

    def __init__(self, fields: Iterable[str], cleaners: Mapping[str, Cleaner], process: Process, model: Model) -> None:
        """Begin with nothing known; the arguments are those of `libelle.pipeline.Pipeline`."""
        self.fields, self.cleaners, self.process, self.model = list(fields), cleaners, process, model
        self._kept = _Kept(len(self.fields))
        self._learning = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave what is kept, and the lock, out of copies and pickles."""
        return KnownTexts, (self.fields, self.cleaners, self.process, self.model)

    def score(self, columns: Columns) -> Floats | None:
        """Probabilities of raw texts, float32 [rows, classes].

        Returns:
            None where they are many or long, or the model's scores are not those of sums.
        """
        fields = [columns[name] for name in self.fields]
        if not self.model.adds_up or not len(fields[0]):
            return None
        if sum(len(column.texts) + 1 for column in fields) > self._kept.room // _SHARE:
            return None
        if any(max(map(len, column.texts), default=0) > _LONGEST for column in fields):
            return None
        kept = self._kept
        places = kept.find(fields)
        if any(-1 in some for some in places):
            kept = self._learn(fields)
            places = kept.find(fields)
        kept.use(places)
        index = np.stack([np.array(some)[column.index] for some, column in zip(places, fields, strict=True)])
        return self.model.score_texts(kept.vectors, index)

    def _learn(self, columns: Sequence[Column]) -> _Kept:
        """Keep the texts of some columns that are not kept yet."""
        with self._learning:
            kept = self._kept
            texts = kept.unknown(columns)
            if kept.count + sum(map(len, texts)) > kept.room:
                kept = kept.half()
                texts = kept.unknown(columns)
            if any(texts):  # else another thread has learnt them meanwhile
                kept.add(texts, self._compute(texts))
            self._kept = kept
        return kept

    def _compute(self, texts: _Texts) -> Floats:
        """What texts add to their records, float32 [texts, width]."""
        counts = [len(some) for some in texts]
        columns, numbers = {}, np.arange(max(counts), dtype=np.int32)
        for name, some in zip(self.fields, texts, strict=True):
            present = [text for text in some if text is not None]
            columns[name] = Column(present, np.minimum(numbers, np.int32(len(present))))
        features = self.process.transform_columns(clean_columns(columns, self.cleaners.values()))
        rows = np.concatenate([np.arange(count) for count in counts])
        return self.model.text_vectors(features, np.repeat(np.arange(len(counts)), counts), rows)

"""Few records, scored by what is known of their texts: a call of one or two records takes a fraction of a millisecond.

Where a model's score is that of a sum over the texts of a record, what a text adds is kept from one call to the next:
"missing", a town or a job comes again and again, and is then neither cleaned nor encoded. A text that is new takes the
way of all others, through the same cleaners, process and model.
"""

from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np

from libelle.cleaners.base import Cleaner, clean_columns
from libelle.data.columns import Column, Columns
from libelle.features import Floats
from libelle.models.base import Model
from libelle.processes.base import Process

#: Texts that are kept at most, and bytes of their vectors; those of two labels take some two kilobytes each.
_KEPT, _BYTES = 1 << 13, 1 << 25
#: Texts of a call, up to which this takes less time than to encode all of them.
_FEW = 1 << 10
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
        end = self.count + len(vectors)
        self.vectors[self.count : end] = vectors
        # Written last: who finds a place finds the vector, too.
        numbers = iter(range(self.count, end))
        for places, some in zip(self.places, texts, strict=True):
            places.update(zip(some, numbers, strict=False))
        self.count = end

    def sums(self, columns: Sequence[Column]) -> Floats:
        """The sums of the vectors of each row's texts, float32 [rows, width].

        Raises:
            KeyError: when the vector of a text is not kept.
        """
        rows = []
        for places, column in zip(self.places, columns, strict=True):
            found = [places[text] for text in (*column.texts, None)]
            rows.append([found[text] for text in column.index.tolist()])
        summed: Floats = self.vectors.take(np.array(rows), axis=0).sum(axis=0)
        return summed


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
        if not self.model.adds_up or not 0 < len(fields) * len(fields[0]) <= _FEW:
            return None
        if any(len(text) > _LONGEST for column in fields for text in column.texts):
            return None
        try:
            sums = self._kept.sums(fields)
        except KeyError:
            sums = self._learn(fields).sums(fields)
        return self.model.score_sums(sums)

    def _learn(self, columns: Sequence[Column]) -> _Kept:
        """Keep the texts of some columns that are not kept yet."""
        with self._learning:
            kept = self._kept
            texts = kept.unknown(columns)
            if kept.count + sum(map(len, texts)) > kept.room:
                kept = _Kept(len(self.fields))  # others may still be reading the old ones
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

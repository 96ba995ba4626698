"""The texts of all fields at once: concatenated, and split into words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from libelle.data.columns import Column, count_codes
from libelle.data.words import WordTable
from libelle.features import Ints, Stack
from libelle.shards import shifted


@dataclass(frozen=True)
class FieldTexts:
    """The distinct texts of all fields one after the other, split into words, so that all are encoded in one go.

    Attributes:
        names: of the fields.
        table: the texts; after those of each field, one without words, which stands for missing values.
        fields: int64 [texts], the number of each text's field.
        missing: bool [texts], which texts stand for missing values.
        index: int32 [fields, rows], the text of each field of each row.
    """

    names: tuple[str, ...]
    table: WordTable
    fields: Ints
    missing: npt.NDArray[np.bool_]
    index: npt.NDArray[np.int32]

    @classmethod
    def of(cls, columns: Mapping[str, Column]) -> "FieldTexts":
        """Split the texts of some fields."""
        sizes = np.array([len(column.texts) + 1 for column in columns.values()])
        ends = np.cumsum(sizes)
        missing = np.zeros(ends[-1], dtype=bool)
        missing[ends - 1] = True
        if all(column.is_split for column in columns.values()):
            nothing = WordTable.split([""])
            table = WordTable.join([part for column in columns.values() for part in (column.words, nothing)])
        else:
            table = WordTable.split([text for column in columns.values() for text in (*column.texts, "")])
        index = shifted([column.index for column in columns.values()], (ends - sizes).tolist())
        return cls(tuple(columns), table, np.arange(len(sizes)).repeat(sizes), missing, index)

    @cached_property
    def counts(self) -> Ints:
        """Rows that hold each text, int64 [texts]; none for missing values."""
        sizes = np.bincount(self.fields, minlength=len(self.names))
        places = zip(self.index, sizes.tolist(), (np.cumsum(sizes) - sizes).tolist(), strict=True)
        counts = [count_codes(own, size, start) for own, size, start in places]
        return np.where(self.missing, 0, np.concatenate(counts))

    @cached_property
    def word_counts(self) -> Ints:
        """How often each distinct word stands in all rows of all fields, int64 [words]."""
        times = np.repeat(self.counts, np.diff(self.table.offsets))
        return np.bincount(self.table.codes, weights=times, minlength=len(self.table.words)).astype(np.int64)

    def frequent_words(self, min_count: int, held: npt.NDArray[np.bool_]) -> list[str]:
        """The words that stand at least `min_count` times, the most frequent first.

        Args:
            min_count: occurrences.
            held: bool [words], those that enough records hold.
        """
        words = self.table.words
        chosen = np.flatnonzero(held & (self.word_counts >= min_count)).tolist()
        chosen.sort(key=words.__getitem__)
        order = np.argsort(-self.word_counts[chosen], kind="stable").tolist()
        return [words[chosen[place]] for place in order]

    def quantiles(self, lengths: Ints, quantile: float, most: int) -> dict[str, int]:
        """A quantile of the lengths of each field's rows, 1 at least and `most` at most.

        Args:
            lengths: int64 [texts].
            quantile: between 0 and 1.
            most: limit.
        """
        found = {}
        for number, name in enumerate(self.names):
            own = self.fields == number
            rows = np.repeat(lengths[own], self.counts[own])
            longest = np.quantile(rows, quantile) if len(rows) else 0
            found[name] = int(np.clip(np.ceil(longest), 1, most))
        return found

    def stack(self, ids: npt.NDArray[np.int32], caps: Sequence[int], size: int, missing: int, empty: int) -> Stack:
        """The first words of each text, by their ids.

        Args:
            ids: int32 [distinct words].
            caps: words of each field at most.
            size: see `Stack`.
            missing: the id that stands for a missing text.
            empty: the id that stands for a text without words.
        """
        ends = self.table.offsets
        lengths = np.diff(ends)
        kept = np.clip(lengths, 1, np.array(caps)[self.fields])
        offsets = np.concatenate(([0], np.cumsum(kept)))
        # Where each id comes from; a text without words gets its marker afterwards.
        places = np.arange(offsets[-1]) + np.repeat(ends[:-1] - offsets[:-1], kept)
        chosen = ids[np.append(self.table.codes, 0)[places]] if len(ids) else np.empty(len(places), np.int32)
        alone = np.flatnonzero(lengths == 0)
        chosen[offsets[alone]] = np.where(self.missing[alone], missing, empty)
        return Stack(self.names, chosen, offsets, size, None, self.index)

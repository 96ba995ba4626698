"""How many training records hold a word, or an n-gram of characters.

Records are counted, not occurrences: one that says a word twice, in one field or in two, counts once. What stands in
frequent texts is known to be frequent at once; records are looked at one by one only where that does not decide it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from libelle.data.distinct import distinct_numbers
from libelle.features import Ints
from libelle.processes.field_texts import FieldTexts
from libelle.shards import shards

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Holders:
    """Which words enough records hold, and which records hold the others.

    Attributes:
        least: records that are enough.
        frequent: bool [words], the words that enough records hold.
        counts: int64 [words], the records that hold each of the other words; 0 for the frequent ones.
        records: int64, the records of each of the other words, word after word.
    """

    least: int
    frequent: Flags
    counts: Ints
    records: Ints

    @classmethod
    def of(cls, texts: FieldTexts, least: int) -> "Holders":
        """Count the records of each word of `texts.table`."""
        size = len(texts.table.words)
        text_of = np.repeat(np.arange(len(texts.counts)), np.diff(texts.table.offsets))
        frequent = np.zeros(size, dtype=bool)
        frequent[texts.table.codes[texts.counts[text_of] >= least]] = True
        if least <= 1:
            return cls(least, frequent, np.zeros(size, np.int64), np.empty(0, np.int64))
        others = np.flatnonzero(~frequent[texts.table.codes])
        words, records = _expand(texts, texts.table.codes[others], text_of[others])
        counts = np.bincount(words, minlength=size)
        frequent |= counts >= least
        counts[frequent] = 0
        return cls(least, frequent, counts, records[~frequent[words]])

    def hold(self, parts: Ints, words: Ints, count: int) -> Flags:
        """Which parts of words enough records hold, bool [count].

        Args:
            parts: int64, numbers of parts from 0 on.
            words: int64, the word that each stands in.
            count: number of parts.
        """
        found = np.zeros(count, dtype=bool)
        found[parts[self.frequent[words]]] = True
        # Only a part that stands in several words can have more records than any of them.
        possible = ~found & (np.bincount(parts, weights=self.counts[words], minlength=count) >= self.least)
        unsure = np.flatnonzero(possible[parts])
        starts = np.cumsum(self.counts) - self.counts
        owners, places = _ranges(starts[words[unsure]], self.counts[words[unsure]])
        held, _ = _distinct(parts[unsure][owners], self.records[places])
        return np.asarray(found | (np.bincount(held, minlength=count) >= self.least))


def _expand(texts: FieldTexts, words: Ints, text_of: Ints) -> tuple[Ints, Ints]:
    """Each word with each record that holds it, once, ordered by words; `text_of` says where each word stands."""
    wanted = np.zeros(len(texts.counts), dtype=bool)
    wanted[text_of] = True
    found = [_rows_of(wanted, texts.index[:, part], part.start) for part in shards(texts.index.shape[1])]
    held, rows = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    rows = rows[np.argsort(held, kind="stable")]
    sizes = np.where(wanted, texts.counts, 0)
    owners, places_of_rows = _ranges((np.cumsum(sizes) - sizes)[text_of], sizes[text_of])
    return _distinct(words[owners], rows[places_of_rows])


def _rows_of(wanted: Flags, index: npt.NDArray[np.int32], first: int) -> tuple[npt.NDArray[np.int32], Ints]:
    """The texts that are wanted, and their rows, counted from `first` on; those of a text in rising order."""
    _, rows = places = np.nonzero(wanted[index])
    return index[places], rows + first


def _ranges(starts: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """The numbers from each start on, as many as its size, and which range each is of."""
    owners = np.repeat(np.arange(len(sizes)), sizes)
    return owners, np.arange(len(owners)) + (starts - np.cumsum(sizes) + sizes)[owners]


def _distinct(first: Ints, second: Ints) -> tuple[Ints, Ints]:
    """The distinct pairs, ordered."""
    width = np.int64(second.max(initial=0) + 1)
    return np.divmod(distinct_numbers(first * width + second), width)

"""Hashed word and character n-grams, weighted by TF-IDF.

An n-gram is a 64-bit hash of its characters or words (as in fastText: Bojanowski et al. 2017, "Enriching Word Vectors
with Subword Information"). Only the n-grams of the training rows are kept, so that a table of embeddings is as small as
the data, and two n-grams share an id about once in 2^64 pairs. Everything is computed on arrays: character n-grams once
for each distinct word, word n-grams once for each distinct text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

from libelle import shards
from libelle.data.words import WordTable, mix
from libelle.errors import UserError
from libelle.features import Floats, Ints

Hashes = npt.NDArray[np.uint64]

#: What the arrays that an n-gram passes through take while it is counted, as measured.
NGRAM_BYTES = 58

_MULTIPLIER = np.uint64(0x100000001B3)  # the prime of the FNV-1a hash
_BLANK = ord(" ")
#: Words that are taken apart at once, where there are many.
_WORDS = 1 << 16
#: Hashes up to which bisection finds them faster than buckets do.
_FEW = 32


def check_lengths(shortest: int, longest: int) -> None:
    """Raise `UserError` where n-grams of characters are wanted, `longest` above 0, and none has such a length."""
    if longest and longest < shortest:
        raise UserError(
            f"process.char_ngrams_max={longest} is below process.char_ngrams_min={shortest}; raise it, or set it to 0 "
            "for none."
        )


def word_keys(table: WordTable) -> Hashes:
    """The hash of each distinct word as an n-gram of one word, uint64 [words]."""
    return mix(table.hashes)


def field_keys(count: int) -> Hashes:
    """A number for each of some fields, uint64: XORed with it, the same n-gram of two fields has two hashes."""
    return mix(np.arange(1, count + 1, dtype=np.uint64))


def word_ngrams(table: WordTable, longest: int, shortest: int = 1) -> tuple[Hashes, Ints]:
    """Hash the n-grams of `shortest` to `longest` words.

    Returns:
        The hashes, and for each the text it stands in, int64.
    """
    lengths = np.diff(table.offsets)
    if not shards.are_many(max(len(lengths), len(table.codes))):
        return _word_ngrams(table.hashes[table.codes], np.repeat(np.arange(len(lengths)), lengths), longest, shortest)
    count = sum(int(np.maximum(lengths - n + 1, 0).sum()) for n in range(shortest, longest + 1))
    ngrams = _Ngrams(count)
    for part in shards.shards(len(lengths)):
        codes = table.codes[table.offsets[part.start] : table.offsets[part.stop]]
        texts = np.repeat(np.arange(part.start, part.stop), lengths[part])
        ngrams.add(*_word_ngrams(table.hashes[codes], texts, longest, shortest))
    return ngrams.hashes, ngrams.owners


def _word_ngrams(values: Hashes, texts: Ints, longest: int, shortest: int) -> tuple[Hashes, Ints]:
    """As `word_ngrams`, of words by their hashes and the text of each."""
    hashes, rows = [], []
    for _, current, inside in _runs(values, texts, longest, shortest):
        hashes.append(mix(current[inside]))
        rows.append(texts[: len(current)][inside])
    return _concatenate(hashes, np.uint64), _concatenate(rows, np.int64)


def _runs(
    values: Hashes, owners: Ints, longest: int, shortest: int
) -> Iterator[tuple[int, Hashes, npt.NDArray[np.bool_]]]:
    """For each length, the hashes of all runs of so many values, not mixed yet, and whether a run is of one owner."""
    current = values
    for n in range(1, min(longest, len(values)) + 1):
        if n > 1:
            current = current[:-1] * _MULTIPLIER
            current += values[n - 1 :]
        if n >= shortest:
            yield n, current, owners[: len(current)] == owners[n - 1 :]


def characters_of_words(words: Sequence[str], shortest: int, longest: int) -> tuple[Hashes, Ints]:
    """Hash the n-grams of characters of each word by itself, with a blank on either side.

    Returns:
        The hashes, and for each the word it stands in, int64.
    """
    if not shards.are_many(sum(map(len, words))):
        return _characters_of_words(words, shortest, longest)
    ngrams = _Ngrams(count_characters(words, shortest, longest))
    for start in range(0, len(words), _WORDS):
        hashes, owners = _characters_of_words(words[start : start + _WORDS], shortest, longest)
        ngrams.add(hashes, owners + start)
    return ngrams.hashes, ngrams.owners


def count_characters(words: Sequence[str], shortest: int, longest: int) -> int:
    """How many n-grams `characters_of_words` finds."""
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    # With both blanks; a blank alone is none of one character.
    return sum(int(np.maximum(lengths + 3 - n if n > 1 else lengths, 0).sum()) for n in range(shortest, longest + 1))


class _Ngrams:
    """N-grams as they come, the number of which is known."""

    def __init__(self, count: int) -> None:
        self.hashes: Hashes = shards.empty(count, np.uint64)
        self.owners: Ints = shards.empty(count, np.int64)
        self._end = 0

    def add(self, hashes: Hashes, owners: Ints) -> None:
        start, self._end = self._end, self._end + len(hashes)
        self.hashes[start : self._end], self.owners[start : self._end] = hashes, owners


def _characters_of_words(words: Sequence[str], shortest: int, longest: int) -> tuple[Hashes, Ints]:
    # A lone surrogate, which a command line can hold, is one character as well.
    text = f" {'  '.join(words)} ".encode("utf-32-le", "surrogatepass") if words else b""
    characters = np.frombuffer(text, dtype="<u4").astype(np.uint64)
    word_of = np.repeat(np.arange(len(words)), np.fromiter(map(len, words), np.int64, len(words)) + 2)
    hashes, rows = [], []
    for n, current, inside in _runs(characters, word_of, longest, shortest):
        if n == 1:
            inside &= characters != _BLANK
        # The length keeps "a" of one character apart from the word "a".
        hashes.append(mix(current[inside] ^ np.uint64(n << 56)))
        rows.append(word_of[: len(current)][inside])
    return _concatenate(hashes, np.uint64), _concatenate(rows, np.int64)


def _concatenate(parts: Sequence[npt.NDArray[Any]], dtype: type) -> npt.NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate([*parts, np.empty(0, dtype)])


def count_rows(hashes: Hashes, texts: Ints, counts: Ints) -> tuple[Hashes, Ints, Ints, Ints]:
    """In how many rows each n-gram stands; one that stands twice in a text counts once.

    Args:
        hashes: all n-grams of the distinct texts.
        texts: the text that each stands in; rising among those of the same hash.
        counts: in how many rows each text stands.

    Returns:
        The distinct hashes, uint64, sorted, and the rows of each, int64; the order of all n-grams by their hashes, and
        where in it each distinct one begins, int64.
    """
    hashes, order = sort_hashes(hashes)
    texts = texts[order]
    changes = hashes[1:] != hashes[:-1]
    starts = np.flatnonzero(np.concatenate(([True], changes))) if len(hashes) else np.empty(0, np.int64)
    rows = counts[texts].astype(np.int64)
    rows[1:][~changes & (texts[1:] == texts[:-1])] = 0
    return hashes[starts], np.add.reduceat(rows, starts) if len(starts) else rows, order, starts


def sort_hashes(hashes: Hashes) -> tuple[Hashes, Ints]:
    """Sort hashes; returns them and their stable order, int64.

    Their first bits are sorted, with their places instead of the others: numbers are sorted in a tenth of the time that
    their order takes.
    """
    last = np.uint64((1 << len(hashes).bit_length()) - 1)
    packed = (hashes & ~last) | np.arange(len(hashes), dtype=np.uint64)
    packed.sort()
    order = (packed & last).astype(np.int64)
    ordered = hashes[order]
    # A few hashes share their first bits with others, and stand in the order of their places.
    mixed = np.flatnonzero(ordered[1:] < ordered[:-1])
    for start in np.unique(packed[mixed] & ~last):
        first, end = packed.searchsorted(start), packed.searchsorted(start | last, side="right")
        own = np.argsort(ordered[first:end], kind="stable")
        ordered[first:end], order[first:end] = ordered[first:end][own], order[first:end][own]
    return ordered, order


def inverse_frequency(rows: Ints | int, frequency: Ints | int) -> Floats:
    """The inverse document frequency of what stands in some of the rows, float32; as scikit-learn's `smooth_idf`."""
    return np.asarray(np.log((1 + rows) / (1 + frequency)) + 1, dtype=np.float32)


@dataclass(frozen=True)
class NgramVocabulary:
    """The n-grams that are kept, and how much each says.

    Attributes:
        hashes: uint64 [kept], sorted.
        idf: float32 [kept], the inverse document frequency.
    """

    hashes: Hashes
    idf: Floats

    @classmethod
    def of_frequent(
        cls, distinct: Hashes, frequency: Ints, rows: int, min_count: int, max_size: int
    ) -> "NgramVocabulary":
        """Keep the n-grams that stand in at least `min_count` of some rows, the most frequent `max_size` of them.

        Args:
            distinct: n-grams, sorted.
            frequency: int64, in how many rows each stands.
            rows: in all.
            min_count: rows that must hold an n-gram.
            max_size: n-grams kept at most.
        """
        kept = np.flatnonzero(frequency >= min_count)
        if len(kept) > max_size:
            kept = np.sort(kept[np.argsort(-frequency[kept], kind="stable")[:max_size]])
        return cls(distinct[kept], inverse_frequency(rows, frequency[kept]))

    def __len__(self) -> int:
        return len(self.hashes)

    def find(self, hashes: Hashes) -> Ints:
        """The place of each hash, int64; -1 where it is not kept."""
        if not len(self):
            return np.full(len(hashes), -1, dtype=np.int64)
        if len(hashes) > _FEW:
            return self._find_many(hashes)
        places = np.minimum(self.hashes.searchsorted(hashes), len(self) - 1)
        return np.where(self.hashes[places] == hashes, places, -1)

    def look_up(self, hashes: Hashes, otherwise: Floats) -> tuple[Ints, Floats]:
        """The place of each hash, and its idf, or the number that stands for one that is not kept."""
        places = self.find(hashes)
        return places, np.where(places < 0, otherwise, self.idf[places]) if len(self) else otherwise

    @cached_property
    def _buckets(self) -> tuple[np.uint64, npt.NDArray[np.int32]]:
        """Where the hashes begin that share their highest bits, and how far a hash is shifted to leave these."""
        bits = max(len(self) - 1, 1).bit_length() + 1
        shift = np.uint64(64 - bits)
        counts = np.bincount((self.hashes >> shift).astype(np.int64), minlength=1 << bits)
        return shift, np.concatenate(([0], np.cumsum(counts))).astype(np.int32)

    def _find_many(self, hashes: Hashes) -> Ints:
        """Hashes are spread evenly, so few buckets hold two or more: bisection would miss the caches at each step."""
        shift, starts = self._buckets
        buckets = (hashes >> shift).astype(np.int64)
        # An empty bucket begins where the next one does, whose hashes are others; the last ones begin past the end.
        found = starts.take(buckets).astype(np.int64)
        others = np.flatnonzero(self.hashes.take(found, mode="clip") != hashes)
        places, ends, wanted = found[others], starts.take(buckets[others] + 1), hashes[others]
        found[others] = -1
        while len(others):
            places += 1
            there = places < ends
            others, places, ends, wanted = others[there], places[there], ends[there], wanted[there]
            same = self.hashes.take(places) == wanted
            found[others[same]] = places[same]
        return found

    def weigh(self, counts: scipy.sparse.csr_array, *, sublinear: bool = True) -> scipy.sparse.csr_array:
        """Weigh each text's n-grams by TF-IDF, with the logarithm of counts if `sublinear`; each text is of length 1.

        Args:
            counts: float32 CSR [texts, kept].

        Returns:
            The same matrix, its values in place.
        """
        if sublinear:
            counts.data = 1 + np.log(counts.data)
        counts.data *= self.idf[counts.indices]
        lengths = np.sqrt(np.add.reduceat(np.append(counts.data**2, 0), counts.indptr[:-1]))
        counts.data /= np.repeat(lengths, np.diff(counts.indptr))
        return counts

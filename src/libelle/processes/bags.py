"""Bags of n-grams, which `tokens` and `subword` make.

An n-gram belongs to a word, not to a text. So a text is a list of items, which are the words of its field and their
sequences, and each item is taken apart once: into itself, which has a number in its field, and the n-grams of
characters of the word, which all fields share (as in fastText: Bojanowski et al. 2017, "Enriching Word Vectors with
Subword Information"). Nothing of the size texts x n-grams ever exists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from libelle.components import Natural, Positive
from libelle.errors import UserError
from libelle.features import Bags, Floats, Ints, Items, Ragged, gather
from libelle.memory import require_memory
from libelle.processes.base import Process
from libelle.processes.columns import Column, word_counts
from libelle.processes.ngrams import (
    NGRAM_BYTES,
    NgramVocabulary,
    WordTable,
    characters_of_words,
    word_keys,
    word_ngrams,
)

#: Items of each field that stand for a missing and for an empty text.
_MARKERS = 2
_FILE = "ngrams.safetensors"
#: Characters up to which memory is not asked for when rows are encoded: the question takes longer than the work.
_MANY = 1 << 18


@dataclass
class NgramBags:
    """Words and their sequences, weighted by inverse document frequency, and the n-grams of characters in the words.

    Attributes:
        word_ngrams: longest sequence of words.
        char_ngrams_min: shortest n-gram of characters within words.
        char_ngrams_max: longest n-gram of characters within words; 0 for none.
        min_count: training rows that must hold an item, and occurrences of a n-gram of characters.
        max_size: items kept at most of each field, and n-grams of characters, the most frequent ones.
    """

    word_ngrams: int
    char_ngrams_min: int
    char_ngrams_max: int
    min_count: int
    max_size: int

    def __post_init__(self) -> None:
        if self.char_ngrams_max and self.char_ngrams_max < self.char_ngrams_min:
            raise UserError(
                f"process.char_ngrams_max={self.char_ngrams_max} is below "
                f"process.char_ngrams_min={self.char_ngrams_min}; raise it, or set it to 0 for none."
            )

    def fit(self, columns: Mapping[str, Column], words: Sequence[str]) -> Self:
        """Keep the items and n-grams of the training rows.

        Args:
            columns: field → its texts.
            words: those that the process keeps as texts, too. They are taken apart now, and all others as they come: a
                saved process does not tell the n-grams of a word that it does not hold.
        """
        self.items_ = {
            name: NgramVocabulary.fit(
                *word_ngrams(column.words, self.word_ngrams), column.counts, self.min_count, self.max_size
            )
            for name, column in columns.items()
        }
        #: What a word outside the vocabulary would weigh, had it been in no row: one number for each field.
        self.unseen_ = np.array([np.log1p(column.counts.sum()) + 1 for column in columns.values()], dtype=np.float32)
        counts: dict[str, int] = {}
        for column in columns.values():
            for word, count in zip(column.words.words, word_counts(column).tolist(), strict=True):
                counts[word] = counts.get(word, 0) + count
        self._require_room(list(counts))
        hashes, owners = self._characters(list(counts))
        frequency = np.fromiter(counts.values(), np.int64, len(counts))
        self.characters_ = NgramVocabulary.fit(hashes, owners, frequency, self.min_count, self.max_size)
        return self._know(words)

    def transform(self, columns: Mapping[str, Column]) -> Bags:
        """Encode the rows of all fields."""
        texts: dict[str, Ragged] = {}
        squares: dict[str, Floats] = {}
        extra = _Extra(len(self.known_))
        for number, (name, vocabulary) in enumerate(self.items_.items()):
            column, start = columns[name], int(self.starts_[number])
            table = column.words
            places = vocabulary.find(word_keys(table))
            weights = np.where(places < 0, self.unseen_[number], vocabulary.idf[places] if len(vocabulary) else 0)
            own = np.where(places < 0, -1, places + start)
            ids = np.where((places >= 0) & self.spelled_[own], own, -1)
            new = np.flatnonzero(ids < 0)
            ids[new] = extra.add(own[new], [table.words[word] for word in new.tolist()])
            sequences, text_of = word_ngrams(table, self.word_ngrams, shortest=2)
            found = vocabulary.find(sequences)
            kept = found >= 0
            texts[name], squares[name] = _encode(
                table,
                ids.astype(np.int32),
                weights.astype(np.float32),
                (text_of[kept], (found[kept] + start).astype(np.int32), vocabulary.idf[found[kept]]),
                column.index.astype(np.int32),
                start + len(vocabulary),
            )
        own, owners = extra.arrays()
        made = _assemble(own, owners, self._spell(list(extra.words)))
        return Bags(texts, squares, self.known_, made, self.size)

    @property
    def size(self) -> int:
        """Number of parts: items, and n-grams of characters after them."""
        return len(self.known_) + len(self.characters_)

    def save(self, folder: Path) -> None:
        """Write `ngrams.safetensors`; fields are numbered, for a name may hold any character."""
        arrays: dict[str, npt.NDArray[np.generic]] = {
            "unseen": self.unseen_,
            "characters.hashes": self.characters_.hashes,
            "characters.idf": self.characters_.idf,
        }
        for number, items in enumerate(self.items_.values()):
            arrays[f"{number}.hashes"], arrays[f"{number}.idf"] = items.hashes, items.idf
        save_file(arrays, folder / _FILE)

    def load(self, folder: Path, fields: Sequence[str], words: Sequence[str]) -> Self:
        """Read back what `save` wrote, of the given fields; `words` are those of `fit`."""
        arrays = load_file(folder / _FILE)
        self.unseen_ = arrays["unseen"]
        self.characters_ = NgramVocabulary(arrays["characters.hashes"], arrays["characters.idf"])
        self.items_ = {
            name: NgramVocabulary(arrays[f"{number}.hashes"], arrays[f"{number}.idf"])
            for number, name in enumerate(fields)
        }
        return self._know(words)

    def _know(self, words: Sequence[str]) -> Self:
        """Number the items, and take the given words apart."""
        sizes = [len(items) + _MARKERS for items in self.items_.values()]
        self.starts_ = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        owners = np.full(self.starts_[-1], -1, dtype=np.int64)
        keys = word_keys(WordTable.of_words(words))
        for items, start in zip(self.items_.values(), self.starts_[:-1], strict=True):
            places = items.find(keys)
            found = np.flatnonzero(places >= 0)
            owners[start + places[found]] = found
        self.spelled_ = owners >= 0
        # N-grams of characters have the numbers after those of the items.
        self.first_character_ = len(owners)
        self.known_ = _assemble(np.arange(len(owners)), owners, self._spell(words))
        return self

    def _characters(self, words: Sequence[str]) -> tuple[npt.NDArray[np.uint64], Ints]:
        if not self.char_ngrams_max:
            return np.empty(0, np.uint64), np.empty(0, np.int64)
        return characters_of_words(words, self.char_ngrams_min, self.char_ngrams_max)

    def _require_room(self, words: Sequence[str]) -> None:
        lengths = self.char_ngrams_max - self.char_ngrams_min + 1 if self.char_ngrams_max else 0
        count = (sum(map(len, words)) + 2 * len(words)) * lengths
        require_memory(
            NGRAM_BYTES * count,
            f"process: counting {count:,} n-grams of characters",
            "lower process.char_ngrams_max, or set it to 0 for none",
        )

    def _spell(self, words: Sequence[str]) -> Items:
        """The n-grams of characters of each word, as far as they are kept; the weights of a word are of length 1."""
        if sum(map(len, words)) > _MANY:
            self._require_room(words)
        hashes, owners = self._characters(words)
        places = self.characters_.find(hashes)
        kept = np.flatnonzero(places >= 0)
        kept = kept[np.argsort(owners[kept], kind="stable")]
        places, owners = places[kept], owners[kept]
        weights = self.characters_.idf[places]
        lengths = np.sqrt(np.bincount(owners, weights=weights**2, minlength=len(words)))
        offsets = np.concatenate(([0], np.cumsum(np.bincount(owners, minlength=len(words)))))
        parts = (places + self.first_character_).astype(np.int32)
        return Items(parts, offsets, (weights / lengths[owners]).astype(np.float32))


class _Extra:
    """The items that are taken apart as they come: their own numbers, -1 where they have none, and their words."""

    def __init__(self, first: int) -> None:
        self.first, self.count = first, 0
        self.words: dict[str, int] = {}
        self._own: list[Ints] = []
        self._owners: list[list[int]] = []

    def add(self, own: Ints, words: list[str]) -> Ints:
        """Add items and return their ids."""
        self._own.append(own)
        self._owners.append([self.words.setdefault(word, len(self.words)) for word in words])
        self.count += len(words)
        return np.arange(self.count - len(words), self.count) + self.first

    def arrays(self) -> tuple[Ints, Ints]:
        """Own numbers, and the place of each item's word in `words`, int64 [items]."""
        owners = [owner for part in self._owners for owner in part]
        return np.concatenate([np.empty(0, np.int64), *self._own]), np.array(owners, dtype=np.int64)


def _assemble(own: Ints, owners: Ints, spelled: Items) -> Items:
    """Items from their own numbers and the n-grams of their words, each -1 where there is none."""
    offsets = np.append(spelled.offsets, spelled.offsets[-1:])  # one more word, without n-grams
    parts, ends, weights = gather(spelled.parts, offsets, spelled.weights, np.where(owners < 0, len(spelled), owners))
    numbered = own >= 0
    starts = np.concatenate(([0], np.cumsum(numbered + np.diff(ends))))
    first = starts[:-1][numbered]
    others = np.ones(starts[-1], dtype=bool)
    others[first] = False
    all_parts, all_weights = np.empty(starts[-1], np.int32), np.ones(starts[-1], np.float32)
    all_parts[first], all_parts[others] = own[numbered], parts
    all_weights[others] = weights
    return Items(all_parts, starts, all_weights)


def _encode(
    table: WordTable,
    ids: npt.NDArray[np.int32],
    weights: Floats,
    sequences: tuple[Ints, npt.NDArray[np.int32], Floats],
    index: npt.NDArray[np.int32],
    markers: int,
) -> tuple[Ragged, Floats]:
    """The items of each distinct text, a marker for one without words and, as the last stored row, for missing ones.

    Args:
        table: the texts.
        ids: int32, the item of each distinct word.
        weights: float32, likewise.
        sequences: of the sequences of words: the text, the item and the weight of each.
        index: int32 [rows], the text of each row.
        markers: the item for missing texts; the next one is that for empty ones.

    Returns:
        The items of each text, and the squared length of its words, float32 [texts + 1].
    """
    count = len(table.offsets) - 1
    lengths = np.diff(table.offsets)
    text_of = np.repeat(np.arange(count), lengths)
    empty = np.flatnonzero(lengths == 0)
    alone = np.append(empty, count)
    marks = np.append(np.full(len(empty), markers + 1), markers)
    texts = np.concatenate([text_of, sequences[0], alone])
    order = np.argsort(texts, kind="stable")
    items = np.concatenate([ids[table.codes], sequences[1], marks.astype(np.int32)])[order]
    of_items = np.concatenate([weights[table.codes], sequences[2], np.ones(len(alone), np.float32)])[order]
    offsets = np.concatenate(([0], np.cumsum(np.bincount(texts, minlength=count + 1))))
    squares = np.bincount(text_of, weights=weights[table.codes] ** 2, minlength=count + 1).astype(np.float32)
    squares[alone] = 1
    return Ragged(items, offsets, markers + _MARKERS, of_items, index), squares


@dataclass
class WordsAndBags(Process):
    """Keys of all processes that make words, and bags beside them.

    Attributes:
        ngrams: False leaves the bags out.
        word_ngrams: longest sequence of words in the bags.
        char_ngrams_min: shortest n-gram of characters in the bags.
        char_ngrams_max: longest n-gram of characters in the bags; 0 for none.
        min_ngram_count: training rows that must hold a word or a sequence of words, and occurrences of an n-gram of
            characters.
        max_ngrams: words and sequences kept at most of each field, and n-grams of characters, the most frequent ones.
    """

    blocks: ClassVar[frozenset[str]] = frozenset({"words", "bag"})

    ngrams: bool = True
    word_ngrams: Positive = 2
    char_ngrams_min: Positive = 2
    char_ngrams_max: Natural = 5
    min_ngram_count: Positive = 1
    max_ngrams: Positive = 500_000

    def __post_init__(self) -> None:
        self.bags_ = NgramBags(
            word_ngrams=self.word_ngrams,
            char_ngrams_min=self.char_ngrams_min,
            char_ngrams_max=self.char_ngrams_max,
            min_count=self.min_ngram_count,
            max_size=self.max_ngrams,
        )

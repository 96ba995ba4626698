"""Bags of n-grams, which `tokens` and `subword` make.

An n-gram belongs to a word, not to a text. So a text is a list of items, which are the words of its field and their
sequences, and each item is taken apart once: into itself, which has a number in its field, and the n-grams of
characters of the word, which all fields share (as in fastText: Bojanowski et al. 2017, "Enriching Word Vectors with
Subword Information"). Nothing of the size texts x n-grams ever exists.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from libelle import shards
from libelle.components import Natural, Positive
from libelle.data.words import WordTable
from libelle.features import Bags, Floats, Ints, Items, Stack
from libelle.memory import require_memory
from libelle.processes.base import Process
from libelle.processes.field_texts import FieldTexts
from libelle.processes.holders import Holders
from libelle.processes.items import assemble
from libelle.processes.ngrams import (
    NGRAM_BYTES,
    Hashes,
    NgramVocabulary,
    characters_of_words,
    check_lengths,
    count_characters,
    count_rows,
    field_keys,
    inverse_frequency,
    word_keys,
    word_ngrams,
)

#: Items of each field that stand for a missing and for an empty text.
_MARKERS = 2
_FILE = "ngrams.safetensors"
#: Up to this many characters, rows are encoded without checking memory first: the check would take longer.
_MANY = 1 << 18
#: Words that are taken apart at once.
_WORDS = 1 << 13


@dataclass
class NgramBags:
    """Words and their sequences, weighted by inverse document frequency, and the n-grams of characters in the words.

    Attributes:
        word_ngrams: longest sequence of words.
        char_ngrams_min: shortest n-gram of characters within words.
        char_ngrams_max: longest n-gram of characters within words; 0 for none.
        min_count: training rows that must hold an item, and occurrences of a n-gram of characters.
        min_records: training records that must hold either; each counts once.
        max_size: items kept at most of each field, and n-grams of characters, the most frequent ones.
    """

    word_ngrams: int
    char_ngrams_min: int
    char_ngrams_max: int
    min_count: int
    min_records: int
    max_size: int

    def __post_init__(self) -> None:
        check_lengths(self.char_ngrams_min, self.char_ngrams_max)

    def fit(self, texts: FieldTexts, words: Sequence[str], holders: Holders) -> Self:
        """Keep the items and n-grams of the training rows.

        Args:
            texts: those of the training rows.
            words: those that the process keeps as texts, too. They are taken apart now, and all others as they come: a
                saved process does not tell the n-grams of a word that it does not hold.
            holders: the records of each word, as to `min_records`.
        """
        self.keys_ = field_keys(len(texts.names))
        distinct, frequency, fields = self._count_items(texts)
        kept = np.ones(len(distinct), dtype=bool)
        for field in np.flatnonzero(np.bincount(fields, minlength=1) > self.max_size):
            own = np.flatnonzero(fields == field)
            kept[own[np.argsort(-frequency[own], kind="stable")[self.max_size :]]] = False
        rows = np.bincount(texts.fields, weights=texts.counts, minlength=len(texts.names))
        self.items_ = NgramVocabulary(distinct[kept], inverse_frequency(rows[fields[kept]], frequency[kept]))
        #: What a word outside the vocabulary would weigh, had it been in no row: one number for each field.
        self.unseen_ = inverse_frequency(rows, 0)
        distinct, frequency = self._count_characters(texts, holders)
        total = int(texts.word_counts.sum())
        self.characters_ = NgramVocabulary.of_frequent(distinct, frequency, total, self.min_count, self.max_size)
        return self._know(words)

    def _count_items(self, texts: FieldTexts) -> tuple[Hashes, Ints, Ints]:
        """The items that enough rows hold: their hashes, sorted, the rows, and the field of each."""
        hashes, owners = word_ngrams(texts.table, self.word_ngrams)
        for part in shards.shards(len(hashes)):
            hashes[part] ^= self.keys_[texts.fields[owners[part]]]
        found = []
        for places in shards.spread(hashes):
            own = owners[places]
            distinct, frequency, order, starts = count_rows(hashes[places], own, texts.counts)
            kept = frequency >= max(self.min_count, self.min_records)
            found.append((distinct[kept], frequency[kept], texts.fields[own[order[starts[kept]]]]))
        distinct, frequency, fields = _joined(found)
        return distinct, frequency, fields

    def _count_characters(self, texts: FieldTexts, holders: Holders) -> tuple[Hashes, Ints]:
        """The n-grams of characters that enough records hold: their hashes, sorted, and their occurrences."""
        counts = texts.word_counts
        seen = np.flatnonzero(counts)
        spelled = [texts.table.words[word] for word in seen.tolist()]
        self._require_room(spelled)
        hashes, owners = self._characters(spelled)
        found = []
        for places in shards.spread(hashes):
            own = owners[places]
            distinct, frequency, order, starts = count_rows(hashes[places], own, counts[seen])
            parts = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(order)))
            kept = holders.hold(parts, seen[own[order]], len(starts)) & (frequency >= self.min_count)
            found.append((distinct[kept], frequency[kept]))
        distinct, frequency = _joined(found)
        return distinct, frequency

    def transform(self, texts: FieldTexts) -> Bags:
        """Encode the rows of all fields."""
        table, fields = texts.table, len(texts.names)
        lengths = np.diff(table.offsets)
        text_of = np.repeat(np.arange(len(lengths)), lengths)
        # Each distinct word of each field is looked up once.
        places = texts.fields[text_of] * len(table.words) + table.codes
        there = np.zeros(fields * len(table.words), dtype=bool)
        there[places] = True
        distinct = np.flatnonzero(there)
        field_of, word_of = distinct // max(len(table.words), 1), distinct % max(len(table.words), 1)
        own, idf = self.items_.look_up(word_keys(table)[word_of] ^ self.keys_[field_of], self.unseen_[field_of])
        ids = np.where((own >= 0) & self.spelled_[own], own, -1)
        new = np.flatnonzero(ids < 0)
        ids[new] = np.arange(len(self.known_), len(self.known_) + len(new))
        spelled, owners = np.unique(word_of[new], return_inverse=True)
        extra = assemble(own[new], owners, self._spell([table.words[word] for word in spelled.tolist()]))
        item_of, weight_of = np.empty(len(there), np.int32), np.empty(len(there), np.float32)
        item_of[distinct], weight_of[distinct] = ids, idf
        weights = weight_of[places]
        squares = np.bincount(text_of, weights=weights**2, minlength=len(lengths)).astype(np.float32)
        alone = np.flatnonzero(lengths == 0)
        squares[alone] = 1
        marks = len(self.items_) + _MARKERS * texts.fields[alone] + ~texts.missing[alone]
        parts: list[tuple[Ints, npt.NDArray[np.int32], Floats]] = [
            (text_of, item_of[places], weights),
            (alone, marks.astype(np.int32), np.ones(len(alone), np.float32)),
        ]
        if self.word_ngrams > 1:
            parts.append(self._sequences(texts))
        owners, items, item_weights = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        order = np.argsort(owners, kind="stable")
        offsets = np.concatenate(([0], np.cumsum(np.bincount(owners, minlength=len(lengths)))))
        stack = Stack(
            texts.names,
            items[order],
            offsets,
            len(self.known_),
            item_weights[order],
            texts.index,
        )
        return Bags(stack, squares, self.known_, extra, self.size)

    def _sequences(self, texts: FieldTexts) -> tuple[Ints, npt.NDArray[np.int32], Floats]:
        """The sequences of words that are kept: the text, the item and the weight of each."""
        hashes, owners = word_ngrams(texts.table, self.word_ngrams, shortest=2)
        found = self.items_.find(hashes ^ self.keys_[texts.fields[owners]])
        kept = np.flatnonzero(found >= 0)
        items = found[kept]
        return owners[kept], items.astype(np.int32), self.items_.idf[items]

    @property
    def size(self) -> int:
        """Number of parts: items, and n-grams of characters after them."""
        return len(self.known_) + len(self.characters_)

    def save(self, folder: Path) -> None:
        """Write `ngrams.safetensors`; fields are numbered, for a name may hold any character."""
        arrays: dict[str, npt.NDArray[np.generic]] = {"unseen": self.unseen_}
        for name, vocabulary in (("items", self.items_), ("characters", self.characters_)):
            arrays[f"{name}.hashes"], arrays[f"{name}.idf"] = vocabulary.hashes, vocabulary.idf
        save_file(arrays, folder / _FILE)

    def load(self, folder: Path, words: Sequence[str]) -> Self:
        """Read back what `save` wrote; `words` are those of `fit`."""
        arrays = load_file(folder / _FILE)
        self.unseen_ = arrays["unseen"]
        self.keys_ = field_keys(len(self.unseen_))
        self.items_, self.characters_ = (
            NgramVocabulary(arrays[f"{name}.hashes"], arrays[f"{name}.idf"]) for name in ("items", "characters")
        )
        return self._know(words)

    def _know(self, words: Sequence[str]) -> Self:
        """Number the items, and take the given words apart."""
        owners = np.full(len(self.items_) + _MARKERS * len(self.unseen_), -1, dtype=np.int64)
        keys = word_keys(WordTable.of_words(words))
        for key in self.keys_:
            places = self.items_.find(keys ^ key)
            found = np.flatnonzero(places >= 0)
            owners[places[found]] = found
        self.spelled_ = owners >= 0
        # N-grams of characters have the numbers after those of the items.
        self.first_character_ = len(owners)
        self.known_ = assemble(np.arange(len(owners)), owners, self._spell(words))
        return self

    def _characters(self, words: Sequence[str]) -> tuple[npt.NDArray[np.uint64], Ints]:
        if not self.char_ngrams_max:
            return np.empty(0, np.uint64), np.empty(0, np.int64)
        return characters_of_words(words, self.char_ngrams_min, self.char_ngrams_max)

    def _require_room(self, words: Sequence[str]) -> None:
        count = count_characters(words, self.char_ngrams_min, self.char_ngrams_max) if self.char_ngrams_max else 0
        require_memory(
            NGRAM_BYTES * count // shards.count(count),
            f"process: counting {count:,} n-grams of characters",
            "lower process.char_ngrams_max, or set it to 0 for none",
        )

    def _spell(self, words: Sequence[str]) -> Items:
        """The n-grams of characters of each word, as far as they are kept; the weights of a word are of length 1."""
        if sum(map(len, words)) > _MANY:
            self._require_room(words)
        found = [
            self._spell_some(words[start : start + _WORDS], start) for start in range(0, max(len(words), 1), _WORDS)
        ]
        places, owners = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        weights = self.characters_.idf[places]
        lengths = np.sqrt(np.bincount(owners, weights=weights**2, minlength=len(words)))
        offsets = np.concatenate(([0], np.cumsum(np.bincount(owners, minlength=len(words)))))
        parts = (places + self.first_character_).astype(np.int32)
        return Items(parts, offsets, (weights / lengths[owners]).astype(np.float32))

    def _spell_some(self, words: Sequence[str], first: int) -> tuple[Ints, Ints]:
        """The n-grams of characters that are kept, by word, and each one's word, counted from `first` on."""
        hashes, owners = self._characters(words)
        places = self.characters_.find(hashes)
        kept = np.flatnonzero(places >= 0)
        kept = kept[np.argsort(owners[kept], kind="stable")]
        return places[kept], owners[kept] + first


def _joined(parts: Sequence[tuple[npt.NDArray[Any], ...]]) -> Any:
    """The arrays of all parts, each one after the other."""
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


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
        min_records: training records that must hold whatever is kept: a word, a sequence of words in its field, an
            n-gram of characters; a record that says it twice counts once (docs/personal-data.md).
    """

    blocks: ClassVar[frozenset[str]] = frozenset({"words", "bag"})

    ngrams: bool = True
    word_ngrams: Positive = 2
    char_ngrams_min: Positive = 2
    char_ngrams_max: Natural = 5
    min_ngram_count: Positive = 1
    max_ngrams: Positive = 500_000
    min_records: Positive = 2

    def __post_init__(self) -> None:
        self.bags_ = NgramBags(
            word_ngrams=self.word_ngrams,
            char_ngrams_min=self.char_ngrams_min,
            char_ngrams_max=self.char_ngrams_max,
            min_count=self.min_ngram_count,
            min_records=self.min_records,
            max_size=self.max_ngrams,
        )

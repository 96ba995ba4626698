"""Texts as sequences of words, and their hashes."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from libelle.data.distinct import number_by_place
from libelle.data.stored_tables import as_arrow

#: Words whose hashes are kept from one call to the next, and the characters that such a word may have.
_KEPT_WORDS, _KEPT_LENGTH = 1 << 18, 64
#: Texts up to which Python splits them faster than Arrow.
_FEW_TEXTS = 256
_BLANK = ord(" ")
#: The hash of nothing yet: a copy takes half the time of a new one.
_HASH = hashlib.blake2b(digest_size=8)


@dataclass(frozen=True)
class WordTable:
    """Texts as sequences of words.

    Attributes:
        words: the distinct words.
        codes: int64 [items], each text's words one after the other, as positions in `words`.
        offsets: int64 [texts + 1], where each text's words begin.
    """

    words: list[str]
    codes: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def split(cls, texts: Sequence[str]) -> "WordTable":
        """Split texts at white space."""
        if len(texts) <= _FEW_TEXTS or _end_in_space(texts):
            return cls._split_few(texts)
        try:
            array = as_arrow(texts)
        except UnicodeEncodeError:  # a lone surrogate, which Arrow does not hold
            return cls._split_few(texts)
        found = (pc.ascii_split_whitespace if _is_plain(array) else pc.utf8_split_whitespace)(array)
        coded = found.values.dictionary_encode()
        words, codes, ends = coded.dictionary.to_pylist(), coded.indices.to_numpy(), found.offsets.to_numpy()
        # Arrow's white space is Python's, but it has empty words at the ends of texts, and of empty ones.
        if "" in words:
            empty = words.index("")
            del words[empty]
            kept = codes != empty
            ends = np.concatenate(([0], np.cumsum(kept)))[ends]
            codes = codes[kept] - (codes[kept] > empty)
        return cls(words, codes.astype(np.int64), ends.astype(np.int64))

    @classmethod
    def _split_few(cls, texts: Sequence[str]) -> "WordTable":
        seen: defaultdict[str, int] = defaultdict()
        seen.default_factory = seen.__len__  # a word that is met for the first time gets the next number
        codes: list[int] = []
        ends = [0]
        for text in texts:
            codes.extend(map(seen.__getitem__, text.split()))
            ends.append(len(codes))
        return cls(list(seen), np.array(codes, dtype=np.int64), np.array(ends, dtype=np.int64))

    @classmethod
    def join(cls, tables: Sequence["WordTable"]) -> "WordTable":
        """The texts of some tables one after the other, as `split` makes them of the texts."""
        seen: defaultdict[str, int] = defaultdict()
        seen.default_factory = seen.__len__
        codes, lengths = [], []
        for table in tables:
            numbers = np.fromiter(map(seen.__getitem__, table.words), np.int64, len(table.words))
            codes.append(numbers[table.codes])
            lengths.append(np.diff(table.offsets))
        return cls(list(seen), np.concatenate(codes), np.cumsum(np.concatenate([np.zeros(1, np.int64), *lengths])))

    def take(self, texts: npt.NDArray[np.int64]) -> "WordTable":
        """The given texts, in the given order, and their words alone, as `split` makes them of the texts."""
        lengths = np.diff(self.offsets)[texts]
        offsets = np.cumsum(np.append(np.zeros(1, np.int64), lengths))
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[texts] - offsets[:-1], lengths)
        used, codes = number_by_place(self.codes[places], len(self.words))
        return WordTable([self.words[word] for word in used.tolist()], codes, offsets)

    @classmethod
    def of_words(cls, words: Sequence[str]) -> "WordTable":
        """One text for each of some distinct words."""
        return cls(list(words), np.arange(len(words)), np.arange(len(words) + 1))

    @cached_property
    def hashes(self) -> npt.NDArray[np.uint64]:
        """A hash of each distinct word, uint64 [words]; that of a sequence of words is made of them."""
        short = max(map(len, self.words), default=0) <= _KEPT_LENGTH
        return np.fromiter(map(_known_hash if short else _hash_word, self.words), np.uint64, len(self.words))


def _end_in_space(texts: Sequence[str]) -> bool:
    """Whether white space is the last character of all: Arrow reads on there, and splits by what follows in memory."""
    return next((text for text in reversed(texts) if text), "")[-1:].isspace()


def _is_plain(texts: pa.Array) -> bool:
    """Whether all are of ASCII from the blank on, which alone of it is white space to whoever splits."""
    *_, letters = texts.buffers()
    codes = np.frombuffer(letters or b"", np.uint8)
    return bool(codes.max(initial=0) < 128 and codes.min(initial=_BLANK) >= _BLANK)


def mix(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Spread the bits, so that hashes that differ little end far apart (the finalizer of splitmix64)."""
    mixed = hashes ^ (hashes >> np.uint64(30))
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def _hash_word(word: str) -> int:
    return _known_hash(word) if len(word) <= _KEPT_LENGTH else _compute_hash(word)


def _compute_hash(word: str) -> int:
    digest = _HASH.copy()
    digest.update(word.encode("utf-8", "surrogatepass"))
    return int.from_bytes(digest.digest(), "little")


_known_hash = lru_cache(_KEPT_WORDS)(_compute_hash)

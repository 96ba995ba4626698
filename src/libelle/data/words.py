"""Texts as sequences of words."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt


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
    def split(cls, texts: list[str]) -> "WordTable":
        """Split texts at white space."""
        seen: dict[str, int] = {}
        codes: list[int] = []
        ends = [0]
        for text in texts:
            codes.extend(seen.setdefault(word, len(seen)) for word in text.split())
            ends.append(len(codes))
        return cls(list(seen), np.array(codes, dtype=np.int64), np.array(ends, dtype=np.int64))

    @classmethod
    def of_words(cls, words: Sequence[str]) -> "WordTable":
        """One text for each of some distinct words."""
        return cls(list(words), np.arange(len(words)), np.arange(len(words) + 1))

    @cached_property
    def hashes(self) -> npt.NDArray[np.uint64]:
        """A hash of each distinct word, uint64 [words]; that of a sequence of words is made of them."""
        return np.array([_hash_word(word) for word in self.words], dtype=np.uint64)


def _hash_word(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")

"""Which records a model has learnt from, as far as a page may tell: a bitmap of their hashes, and no record's own.

The hash of a record sets one bit of about two for each distinct record, so that some 40 % of all bits are set: how many
of a file's records were learnt from can be estimated, and of a single record that somebody guesses nobody can say so,
because one unknown record in two or three finds its bit set, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from libelle import shards
from libelle.data.columns import Columns, count_rows
from libelle.data.distinct import distinct_numbers
from libelle.data.words import mix

#: Bits of the bitmap for each distinct record; and bits of the whole at least, and at most (8 MB).
BITS_A_RECORD, FEWEST_BITS, MOST_BITS = 2, 64, 1 << 26

Bits = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class TrainingRecords:
    """A bitmap of the cleaned training records, fields in their order.

    Attributes:
        bits: packed, uint8.
        size: number of bits.
        found: validation and test records whose bit is set.
    """

    bits: Bits
    size: int
    found: int = 0

    @classmethod
    def of(cls, cleaned: Columns, train: npt.NDArray[np.bool_]) -> Self:
        """Learn the training records, and count the others.

        Args:
            cleaned: all records.
            train: bool [records], which of them are for training.
        """
        hashes = _hashes(cleaned)
        distinct = distinct_numbers(hashes[train])
        size = int(np.clip(BITS_A_RECORD * len(distinct), FEWEST_BITS, MOST_BITS))
        bits = np.zeros(size, dtype=np.uint8)
        bits[distinct % np.uint64(size)] = 1
        learnt = cls(np.packbits(bits), size)
        return replace(learnt, found=learnt._count(hashes[~train]))

    def count(self, cleaned: Columns) -> int:
        """How many records find their bit set; by chance alone, `chance` of them do."""
        return self._count(_hashes(cleaned))

    @property
    def chance(self) -> float:
        """Share of the bits that are set."""
        return int(np.unpackbits(self.bits, count=self.size).sum()) / self.size

    def _count(self, hashes: npt.NDArray[np.uint64]) -> int:
        places = (hashes % np.uint64(self.size)).astype(np.int64)
        return int((self.bits[places >> 3] >> (7 - (places & 7)).astype(np.uint8) & 1).sum())


def _hashes(cleaned: Columns) -> npt.NDArray[np.uint64]:
    """A hash of each record's texts, uint64 [records]; the same in any table."""
    keys = shards.computed(count_rows(cleaned), np.uint64, lambda part: 0)
    for column in cleaned.values():
        # pandas' SipHash with its default key gives the same everywhere; a missing text is 0.
        hashes = np.append(_hash(column.texts), np.uint64(0))
        for part in shards.shards(len(keys)):
            keys[part] = mix((keys[part] + hashes[column.index[part]]) * np.uint64(0x9E3779B97F4A7C15))
    return keys


def _hash(texts: Sequence[str]) -> npt.NDArray[np.uint64]:
    """A hash of each text, uint64 [texts], shard by shard."""
    hashes = np.empty(len(texts), np.uint64)
    for part in shards.shards(len(texts)):
        some = np.array(texts[part], dtype=object)
        hashes[part] = pd.util.hash_array(some, categorize=False) if len(some) else 0
    return hashes

"""Fields by their distinct texts, since columns of forms repeat a lot, and the words that stand in them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from libelle.data.tables import distinct_texts
from libelle.features import Ints
from libelle.files import read_json, write_json
from libelle.processes.ngrams import WordTable

#: Name of all fields joined.
FUSED = "<all fields>"


@dataclass(frozen=True)
class Column:
    """A field's distinct texts.

    Attributes:
        texts: each text once, in the order of its first row.
        index: int64 [rows], the text of each row; `len(texts)` where it is missing.
    """

    texts: list[str]
    index: npt.NDArray[np.int64]

    @classmethod
    def of(cls, column: pd.Series) -> "Column":
        """Find a column's distinct texts."""
        texts, codes = distinct_texts(column)
        return cls(texts, np.where(codes < 0, len(texts), codes))

    @cached_property
    def words(self) -> WordTable:
        """The texts, split into words."""
        return WordTable.split(self.texts)

    @cached_property
    def counts(self) -> Ints:
        """Rows that hold each text, int64 [texts]."""
        return np.bincount(self.index, minlength=len(self.texts) + 1)[:-1]


def fuse(table: pd.DataFrame) -> pd.Series:
    """Each record's texts joined by blanks; what is missing adds nothing."""
    joined, *others = (column.fillna("") for _, column in table.items())
    for column in others:
        joined = joined.str.cat(column, sep=" ")
    return joined


def word_counts(column: Column) -> Ints:
    """How often each distinct word stands in the rows of a column, int64 [words]."""
    split = column.words
    times = np.repeat(column.counts, np.diff(split.offsets))
    return np.bincount(split.codes, weights=times, minlength=len(split.words)).astype(np.int64)


def frequent_words(columns: Iterable[Column], min_count: int) -> list[str]:
    """The words that stand at least `min_count` times in the rows of some columns, the most frequent first."""
    counts: dict[str, int] = {}
    for column in columns:
        for word, count in zip(column.words.words, word_counts(column).tolist(), strict=True):
            counts[word] = counts.get(word, 0) + count
    return sorted(
        (word for word, count in counts.items() if count >= min_count), key=lambda word: (-counts[word], word)
    )


def save_words(folder: Path, fields: Sequence[str], words: Sequence[str]) -> None:
    """Write `words.json`: the names of the fields, and the words that a process knows, in order."""
    about = {"fields": fields, "words": words}
    write_json(folder / "words.json", about)


def load_words(folder: Path) -> tuple[list[str], list[str]]:
    """Read back what `save_words` wrote: fields and words."""
    about = read_json(folder / "words.json")
    return about["fields"], about["words"]

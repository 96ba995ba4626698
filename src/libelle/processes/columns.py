"""The words that stand in columns, and all fields joined."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from libelle.data.columns import Column
from libelle.features import Ints
from libelle.files import read_json, write_json

#: Name of all fields joined.
FUSED = "<all fields>"


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

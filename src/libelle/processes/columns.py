"""All fields joined, and the words that a process keeps."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from libelle.files import LARGEST_WORDS, read_json, write_json

#: Name of all fields joined.
FUSED = "<all fields>"


def fuse(table: pd.DataFrame) -> pd.Series:
    """Each record's texts joined by blanks; what is missing adds nothing."""
    joined, *others = (column.fillna("") for _, column in table.items())
    for column in others:
        joined = joined.str.cat(column, sep=" ")
    return joined


def save_words(folder: Path, fields: Sequence[str], words: Sequence[str]) -> None:
    """Write `words.json`: the names of the fields, and the words that a process knows, in order."""
    about = {"fields": fields, "words": words}
    write_json(folder / "words.json", about)


def load_words(folder: Path) -> tuple[list[str], list[str]]:
    """Read back what `save_words` wrote: fields and words."""
    about = read_json(folder / "words.json", LARGEST_WORDS)
    return about["fields"], about["words"]

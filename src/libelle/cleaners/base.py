"""The contract of a cleaner, and how cleaners are applied to a table."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import pandas as pd

from libelle.components import Component
from libelle.data.columns import Column, Columns, from_frame, to_frame


class Cleaner(Component, ABC):
    """Text in, text out; each text on its own.

    A subclass is a dataclass whose fields are its config keys. Cleaners may be listed in any order: those of libelle
    commute, so that `[accents, stopwords]` and `[stopwords, accents]` give the same texts.
    """

    conf_group = "cleaner"

    @abstractmethod
    def clean(self, texts: pd.Series) -> pd.Series:
        """Clean each text: same length, order and index; missing stays missing, an emptied text is `""`."""


class TextCleaner(Cleaner):
    """A cleaner that says what becomes of one text: several of them in a row cost no Series in between."""

    @abstractmethod
    def clean_text(self, text: str) -> str:
        """Clean one text."""

    def clean(self, texts: pd.Series) -> pd.Series:
        """Clean each text."""
        return texts.map(self.clean_text, na_action="ignore")


def clean_table(table: pd.DataFrame, cleaners: Iterable[Cleaner]) -> pd.DataFrame:
    """Apply the cleaners to every column of strings."""
    cleaners = list(cleaners)
    return to_frame(clean_columns(from_frame(table), cleaners), table.index) if cleaners else table


def clean_columns(columns: Columns, cleaners: Iterable[Cleaner]) -> dict[str, Column]:
    """Apply the cleaners to the distinct texts of every column: real columns repeat a lot."""
    cleaners = list(cleaners)
    return {name: column.replace(_clean(column.texts, cleaners)) for name, column in columns.items()}


def _clean(texts: list[str], cleaners: Iterable[Cleaner]) -> list[str]:
    for cleaner in cleaners:
        if isinstance(cleaner, TextCleaner):
            texts = [cleaner.clean_text(text) for text in texts]
        else:
            texts = cleaner.clean(pd.Series(texts, dtype="str")).tolist()
    return texts

"""The contract of a cleaner, and how cleaners are applied to a table."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np
import pandas as pd

from libelle.components import Component
from libelle.data.tables import distinct_texts


class Cleaner(Component, ABC):
    """Text in, text out; each text on its own.

    A subclass is a dataclass whose fields are its config keys. Cleaners may be listed in any order: those of libelle
    commute, so that `[accents, stopwords]` and `[stopwords, accents]` give the same texts.
    """

    @abstractmethod
    def clean(self, texts: pd.Series) -> pd.Series:
        """Clean each text: same length, order and index; missing stays missing, an emptied text is `""`."""


class TextCleaner(Cleaner):
    """A cleaner that is said by what it makes of one text, which is faster than a series of them."""

    @abstractmethod
    def clean_text(self, text: str) -> str:
        """Clean one text."""

    def clean(self, texts: pd.Series) -> pd.Series:
        """Clean each text."""
        return texts.map(self.clean_text, na_action="ignore")


def clean_table(table: pd.DataFrame, cleaners: Iterable[Cleaner]) -> pd.DataFrame:
    """Apply the cleaners to every column of strings, working on the distinct values: real columns repeat a lot."""
    cleaners = list(cleaners)
    if not cleaners:
        return table
    return pd.DataFrame({name: _clean_column(column, cleaners) for name, column in table.items()}, index=table.index)


def _clean_column(column: pd.Series, cleaners: Iterable[Cleaner]) -> pd.Series:
    distinct, codes = distinct_texts(column)
    texts = distinct
    for cleaner in cleaners:
        if isinstance(cleaner, TextCleaner):
            texts = [cleaner.clean_text(text) for text in texts]
        else:
            texts = cleaner.clean(pd.Series(texts, dtype="str")).tolist()
    cleaned = np.array([*texts, None], dtype=object)  # the last one answers for missing values
    return pd.Series(cleaned[codes], index=column.index, dtype="str")

"""The contract of a cleaner, and how cleaners are applied to a table."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import pandas as pd

from libelle.components import Component


class Cleaner(Component, ABC):
    """Text in, text out; each text on its own.

    A subclass is a dataclass whose fields are its config keys. Cleaners may be listed in any order: those of libelle
    commute, so that `[accents, stopwords]` and `[stopwords, accents]` give the same texts.
    """

    conf_group = "cleaner"

    @abstractmethod
    def clean(self, texts: pd.Series) -> pd.Series:
        """Clean each text: same length, order and index; missing stays missing, an emptied text is `""`."""


def clean_table(table: pd.DataFrame, cleaners: Iterable[Cleaner]) -> pd.DataFrame:
    """Apply the cleaners to every column of strings, working on the distinct values: real columns repeat a lot."""
    cleaners = list(cleaners)
    if not cleaners:
        return table
    return pd.DataFrame({name: _clean_column(column, cleaners) for name, column in table.items()}, index=table.index)


def _clean_column(column: pd.Series, cleaners: Iterable[Cleaner]) -> pd.Series:
    codes, distinct = pd.factorize(column)
    texts = pd.Series(distinct, dtype="str")
    for cleaner in cleaners:
        texts = cleaner.clean(texts)
    # A missing value has the code -1.
    return pd.Series(texts.array.take(codes, allow_fill=True), index=column.index)

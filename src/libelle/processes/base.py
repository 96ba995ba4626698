"""The contract of a process."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

import pandas as pd

from libelle.components import Component
from libelle.data.columns import Columns, to_frame
from libelle.features import Features
from libelle.stores.base import Store


class Process(Component, ABC):
    """Feature engineering: cleaned text in, features out.

    A subclass is a dataclass whose fields are its config keys; what `fit` learns is kept in attributes that end with an
    underscore, as in scikit-learn, and written by `save`.
    """

    conf_group = "process"

    #: Names of the feature blocks that `transform` makes.
    blocks: ClassVar[frozenset[str]]
    #: The settings that make its features smaller, for the message when they, or a model of them, do not fit.
    remedy: ClassVar[str] = "choose another process"
    #: Whether no value of its matrices is below zero.
    non_negative: ClassVar[bool] = False
    #: Feature block → the option to propose to whoever needs the block; a variant of the class may be one.
    proposed: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        """A class that defines `fit` or `transform` alone is asked by these, whatever it derives from.

        The other way round, `fit` and `transform` of libelle's own classes name the class whose columns they ask, so
        that a class that extends them can call them.
        """
        super().__init_subclass__()
        for by_table, by_columns in (("fit", "fit_columns"), ("transform", "transform_columns")):
            if by_table in vars(cls) and by_columns not in vars(cls):
                setattr(cls, by_columns, vars(Process)[by_columns])

    def prepare(self, store: Store) -> None:
        """Get what `fit` needs from outside, before any data is read; most processes need nothing.

        Args:
            store: where the run will be kept.

        Raises:
            UserError: when it cannot be had.
        """

    @abstractmethod
    def fit(self, table: pd.DataFrame, target: pd.Series) -> Self:
        """Learn from the training rows.

        Args:
            table: cleaned texts, one `str` column a field; missing where missing.
            target: the label of each row, `str`. Most processes have no use for it.
        """

    @abstractmethod
    def transform(self, table: pd.DataFrame) -> Features:
        """Encode rows with the same fields as those of `fit`; pure and thread-safe."""

    def fit_columns(self, columns: Columns, target: pd.Series) -> Self:
        """As `fit`, of columns by their distinct texts; a process that works on these defines it, and `fit` by it."""
        return self.fit(to_frame(columns, target.index), target)

    def transform_columns(self, columns: Columns) -> Features:
        """As `transform`, of columns by their distinct texts; otherwise as `fit_columns`."""
        return self.transform(to_frame(columns))

    def fewest_records(self) -> float | None:
        """How many training records hold each word and n-gram that it keeps, at least.

        Returns:
            Infinity where it keeps none; None where the class does not say, as it has no key `min_records`.
        """
        return getattr(self, "min_records", None)

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what was learnt into an existing folder, without pickle."""

    @abstractmethod
    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote."""

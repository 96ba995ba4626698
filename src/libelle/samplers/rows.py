"""Samplers: which training rows a model sees, and how often."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from libelle.components import Component, PositiveShare
from libelle.features import Dataset


class Sampler(Component, ABC):
    """Changes the training rows; validation and test rows are never sampled. Class weights belong to the loss."""

    conf_group = "sampler"

    #: Feature blocks that the sampler cannot do without.
    needs: ClassVar[frozenset[str]] = frozenset()
    #: Whether it makes rows that are no records, and so have no weight.
    synthetic: ClassVar[bool] = False

    def check(self) -> None:
        """Raise `UserError` where a library that `sample` needs is missing. Called before any data is read."""

    @abstractmethod
    def sample(self, train: Dataset, seed: int) -> Dataset:
        """Return the rows that the model sees."""


@dataclass
class Oversample(Sampler):
    """Repeat rows of the smaller classes.

    Attributes:
        ratio: each class gets at least this share of the rows of the largest one.
    """

    conf_name = "oversample"

    ratio: PositiveShare = 1.0

    def sample(self, train: Dataset, seed: int) -> Dataset:
        """Keep every row, and draw with replacement what the smaller classes lack."""
        generator = np.random.default_rng(seed)
        classes, counts = np.unique(train.targets, return_counts=True)
        wanted = int(np.ceil(self.ratio * counts.max()))
        drawn = [
            generator.choice(np.flatnonzero(train.targets == label), size=max(wanted - count, 0))
            for label, count in zip(classes, counts, strict=True)
        ]
        return train.take(np.concatenate([np.arange(len(train)), *drawn]))


@dataclass
class Undersample(Sampler):
    """Leave out rows of the larger classes.

    Attributes:
        ratio: the smallest class has at least this share of the rows of any other.
    """

    conf_name = "undersample"

    ratio: PositiveShare = 1.0

    def sample(self, train: Dataset, seed: int) -> Dataset:
        """Draw without replacement as many rows of each class as the smallest one allows."""
        generator = np.random.default_rng(seed)
        classes, counts = np.unique(train.targets, return_counts=True)
        most = int(counts.min() / self.ratio)
        kept: list[npt.NDArray[np.int64]] = []
        for label, count in zip(classes, counts, strict=True):
            rows = np.flatnonzero(train.targets == label)
            kept.append(rows if count <= most else generator.choice(rows, size=most, replace=False))
        return train.take(np.sort(np.concatenate(kept)))

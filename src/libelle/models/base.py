"""The contract of a model."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from libelle.components import Component
from libelle.data.records import Records
from libelle.features import Dataset, Doubles, Features, Floats, Ints
from libelle.processes.base import Process
from libelle.stores.base import Store


@dataclass
class Training:
    """What a run lends to a model while it trains.

    Attributes:
        folder: scratch space, for the best weights so far.
        seed: of everything random.
        trainer: keyword arguments of Lightning's Trainer.
        callbacks: Lightning's callbacks, for models that Lightning trains.
        loggers: Lightning's loggers, likewise.
        checkpoints: where the state of training is kept after each epoch, and resumed from; None keeps none.
    """

    folder: Path
    seed: int = 1
    trainer: Mapping[str, Any] = field(default_factory=dict)
    callbacks: Sequence[Any] = ()
    loggers: Sequence[Any] = ()
    checkpoints: Path | None = None


def label_weights(train: Dataset, *, balanced: bool) -> Doubles:
    """What the rows of each label that has some weigh in the loss, beside their own weights, float64 [labels].

    Args:
        train: the training rows.
        balanced: whether each label weighs the same, however many rows it has, or however much they weigh.
    """
    labels, codes = np.unique(train.targets, return_inverse=True)
    if not balanced:
        return np.ones(len(labels))
    totals = np.bincount(codes, weights=train.weights)
    weights: Doubles = totals.sum() / (len(labels) * np.maximum(totals, np.finfo(np.float64).tiny))
    return weights


def row_weights(train: Dataset, *, balanced: bool) -> Doubles:
    """What each training row weighs in the loss, float64 [rows]; arguments as of `label_weights`."""
    _, codes = np.unique(train.targets, return_inverse=True)
    weights: Doubles = label_weights(train, balanced=balanced)[codes]
    return weights if train.weights is None else weights * train.weights


class Model(Component, ABC):
    """Features in, probabilities out.

    A subclass is a dataclass whose fields are its config keys; what `fit` learns is kept in attributes that end with an
    underscore and written by `save`.
    """

    conf_group = "model"

    #: Feature blocks that the model cannot do without.
    needs: ClassVar[frozenset[str]]
    #: Whether Lightning trains it, so that `trainer`, `callbacks` and `loggers` mean something.
    lightning: ClassVar[bool] = False
    #: Whether values below zero are refused.
    non_negative: ClassVar[bool] = False
    #: Whether it is among the models to try first on the blocks that it needs.
    proposed: ClassVar[bool] = False
    #: Whether its members were trained before, so that cleaners, samplers and a base mean nothing.
    ensemble: ClassVar[bool] = False
    #: What makes the features smaller, for the message when the model does not fit; `check` has it from the process.
    remedy: str = "choose a process with smaller features"

    def check(self, process: Process) -> None:
        """Raise `UserError` where the process contradicts the model, or something that `fit` needs is missing.

        Called before any data is read, or with the process of the base.
        """
        self.remedy = process.remedy

    def prepare(self, store: Store) -> None:
        """Get what `fit` needs from the store, before any work starts; most models need nothing."""

    def accept(self, records: Records) -> None:
        """Raise `UserError` where the model cannot be evaluated on these records; most models take all."""

    def fewest_records(self) -> float | None:
        """As `Process.fewest_records`; most models keep no words and n-grams."""
        return math.inf

    @abstractmethod
    def fit(self, train: Dataset, validation: Dataset, classes: int, training: Training) -> Self:
        """Learn from `train`; `validation` serves early stopping, and numbers that calibrate.

        Args:
            train: the training rows.
            validation: the validation rows.
            classes: number of labels; some may have no training row.
            training: seed, scratch space and Lightning's settings.
        """

    @abstractmethod
    def predict_proba(self, features: Features) -> Floats:
        """Return float32 [rows, classes]; each row adds up to 1. Thread-safe and deterministic."""

    def warm_up(self) -> None:
        """Compute what later calls would, once something was scored; most models have nothing of that kind."""

    @property
    def adds_up(self) -> bool:
        """Whether a record's score is that of a sum over its texts, so that these two methods are there."""
        return False

    def text_vectors(self, features: Features, fields: Ints, rows: Ints) -> Floats:
        """What each of some texts adds to its record, float32 [texts, width].

        Args:
            features: that hold the texts.
            fields: int64 [texts], the number of each text's field, in order.
            rows: int64 [texts], a row that holds it.
        """
        raise NotImplementedError

    def score_texts(self, vectors: Floats, places: Ints) -> Floats:
        """As `predict_proba`, of what texts add to their records.

        Args:
            vectors: of texts, as `text_vectors` returns them.
            places: int64 [fields, rows], the text of each field of each record.
        """
        raise NotImplementedError

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what was learnt into an existing folder, without pickle."""

    @abstractmethod
    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote."""

"""Process `raw`: texts as they are, for models that encode by themselves."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import pandas as pd

from libelle.features import Features
from libelle.processes.base import Process


@dataclass
class Raw(Process):
    """Raw texts (`texts`); nothing is learnt."""

    conf_name = "raw"
    proposed: ClassVar[Mapping[str, str]] = {"texts": "raw"}
    blocks: ClassVar[frozenset[str]] = frozenset({"texts"})

    def fit(self, table: pd.DataFrame, target: pd.Series) -> Self:
        """Learn nothing."""
        return self

    def transform(self, table: pd.DataFrame) -> Features:
        """Hand the texts on."""
        return Features(len(table), texts=table)

    def fewest_records(self) -> float:
        """Nothing is kept."""
        return math.inf

    def save(self, folder: Path) -> None:
        """Write nothing but that there is nothing."""
        (folder / "raw.json").write_text("{}", encoding="utf-8")

    def load(self, folder: Path) -> Self:
        """Read nothing."""
        return self

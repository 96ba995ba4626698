"""What a run has stored of its validation and test records, and what a threshold is about."""

from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from libelle.data.parquet_files import read_table
from libelle.data.split import TEST, VALIDATION
from libelle.evaluation.decision_rule import DecisionRule
from libelle.features import Doubles
from libelle.runs.run import Run


def predictions(run: Run) -> tuple[list[str], pd.DataFrame]:
    """A run's labels, in the order of its score columns, and its predictions: `id`, `split`, `target`, scores."""
    table = read_table(run.read("predictions.parquet"), run.key("predictions.parquet"))
    return run.read_json("data.json")["labels"], table


def titles(run: Run) -> dict[str, str]:
    """Label → title, of those labels of a run that have one."""
    found: dict[str, str] = run.read_json("data.json").get("titles", {})
    return found


def scores_of(part: pd.DataFrame, rule: DecisionRule) -> Doubles:
    """The scores of rows of `predictions`, float64 [rows, classes]."""
    return part[[f"score_{name}" for name in rule.labels]].to_numpy(dtype=np.float64)


def by_split(scored: pd.DataFrame, rule: DecisionRule) -> dict[str, "Outcomes"]:
    """What came of the validation and the test rows of `predictions`."""
    return {name: Outcomes(scored[scored["split"] == name], rule) for name in (VALIDATION, TEST)}


class Outcomes:
    """What came of some rows of `predictions` under a decision rule."""

    def __init__(self, part: pd.DataFrame, rule: DecisionRule) -> None:
        self.rule = rule
        self.scores = scores_of(part, rule)
        self.decisions = rule.decide(self.scores)
        self.decisive = rule.decisive(self.scores)
        #: Positions of the true labels, int64 [rows].
        self.targets = pd.Index(rule.labels).get_indexer(pd.Index(part["target"]))

    @cached_property
    def _right(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.decisions == self.targets)

    def of(self, label: str | None = None) -> tuple[npt.NDArray[np.bool_], Doubles]:
        """Whether each row is positive, bool [rows], and its score, float64 [rows].

        Args:
            label: multiclass: positive are the rows with this label; the score is -inf for rows decided otherwise,
                which are never coded with it. By default, positive are the rows decided correctly.
        """
        if self.rule.is_binary:
            return self.targets == 1, self.decisive
        if label is None:
            return self._right, self.decisive
        place = list(self.rule.labels).index(label)
        return self.targets == place, np.where(self.decisions == place, self.decisive, -np.inf)

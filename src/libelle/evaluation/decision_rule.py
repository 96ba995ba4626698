"""The decision rule: from a record's scores to its label, and to whether a clerk still has to look at it.

Binary: a record is positive where the score of the positive label reaches the threshold. Multiclass: its label is the
most probable one, whatever the threshold, and it is coded automatically, without a clerk, where the score of that label
reaches a threshold: one for all labels, or the label's own. A label without a threshold of its own, where others have
theirs, is never coded automatically: nobody has said which score would be enough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from libelle.data.titles import with_title
from libelle.errors import UserError
from libelle.features import Doubles, Ints
from libelle.language import threshold_text

#: The threshold of a binary rule until one is chosen: the more probable label.
DEFAULT_THRESHOLD = 0.5


def reaches(scores: npt.ArrayLike, threshold: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Whether scores reach a threshold, bool [rows]: unrounded, in double precision, equal scores included.

    Args:
        scores: [rows].
        threshold: one, or one for each row; nothing reaches NaN.
    """
    return np.asarray(np.asarray(scores, dtype=np.float64) >= np.asarray(threshold, dtype=np.float64))


@dataclass(frozen=True)
class DecisionRule:
    """How scores become decisions.

    Attributes:
        labels: in the order of the score columns; binary: the positive one is last.
        threshold: binary: of the positive label's score. Multiclass: of automatic coding, for all labels; None where no
            such threshold was chosen.
        label_thresholds: multiclass: label → its own threshold of automatic coding, None for a label that is never
            coded automatically. They count instead of `threshold`; None where no such thresholds were chosen.
    """

    labels: Sequence[str]
    threshold: float | None = None
    label_thresholds: Mapping[str, float | None] | None = None

    def __post_init__(self) -> None:
        """Raise `UserError` where a threshold is not a probability."""
        if self.is_binary and self.threshold is None:
            object.__setattr__(self, "threshold", DEFAULT_THRESHOLD)
        for threshold in (self.threshold, *(self.label_thresholds or {}).values()):
            if threshold is not None and not (isinstance(threshold, int | float) and 0 <= threshold <= 1):
                raise UserError(f"threshold={threshold} is not a probability; choose one from 0 to 1.")

    @classmethod
    def chosen(cls, labels: Sequence[str], choice: Mapping[str, Any] | None) -> "DecisionRule":
        """The rule by a choice that `libelle.evaluation.threshold.save` kept; the default where there is none."""
        if choice is None:
            return cls(labels)
        # `classes` only where each label has a threshold of its own, and then there is no value.
        return cls(labels, choice["value"], choice.get("classes"))

    @property
    def is_binary(self) -> bool:
        """Whether there are two labels, of which one is the positive one."""
        return len(self.labels) == 2

    @property
    def positive(self) -> str:
        """The positive label of a binary rule."""
        return self.labels[1]

    @property
    def limits(self) -> Doubles | None:
        """The threshold that each label's score is held against, float64 [labels].

        NaN for a label that no score is enough for; None where no threshold was chosen.
        """
        if self.label_thresholds is not None:
            return np.array([self.label_thresholds.get(label) for label in self.labels], dtype=np.float64)
        return None if self.threshold is None else np.full(len(self.labels), self.threshold, dtype=np.float64)

    def decide(self, scores: npt.NDArray[np.floating]) -> Ints:
        """Positions of the decided labels, int64 [rows].

        Args:
            scores: probabilities, [rows, classes].
        """
        if self.is_binary:
            return reaches(scores[:, 1], np.float64(self.threshold)).astype(np.int64)
        return np.asarray(scores.argmax(axis=1), dtype=np.int64)

    def decisive(self, scores: npt.NDArray[np.floating]) -> Doubles:
        """The score that a threshold is held against, float64 [rows]: binary: of the positive label; else the highest.

        Args:
            scores: probabilities, [rows, classes].
        """
        if self.is_binary:
            return np.asarray(scores[:, 1], dtype=np.float64)
        return np.asarray(scores.max(axis=1, initial=0), dtype=np.float64)

    def set_aside(self, decisions: Ints, decisive: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_] | None:
        """Whether records are set aside, bool [rows]: binary: decided as positive; multiclass: coded automatically.

        Args:
            decisions: positions of the decided labels, [rows].
            decisive: their scores, [rows], see `decisive`.

        Returns:
            None where no threshold was chosen.
        """
        limits = self.limits
        if limits is None:
            return None
        return reaches(decisive, np.float64(self.threshold) if self.is_binary else limits[decisions])

    def automatic(self, scores: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_] | None:
        """Whether records are coded automatically, bool [rows]; None for a binary rule, and without a threshold.

        Args:
            scores: probabilities, [rows, classes].
        """
        return None if self.is_binary else self.set_aside(self.decide(scores), self.decisive(scores))

    def thresholds(self, decisions: Ints) -> list[float | None]:
        """The threshold that each record's score is held against; None where no score is enough, or none was chosen.

        Args:
            decisions: positions of the decided labels, [rows].
        """
        if self.label_thresholds is None:
            return [self.threshold] * len(decisions)
        return [self.label_thresholds.get(self.labels[place]) for place in decisions]

    def with_threshold(self, threshold: float) -> "DecisionRule":
        """The same rule with another threshold.

        Raises:
            UserError: when it is not binary, or the threshold is not a probability.
        """
        if not self.is_binary:
            raise UserError(f"threshold={threshold} is for two labels, and there are {len(self.labels)}; leave it out.")
        # NumPy's floats of other widths than Python's, as quantiles of scores are, are numbers and no `float`.
        return replace(self, threshold=float(threshold) if isinstance(threshold, Real) else threshold)

    def titled(self, titles: Mapping[str, str]) -> "DecisionRule":
        """The same rule for what people read: labels with their titles, label → title, where they have one."""
        names = {label: with_title(label, titles) for label in self.labels}
        own = self.label_thresholds
        limits = None if own is None else {names[label]: own.get(label) for label in self.labels}
        return replace(self, labels=list(names.values()), label_thresholds=limits)

    def sentence(self) -> str:
        """The rule in words; empty where no threshold was chosen."""
        if self.label_thresholds is not None:
            return "coded automatically where the score reaches the label's own threshold"
        if self.threshold is None:
            return ""
        decided = f"label {self.positive}" if self.is_binary else "coded automatically"
        return f"{decided} where the score is at least {threshold_text(self.threshold)}"

"""Calibration: scores that are true shares. Fitted on validation rows after training, part of every score from then on.

Nothing here needs more than NumPy to transform, so that serving does not either.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from libelle.components import Component, build, describe
from libelle.errors import UserError
from libelle.features import Doubles, Floats, Ints

#: Probabilities are raised to this before their logarithm is taken.
_TINY = float(np.finfo(np.float32).tiny)


class Calibration(Component, ABC):
    """From a model's probabilities to calibrated ones, row by row."""

    conf_group = "calibration"

    def fit(self, probabilities: Floats, targets: Ints, weights: Doubles | None = None) -> Self:
        """Learn from rows that the model was not trained on.

        Args:
            probabilities: float32 [rows, classes].
            targets: positions of the true classes, int64 [rows].
            weights: of the rows, float64 [rows], 1 on average; None where all count the same.

        Returns:
            The calibration itself.

        Raises:
            UserError: when there are no rows.
        """
        if not len(targets):
            raise UserError(
                "calibration needs validation rows; give data.split.validation a share, or calibration=none."
            )
        if weights is not None:  # a class whose rows weigh nothing is one without rows
            counted = weights > 0
            probabilities, targets, weights = probabilities[counted], targets[counted], weights[counted]
        self._fit(probabilities.astype(np.float64), targets, weights)
        return self

    def transform(self, probabilities: Floats) -> Floats:
        """Calibrate probabilities, float32 [rows, classes]; the result has the same shape and dtype."""
        if not len(probabilities):
            return probabilities
        return self._transform(probabilities.astype(np.float64)).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """What was configured and what was learnt, as JSON values."""
        learnt = {name: value for name, value in vars(self).items() if name.endswith("_")}
        return {**describe(self), "learnt": learnt}

    @classmethod
    def from_json(cls, node: Mapping[str, Any]) -> "Calibration":
        """Build from what `to_json` gave.

        Raises:
            UserError: when it is not a calibration of libelle.
        """
        about = dict(node)
        learnt = about.pop("learnt")
        calibration = build(about, Calibration, "calibration")
        vars(calibration).update(learnt)
        return calibration

    @abstractmethod
    def _fit(self, probabilities: Doubles, targets: Ints, weights: Doubles | None) -> None: ...

    @abstractmethod
    def _transform(self, probabilities: Doubles) -> Doubles: ...


@dataclass(kw_only=True)
class Temperature(Calibration):
    """softmax(log p / T) with the T of lowest log loss (Guo et al. 2017, On Calibration of Modern Neural Networks).

    Attributes:
        temperature_: above 1 where the model is too sure of itself.
    """

    conf_name = "temperature"

    def __post_init__(self) -> None:
        self.temperature_ = 1.0

    def _fit(self, probabilities: Doubles, targets: Ints, weights: Doubles | None) -> None:
        from scipy.optimize import minimize_scalar

        rows = np.arange(len(targets))

        def loss(log_temperature: float) -> float:
            self.temperature_ = float(np.exp(log_temperature))
            return float(np.average(-self._log_softmax(probabilities)[rows, targets], weights=weights))

        loss(float(minimize_scalar(loss, bounds=(-4, 4), method="bounded", options={"xatol": 1e-8}).x))

    def _transform(self, probabilities: Doubles) -> Doubles:
        return np.asarray(np.exp(self._log_softmax(probabilities)))

    def _log_softmax(self, probabilities: Doubles) -> Doubles:
        logits = np.log(np.maximum(probabilities, _TINY)) / self.temperature_
        logits -= logits.max(axis=1, keepdims=True)
        return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))


class _OneVersusRest(Calibration):
    """Binary: calibrates the positive class. Multiclass: each class against all others, then scaled to add up to 1.

    A class without validation rows, or with all of them, keeps its scores.
    """

    curves_: list[dict[str, Any] | None]

    def _fit(self, probabilities: Doubles, targets: Ints, weights: Doubles | None) -> None:
        self.curves_ = [None] * probabilities.shape[1]
        for column in self._columns(probabilities):
            positive = targets == column
            if positive.any() and not positive.all():
                sides = _sides(probabilities, column)
                self.curves_[column] = self._fit_class(*sides, positive.astype(np.int64), weights)

    def _transform(self, probabilities: Doubles) -> Doubles:
        result = probabilities.copy()
        for column in self._columns(probabilities):
            curve = self.curves_[column]
            if curve is not None:
                result[:, column] = self._transform_class(*_sides(probabilities, column), curve)
        if probabilities.shape[1] == 2:
            result[:, 0] = 1 - result[:, 1] if self.curves_[1] is not None else result[:, 0]
            return result
        total = result.sum(axis=1, keepdims=True)
        # Where no class has any score left, the model's own are better than none.
        return np.where(total > 0, result / np.where(total > 0, total, 1), probabilities)

    @staticmethod
    def _columns(probabilities: Doubles) -> range:
        return range(1, 2) if probabilities.shape[1] == 2 else range(probabilities.shape[1])

    @abstractmethod
    def _fit_class(self, score: Doubles, rest: Doubles, positive: Ints, weights: Doubles | None) -> dict[str, Any]: ...

    @abstractmethod
    def _transform_class(self, score: Doubles, rest: Doubles, curve: Mapping[str, Any]) -> Doubles: ...


def _sides(probabilities: Doubles, column: int) -> tuple[Doubles, Doubles]:
    """A class's probability, and that of all others: more exact near 1 than the difference from 1."""
    return probabilities[:, column], np.delete(probabilities, column, axis=1).sum(axis=1)


@dataclass(kw_only=True)
class Isotonic(_OneVersusRest):
    """Isotonic regression by least squares (Zadrozny and Elkan 2002), with straight lines between its corners.

    As scikit-learn's IsotonicRegression. It makes ties of different scores, and needs a thousand rows or more.

    Attributes:
        curves_: class → `x` and `y` of the corners.
    """

    conf_name = "isotonic"

    def _fit_class(self, score: Doubles, rest: Doubles, positive: Ints, weights: Doubles | None) -> dict[str, Any]:
        from sklearn.isotonic import IsotonicRegression

        fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, positive, sample_weight=weights)
        return {"x": fitted.X_thresholds_.tolist(), "y": fitted.y_thresholds_.tolist()}

    def _transform_class(self, score: Doubles, rest: Doubles, curve: Mapping[str, Any]) -> Doubles:
        return np.asarray(np.interp(score, curve["x"], curve["y"]))


@dataclass(kw_only=True)
class Beta(_OneVersusRest):
    """The logistic curve of a·ln p - b·ln(1-p) + c, a and b not below 0 (Kull, Silva Filho and Flach 2017).

    Attributes:
        curves_: class → `a`, `b` and `c`.
    """

    conf_name = "beta"

    def _fit_class(self, score: Doubles, rest: Doubles, positive: Ints, weights: Doubles | None) -> dict[str, Any]:
        from scipy.optimize import minimize

        logs = _logs(score, rest)
        sign = 1.0 - 2.0 * positive

        def loss(parameters: Doubles) -> tuple[float, Doubles]:
            margin = sign * (logs @ parameters)
            slope = sign * np.exp(-np.logaddexp(0, -margin))
            if weights is not None:
                slope *= weights * (len(sign) / weights.sum())
            return float(np.average(np.logaddexp(0, margin), weights=weights)), logs.T @ slope / len(sign)

        # The loss is convex, so that this is the one minimum under the bounds. Perfectly separated rows would drive the
        # weights up without end; a thousand steps are enough for them, too.
        found = minimize(
            loss,
            np.array([1.0, 1.0, 0.0]),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0, None), (0, None), (None, None)],
            options={"maxiter": 1000, "ftol": 1e-14, "gtol": 1e-10},
        )
        return dict(zip("abc", found.x.tolist(), strict=True))

    def _transform_class(self, score: Doubles, rest: Doubles, curve: Mapping[str, Any]) -> Doubles:
        weights = np.array([curve[name] for name in "abc"])
        return np.asarray(np.exp(-np.logaddexp(0, -(_logs(score, rest) @ weights))))


def _logs(score: Doubles, rest: Doubles) -> Doubles:
    return np.stack([np.log(np.maximum(score, _TINY)), -np.log(np.maximum(rest, _TINY)), np.ones(len(score))], axis=1)

"""Models `logreg`, `logreg_cv`, `svm` and `naive_bayes`: scikit-learn's, each kept as one matrix of weights."""

import logging
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.optimize import minimize
from scipy.special import log_softmax

from libelle.components import AboveZero, Positive, Several
from libelle.errors import UserError
from libelle.features import Dataset, Doubles, Ints, Matrix
from libelle.memory import require_memory
from libelle.models.classical import LinearModel, folds

log = logging.getLogger(__name__)

#: L-BFGS keeps ten pairs of vectors beside the weights, their gradients and directions.
LBFGS_COPIES = 26
#: For each value of the matrix, scikit-learn hands liblinear a double, and liblinear makes a number and a double of it.
LIBLINEAR_BYTES = 24


@dataclass
class LogisticRegression(LinearModel):
    """Multinomial logistic regression with an L2 penalty.

    Attributes:
        C: inverse strength of the penalty.
        max_iter: iterations of L-BFGS at most.
    """

    conf_name = "logreg"
    proposed = True

    C: AboveZero = 10.0
    max_iter: Positive = 500

    def learn(self, matrix: Matrix, targets: Ints, weights: Doubles, validation: Dataset, seed: int) -> None:
        """Fit scikit-learn's estimator."""
        self.require_room(matrix, targets, LBFGS_COPIES)
        fitted = _logistic(self.C, self.max_iter, matrix, targets, weights)
        self.keep(fitted.coef_, fitted.intercept_)


@dataclass
class LogisticRegressionCV(LinearModel):
    """Logistic regression whose penalty is chosen by cross-validation on the training rows, by log-loss.

    Labels with fewer rows than folds are in the training part of each fold. Where no label has enough rows, the first
    of `Cs` is taken.

    Attributes:
        Cs: inverse strengths of the penalty to try.
        folds: number of folds.
        max_iter: iterations of L-BFGS at most.
    """

    conf_name = "logreg_cv"

    Cs: Annotated[list[AboveZero], Field(min_length=1)] = field(default_factory=lambda: [1.0, 3.0, 10.0, 30.0])
    folds: Several = 3
    max_iter: Positive = 500

    def learn(self, matrix: Matrix, targets: Ints, weights: Doubles, validation: Dataset, seed: int) -> None:
        """Try each `C` on each fold, and fit all rows with the best."""
        self.require_room(matrix, targets, LBFGS_COPIES)
        losses = np.zeros(len(self.Cs))
        for train, held in folds(targets, self.folds, seed):
            for place, inverse in enumerate(self.Cs):
                fitted = _logistic(inverse, self.max_iter, matrix[train], targets[train], weights[train])
                chosen = fitted.predict_proba(matrix[held])[np.arange(len(held)), targets[held]]
                losses[place] -= weights[held] @ np.log(np.maximum(chosen, np.finfo(np.float32).tiny))
        best = self.Cs[int(losses.argmin())]
        log.info("C = %g has the least log-loss in cross-validation", best)
        fitted = _logistic(best, self.max_iter, matrix, targets, weights)
        self.keep(fitted.coef_, fitted.intercept_)


def _logistic(inverse: float, max_iter: int, matrix: Matrix, targets: Ints, weights: Doubles) -> Any:
    from sklearn.linear_model import LogisticRegression as Estimator

    return Estimator(C=inverse, max_iter=max_iter).fit(matrix, targets, sample_weight=weights)


@dataclass
class LinearSVM(LinearModel):
    """Linear support vectors, one label against the rest, with calibrated probabilities.

    Decision values become probabilities by a softmax, scaled by the one number (of two labels also shifted by one,
    which is Platt's method of 1999) that minimises the log-loss of rows held out. Labels with fewer rows than folds are
    never held out; where no label has enough rows, decision values are taken as they are.

    Attributes:
        C: inverse strength of the penalty.
        folds: of the cross-validation that calibrates.
        max_iter: iterations of liblinear at most.
    """

    conf_name = "svm"
    proposed = True

    C: AboveZero = 0.5
    folds: Several = 3
    max_iter: Positive = 5000

    def learn(self, matrix: Matrix, targets: Ints, weights: Doubles, validation: Dataset, seed: int) -> None:
        """Fit scikit-learn's estimator on all rows, and calibrate it by those that fit the folds."""
        self.require_room(matrix, targets, 3)
        values = matrix.size if isinstance(matrix, np.ndarray) else matrix.nnz
        require_memory(LIBLINEAR_BYTES * values, f"model: liblinear's copy of {values:,} values", self.remedy)
        values, held_out = [], []
        for train, held in folds(targets, self.folds, seed):
            fitted = self._estimator(matrix[train], targets[train], weights[train], seed)
            values.append(_two_sided(fitted.decision_function(matrix[held])))
            held_out.append(held)
        scale, shift = 1.0, 0.0
        if values:
            rows = np.concatenate(held_out)
            scale, shift = _calibrate(np.concatenate(values), targets[rows], weights[rows])
        fitted = self._estimator(matrix, targets, weights, seed)
        self.keep(fitted.coef_ * scale, fitted.intercept_ * scale + shift)

    def _estimator(self, matrix: Matrix, targets: Ints, weights: Doubles, seed: int) -> Any:
        from sklearn.svm import LinearSVC

        estimator = LinearSVC(C=self.C, max_iter=self.max_iter, random_state=seed)
        return estimator.fit(matrix, targets, sample_weight=weights)


def _two_sided(values: Doubles) -> Doubles:
    """Decision values as one column a label; scikit-learn has one column for two."""
    return np.column_stack([-values / 2, values / 2]) if values.ndim == 1 else values


def _calibrate(values: Doubles, targets: Ints, weights: Doubles) -> tuple[float, float]:
    """The scale and, of two labels, the shift of decision values that minimise the log-loss."""
    binary = values.shape[1] == 2
    side = np.array([-0.5, 0.5]) if binary else np.zeros(values.shape[1])

    def loss(parameters: npt.NDArray[np.float64]) -> float:
        logits = np.exp(parameters[0]) * values + parameters[1] * side
        return float(-(weights @ log_softmax(logits, axis=1)[np.arange(len(targets)), targets]) / weights.sum())

    # The scale is positive and cannot grow without end where held-out rows are all right.
    found = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[(-7, 7), (-20, 20) if binary else (0, 0)])
    return float(np.exp(found.x[0])), float(found.x[1])


@dataclass
class NaiveBayes(LinearModel):
    """Multinomial naive Bayes, on counts or TF-IDF.

    Attributes:
        alpha: additive smoothing.
        fit_prior: whether frequent labels are more probable beforehand.
    """

    conf_name = "naive_bayes"
    non_negative: ClassVar[bool] = True

    alpha: AboveZero = 0.1
    fit_prior: bool = True

    def learn(self, matrix: Matrix, targets: Ints, weights: Doubles, validation: Dataset, seed: int) -> None:
        """Fit scikit-learn's estimator.

        Raises:
            UserError: when a value is below zero.
        """
        from sklearn.naive_bayes import MultinomialNB

        self.require_room(matrix, targets, 4)
        if matrix.min() < 0:
            raise UserError("model: naive_bayes takes no values below zero; choose process=tfidf or process=bigrams.")
        fitted = MultinomialNB(alpha=self.alpha, fit_prior=self.fit_prior).fit(matrix, targets, sample_weight=weights)
        self.keep(fitted.feature_log_prob_, fitted.class_log_prior_)

"""Models `logreg`, `logreg_cv`, `svm` and `naive_bayes`: scikit-learn's, each kept as one matrix of weights."""

import logging
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from libelle.components import AboveZero, Positive, Several
from libelle.errors import UserError
from libelle.features import Dataset, Doubles, Floats, Ints, Matrix
from libelle.memory import require_memory
from libelle.models.classical import LinearModel, folds
from libelle.processes.matrix_stack import stack

log = logging.getLogger(__name__)

#: L-BFGS keeps ten pairs of vectors beside the weights, their gradients and directions.
LBFGS_COPIES = 26
#: For each value of the matrix, scikit-learn hands liblinear a double, and liblinear makes a number and a double of it.
LIBLINEAR_BYTES = 24
#: What decision values are multiplied by where few validation rows say what fits; on real sets it is 4 to 7.
_SCALE = 4.0


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
        merged = self.merge(matrix, targets, LBFGS_COPIES)
        fitted = _logistic(self.C, self.max_iter, merged.matrix, targets, weights)
        self.keep(merged.spread(fitted.coef_), fitted.intercept_)


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
        merged = self.merge(matrix, targets, LBFGS_COPIES)
        rows = merged.matrix
        losses = np.zeros(len(self.Cs))
        for train, held in folds(targets, self.folds, seed):
            for place, inverse in enumerate(self.Cs):
                fitted = _logistic(inverse, self.max_iter, rows[train], targets[train], weights[train])
                chosen = fitted.predict_proba(rows[held])[np.arange(len(held)), targets[held]]
                losses[place] -= weights[held] @ np.log(np.maximum(chosen, np.finfo(np.float32).tiny))
        best = self.Cs[int(losses.argmin())]
        log.info("C = %g has the least log-loss in cross-validation", best)
        fitted = _logistic(best, self.max_iter, rows, targets, weights)
        self.keep(merged.spread(fitted.coef_), fitted.intercept_)


def _logistic(inverse: float, max_iter: int, matrix: Matrix, targets: Ints, weights: Doubles) -> Any:
    from sklearn.linear_model import LogisticRegression as Estimator

    return Estimator(C=inverse, max_iter=max_iter).fit(matrix, targets, sample_weight=weights)


@dataclass
class LinearSVM(LinearModel):
    """Linear support vectors, one label against the rest, with calibrated probabilities.

    Decision values become probabilities by a softmax, scaled by the one number (of two labels also shifted by one,
    which is Platt's method of 1999) that minimises the log-loss of the validation rows.

    Attributes:
        C: inverse strength of the penalty.
        max_iter: iterations of liblinear at most.
    """

    conf_name = "svm"
    proposed = True

    C: AboveZero = 0.5
    max_iter: Positive = 5000

    def learn(self, matrix: Matrix, targets: Ints, weights: Doubles, validation: Dataset, seed: int) -> None:
        """Fit scikit-learn's estimator, and calibrate it."""
        from sklearn.svm import LinearSVC

        merged = self.merge(matrix, targets, 3)
        rows = merged.matrix
        values = rows.size if isinstance(rows, np.ndarray) else rows.nnz
        require_memory(LIBLINEAR_BYTES * values, f"model: liblinear's copy of {values:,} values", self.remedy)
        estimator = LinearSVC(C=self.C, max_iter=self.max_iter, random_state=seed)
        fitted = estimator.fit(rows, targets, sample_weight=weights)
        self.keep(merged.spread(fitted.coef_), fitted.intercept_)
        scale, shift = self._calibrate(validation)
        self.coef_ *= scale
        self.intercept_ = self.intercept_ * scale + shift

    def _calibrate(self, validation: Dataset) -> tuple[np.float32, Floats]:
        """The scale and, of two labels, the shifts of decision values that minimise the log-loss.

        A Gaussian prior that counts as much as a few rows keeps them finite where all rows are right.

        Args:
            validation: rows of known labels.
        """
        from scipy.optimize import minimize  # importing it takes half a second, and preparation names all models
        from scipy.special import log_softmax

        side = np.array([-0.5, 0.5]) if len(self.intercept_) == 2 else np.zeros(len(self.intercept_))
        if not len(validation):
            return np.float32(_SCALE), side.astype(np.float32) * 0
        values = stack(validation.features, self.remedy) @ self.coef_ + self.intercept_
        rows, weight = np.arange(len(validation)), self.label_weights_[validation.targets]
        if validation.weights is not None:
            weight = weight * validation.weights

        def loss(parameters: Doubles) -> float:
            logits = _SCALE * np.exp(parameters[0]) * values + parameters[1] * side
            losses = log_softmax(logits, axis=1)[rows, validation.targets]
            return float((parameters @ parameters - weight @ losses) / weight.sum())

        found = minimize(loss, np.zeros(2), method="L-BFGS-B").x
        return np.float32(_SCALE * np.exp(found[0])), (found[1] * side).astype(np.float32)


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

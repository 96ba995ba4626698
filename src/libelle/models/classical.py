"""What the classical models share: one matrix, labels without training rows, class weights, saving and loading."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from libelle.features import Dataset, Doubles, Features, Floats, Ints, Matrix
from libelle.files import read_json, write_json
from libelle.memory import require_memory
from libelle.models.base import Model, Training, label_weights
from libelle.models.equal_columns import MergedColumns
from libelle.processes.matrix_stack import stack

#: Rows scored at once.
PREDICT_ROWS = 4096


@dataclass
class ClassicalModel(Model):
    """A model of one matrix.

    `label_weights_`, float64 [seen], are the weights of the labels in the loss, while it is fitted.

    A label without a training row has probability 0. Where a single label has training rows, it has probability 1.

    Attributes:
        class_weights: `balanced` gives each label the same weight in training, however many rows it has.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"matrix"})

    class_weights: Literal["none", "balanced"] = "none"

    def fit(self, train: Dataset, validation: Dataset, classes: int, training: Training) -> Self:
        """Learn from the labels that have training rows.

        Raises:
            UserError: when memory would not suffice.
        """
        self.classes_ = classes
        self.seen_, targets = np.unique(train.targets, return_inverse=True)
        if len(self.seen_) > 1:
            self.label_weights_ = label_weights(train, balanced=self.class_weights == "balanced")
            weights = self.label_weights_[targets] * (1.0 if train.weights is None else train.weights)
            self.learn(stack(train.features, self.remedy), targets, weights, self._known(validation), training.seed)
        return self

    @abstractmethod
    def learn(self, matrix: Matrix, targets: Ints, weights: Doubles, validation: Dataset, seed: int) -> None:
        """Learn from rows of at least two labels.

        Args:
            matrix: float32 [rows, columns].
            targets: positions among the labels that have training rows, int64 [rows].
            weights: float64 [rows].
            validation: those rows whose label has training rows; their targets are positions likewise.
            seed: of everything random.
        """

    @abstractmethod
    def probabilities(self, matrix: Matrix) -> npt.NDArray[np.floating]:
        """Probabilities of the labels that have training rows, [rows, seen]."""

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Write what `learn` learnt."""

    @abstractmethod
    def read(self, folder: Path) -> None:
        """Read back what `write` wrote."""

    def predict_proba(self, features: Features) -> Floats:
        """Return float32 [rows, classes]; 0 for labels without a training row."""
        scores = np.zeros((features.rows, self.classes_), dtype=np.float32)
        if len(self.seen_) == 1:
            scores[:, self.seen_] = 1
        elif features.rows:
            matrix = stack(features, self.remedy)
            # Where labels are many, what is computed on the way is several times larger than the scores.
            for start in range(0, features.rows, PREDICT_ROWS):
                block = slice(start, start + PREDICT_ROWS)
                scores[block, self.seen_] = self.probabilities(matrix[block])
        return scores

    def save(self, folder: Path) -> None:
        """Write `classes.json`, and what was learnt."""
        about = {"classes": self.classes_, "seen": self.seen_.tolist()}
        write_json(folder / "classes.json", about)
        if len(self.seen_) > 1:
            self.write(folder)

    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote."""
        about = read_json(folder / "classes.json")
        self.classes_, self.seen_ = about["classes"], np.array(about["seen"], dtype=np.int64)
        if len(self.seen_) > 1:
            self.read(folder)
        return self

    def _known(self, validation: Dataset) -> Dataset:
        known = validation.take(np.flatnonzero(np.isin(validation.targets, self.seen_)))
        return Dataset(known.features, np.searchsorted(self.seen_, known.targets), known.weights)


class LinearModel(ClassicalModel):
    """A classical model that ends as one weight for each column and label; the probabilities are a softmax.

    Learns `coef_`, float32 [columns, seen], and `intercept_`, float32 [seen].
    """

    coef_: Floats
    intercept_: Floats

    def keep(self, coef: npt.NDArray[np.floating], intercept: npt.NDArray[np.floating]) -> None:
        """Keep scikit-learn's weights, [seen, columns] and [seen]; of two labels scikit-learn has those of the second.

        What is common to all labels does not change a softmax; it is taken out, so that rounding stays small.
        """
        if len(coef) == 1:
            coef, intercept = np.vstack([-coef / 2, coef / 2]), np.concatenate([-intercept / 2, intercept / 2])
        self.coef_ = np.ascontiguousarray((coef - coef.mean(axis=0)).T, dtype=np.float32)
        self.intercept_ = np.asarray(intercept - intercept.mean(), dtype=np.float32)

    def probabilities(self, matrix: Matrix) -> npt.NDArray[np.floating]:
        """Softmax of the weighted sums."""
        from scipy.special import softmax  # importing it takes a quarter of a second, and preparation names all models

        return np.asarray(softmax(matrix @ self.coef_ + self.intercept_, axis=1))

    def write(self, folder: Path) -> None:
        """Write `weights.safetensors`."""
        save_file({"coef": self.coef_, "intercept": self.intercept_}, folder / "weights.safetensors")

    def read(self, folder: Path) -> None:
        """Read back what `write` wrote."""
        weights = load_file(folder / "weights.safetensors")
        self.coef_, self.intercept_ = weights["coef"], weights["intercept"]

    def merge(self, matrix: Matrix, targets: Ints, copies: int) -> MergedColumns:
        """Take equal columns as one; raise `UserError` unless so many copies of their weights fit into memory."""
        self.require_room(matrix, targets, 3)
        merged = MergedColumns.of(matrix, self.remedy)
        self.require_room(merged.matrix, targets, copies)
        return merged

    def require_room(self, matrix: Matrix, targets: Ints, copies: int) -> None:
        """Raise `UserError` unless so many float64 copies of the weights, and three of the scores, fit into memory."""
        (rows, columns), labels = matrix.shape, int(targets.max()) + 1
        require_memory(8 * columns * labels * copies, f"model: fitting {columns:,} × {labels} weights", self.remedy)
        require_memory(
            3 * 8 * rows * labels,
            f"model: scoring {rows:,} rows × {labels} labels at once",
            "choose model=mlp, which learns from a few rows at a time",
        )


def folds(targets: Ints, count: int, seed: int) -> Iterator[tuple[Ints, Ints]]:
    """Yield rows to train on and rows held out, stratified.

    Rows of a label with fewer rows than `count` are never held out: each training part knows every label.

    Args:
        targets: int64 [rows].
        count: number of folds.
        seed: of the draw.
    """
    from sklearn.model_selection import StratifiedKFold

    common = np.flatnonzero(np.bincount(targets)[targets] >= count)
    if not len(common):
        return
    splitter = StratifiedKFold(count, shuffle=True, random_state=seed)
    for _, held in splitter.split(np.zeros(len(common)), targets[common]):
        yield np.setdiff1d(np.arange(len(targets)), common[held]), common[held]

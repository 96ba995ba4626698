"""Models `tree` and `xgboost`."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from libelle.components import AboveZero, NonNegative, Positive, PositiveShare, Several
from libelle.errors import needs_extra
from libelle.features import Dataset, Doubles, Ints, Matrix
from libelle.memory import require_memory
from libelle.models.classical import ClassicalModel
from libelle.models.stored_trees import require_boosted, require_tree
from libelle.processes.base import Process
from libelle.processes.matrix_stack import stack

#: Bytes that a saved decision tree may unpack to at most: so many, and so many for each of its own.
_UNPACKED, _RATIO = 1 << 24, 50
#: All that a saved decision tree may hold beside what skops trusts anyway.
TRUSTED = ["sklearn.tree._tree.Tree"]
#: XGBoost keeps two doubles for each bin of each column, for every node of a level.
BIN_BYTES = 16
#: A number and a float for each value, and its bin; a score and two gradients for each row and label.
VALUE_BYTES, GRADIENT_BYTES = 12, 12


@dataclass
class DecisionTree(ClassicalModel):
    """scikit-learn's decision tree, saved as skops.

    Attributes:
        max_depth: levels at most; None for no limit.
        min_samples_leaf: rows in each leaf at least.
        ccp_alpha: cost of a leaf in pruning; 0 for none.
    """

    conf_name = "tree"

    max_depth: Positive | None = None
    min_samples_leaf: Positive = 2
    ccp_alpha: NonNegative = 0.0

    def check(self, process: Process) -> None:
        """Raise `UserError` unless skops, which saves the tree, is installed."""
        super().check(process)
        _require_skops()

    def learn(self, matrix: Matrix, targets: Ints, weights: Doubles, validation: Dataset, seed: int) -> None:
        """Fit scikit-learn's estimator."""
        from sklearn.tree import DecisionTreeClassifier

        items = matrix.size if isinstance(matrix, np.ndarray) else matrix.nnz
        require_memory(12 * items, "model: sorting the columns of all rows", self.remedy)
        labels = int(targets.max()) + 1
        leaves = max(1, len(targets) // self.min_samples_leaf)
        nodes = 2 * (leaves if self.max_depth is None else min(leaves, 1 << min(self.max_depth, 40)))
        require_memory(
            8 * nodes * labels,
            f"model: a tree of {nodes:,} nodes × {labels} labels",
            "lower model.max_depth, or raise model.min_samples_leaf",
        )
        estimator = DecisionTreeClassifier(
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            ccp_alpha=self.ccp_alpha,
            random_state=seed,
        )
        self.tree_ = estimator.fit(matrix, targets, sample_weight=weights)

    def probabilities(self, matrix: Matrix) -> npt.NDArray[np.floating]:
        """Shares of the labels in the leaf of each row."""
        return np.asarray(self.tree_.predict_proba(matrix))

    def write(self, folder: Path) -> None:
        """Write `tree.skops`."""
        _require_skops().dump(self.tree_, folder / "tree.skops")

    def read(self, folder: Path) -> None:
        """Read back what `write` wrote; a file with other types is refused."""
        skops = _require_skops()
        _refuse_bomb(folder / "tree.skops")
        try:
            self.tree_ = skops.load(folder / "tree.skops", trusted=TRUSTED)
        except (TypeError, zipfile.BadZipFile) as error:  # the former of types that are not trusted
            raise ValueError(str(error)) from error
        self._require_sound()

    def _require_sound(self) -> None:
        """Raise `ValueError` where the tree's numbers lead nowhere, or are those of other labels."""
        from sklearn.tree import DecisionTreeClassifier

        if type(self.tree_) is not DecisionTreeClassifier:
            raise ValueError("tree.skops holds no decision tree")
        nodes, width, labels = self.tree_.tree_, self.tree_.n_features_in_, len(self.seen_)
        if (nodes.n_features, nodes.n_outputs, nodes.max_n_classes) != (width, 1, labels):
            raise ValueError(f"the tree is not one of {width} columns and {labels} labels")
        if (self.tree_.n_outputs_, self.tree_.n_classes_, len(self.tree_.classes_)) != (1, labels, labels):
            raise ValueError(f"the tree is not one of {labels} labels")
        require_tree(nodes.children_left, nodes.children_right, nodes.feature, width)


def _refuse_bomb(path: Path) -> None:
    """Refuse an archive whose files are out of all proportion to it, before they are unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from error
    if size > _UNPACKED + _RATIO * path.stat().st_size:
        raise ValueError(f"{path.name} would unpack to {size:,} bytes")


def _require_skops() -> Any:
    with needs_extra("model=tree", "classical"):
        import skops.io
    return skops.io


@dataclass
class XGBoost(ClassicalModel):
    """Gradient-boosted trees (XGBoost); boosting stops where the log-loss of the validation rows rises.

    Attributes:
        rounds: of boosting at most, each one tree a label.
        early_stopping: rounds without progress on the validation rows.
        learning_rate: weight of each tree.
        max_depth: levels of a tree.
        min_child_weight: weight of the rows in each leaf at least.
        subsample: share of the rows that each tree sees.
        colsample: share of the columns that each tree sees.
        reg_lambda: L2 penalty.
        max_bin: values told apart in a column.
    """

    conf_name = "xgboost"

    rounds: Positive = 500
    early_stopping: Positive = 20
    learning_rate: AboveZero = 0.2
    max_depth: Positive = 6
    min_child_weight: NonNegative = 1.0
    subsample: PositiveShare = 1.0
    colsample: PositiveShare = 1.0
    reg_lambda: NonNegative = 1.0
    max_bin: Several = 64

    def check(self, process: Process) -> None:
        """Raise `UserError` unless XGBoost is installed."""
        super().check(process)
        _require_xgboost()

    def learn(self, matrix: Matrix, targets: Ints, weights: Doubles, validation: Dataset, seed: int) -> None:
        """Boost, and keep the rounds up to the best one.

        Raises:
            UserError: when the histograms would not fit into memory.
        """
        xgboost = _require_xgboost()
        labels = int(targets.max()) + 1
        self._require_room(matrix, labels)
        settings = {
            "objective": "binary:logistic" if labels == 2 else "multi:softprob",
            "eval_metric": "logloss" if labels == 2 else "mlogloss",
            "tree_method": "hist",
            "learning_rate": self.learning_rate,
            "max_depth": self.max_depth,
            "min_child_weight": self.min_child_weight,
            "subsample": self.subsample,
            "colsample_bytree": self.colsample,
            "reg_lambda": self.reg_lambda,
            "max_bin": self.max_bin,
            "seed": seed,
            **({} if labels == 2 else {"num_class": labels}),
        }
        stopping: dict[str, Any] = {}
        if len(validation):
            rows_held = stack(validation.features, self.remedy)
            held = xgboost.DMatrix(rows_held, label=validation.targets, weight=validation.weights)
            stopping = {"evals": [(held, "validation")], "early_stopping_rounds": self.early_stopping}
        rows = xgboost.DMatrix(matrix, label=targets, weight=weights)
        booster = xgboost.train(settings, rows, self.rounds, verbose_eval=False, **stopping)
        self.booster_ = booster[: booster.best_iteration + 1] if stopping else booster

    def _require_room(self, matrix: Matrix, labels: int) -> None:
        """A column has as many bins as values at most, and a level of the tree half of its nodes in memory."""
        values = matrix.size if isinstance(matrix, np.ndarray) else matrix.nnz
        require_memory(VALUE_BYTES * values, f"model: XGBoost's copies of {values:,} values", self.remedy)
        require_memory(
            GRADIENT_BYTES * matrix.shape[0] * labels,
            f"model: boosting {matrix.shape[0]:,} rows × {labels} labels",
            "choose model=mlp, which learns from a few rows at a time",
        )
        if isinstance(matrix, np.ndarray):
            filled = np.full(matrix.shape[1], len(matrix))
        else:
            filled = np.bincount(matrix.indices, minlength=matrix.shape[1])
        bins = int(np.minimum(filled, self.max_bin).sum())
        require_memory(
            bins * BIN_BYTES * 2 ** (min(self.max_depth, 12) - 1),
            f"model: counting the values of {matrix.shape[1]:,} columns",
            f"lower model.max_bin or model.max_depth, or {self.remedy}",
        )

    def probabilities(self, matrix: Matrix) -> npt.NDArray[np.floating]:
        """What the trees say; XGBoost's prediction is thread-safe."""
        xgboost = _require_xgboost()
        scores = self.booster_.predict(xgboost.DMatrix(matrix))
        return np.column_stack([1 - scores, scores]) if scores.ndim == 1 else scores

    def write(self, folder: Path) -> None:
        """Write `trees.ubj`, XGBoost's own format."""
        self.booster_.save_model(folder / "trees.ubj")

    def read(self, folder: Path) -> None:
        """Read back what `write` wrote."""
        data = (folder / "trees.ubj").read_bytes()
        require_boosted(data, len(self.seen_))
        self.booster_ = _require_xgboost().Booster(model_file=bytearray(data))


def _require_xgboost() -> Any:
    with needs_extra("model=xgboost", "classical"):
        import xgboost
    return xgboost

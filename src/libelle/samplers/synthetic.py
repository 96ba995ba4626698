"""Samplers `smote`, `borderline_smote`, `adasyn` and `smote_enn`: new rows between rows of the smaller classes.

They are imbalanced-learn's, for features that are a matrix: between two sequences of tokens there is nothing.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.sparse

from libelle.components import Positive, PositiveShare
from libelle.errors import UserError, needs_extra
from libelle.features import Dataset, Features, Ints, Matrix
from libelle.memory import require_memory
from libelle.processes.matrix_stack import stack
from libelle.samplers.rows import Sampler

_REMEDY = "lower sampler.ratio, or use sampler=oversample"


@dataclass
class Synthetic(Sampler):
    """Adds synthetic rows to the smaller classes.

    A class with no more rows than `neighbors` uses as many neighbours as it has; a class with a single row has that row
    repeated.

    Attributes:
        ratio: each class gets at least this share of the rows of the largest one.
        neighbors: nearest rows of the same class, towards which a new row may be placed.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"matrix"})
    synthetic: ClassVar[bool] = True

    ratio: PositiveShare = 1.0
    neighbors: Positive = 5

    def check(self) -> None:
        """Raise `UserError` unless imbalanced-learn is installed."""
        with needs_extra("sampler", "classical"):
            import imblearn  # noqa: F401

    @abstractmethod
    def resampler(self, wanted: Mapping[int, int], neighbors: int, rows: int, seed: int) -> Any:
        """Build imbalanced-learn's estimator.

        Args:
            wanted: label → rows that it should have.
            neighbors: at most one less than the rows of each of these labels.
            rows: of the training set.
            seed: of the draw.
        """

    def sample(self, train: Dataset, seed: int) -> Dataset:
        """Keep every row, and add what the smaller classes lack.

        Raises:
            UserError: when memory would not suffice, or the method finds no row to add to.
        """
        matrix = stack(train.features, _REMEDY)
        classes, counts = np.unique(train.targets, return_counts=True)
        wanted = int(np.ceil(self.ratio * counts.max()))
        self._require_room(matrix, int(np.maximum(wanted - counts, 0).sum()))
        generator = np.random.default_rng(seed)
        parts, targets = [matrix], [train.targets]
        for neighbors in range(min(self.neighbors, int(counts.max()) - 1) + 1):
            few = {
                int(label): wanted
                for label, count in zip(classes, counts, strict=True)
                if count < wanted and min(count - 1, self.neighbors) == neighbors
            }
            if few and not neighbors:
                drawn = [np.repeat(np.flatnonzero(train.targets == label), wanted - 1) for label in few]
                rows = np.concatenate(drawn)
                parts.append(matrix[rows])
                targets.append(train.targets[rows])
            elif few:
                resampler = self.resampler(few, neighbors, len(train), int(generator.integers(1 << 31)))
                more, labels = _resample(resampler, matrix, train.targets, type(self).__name__)
                parts.append(more[len(train) :])
                targets.append(labels[len(train) :])
        everything = np.vstack(parts) if isinstance(matrix, np.ndarray) else scipy.sparse.vstack(parts, format="csr")
        return _unstack(everything, np.concatenate(targets), train.features)

    def _require_room(self, matrix: Matrix, rows: int) -> None:
        # A new row has the columns of both its parents, and new rows exist twice while they are stacked.
        size = matrix.nbytes if isinstance(matrix, np.ndarray) else 2 * 8 * matrix.nnz
        needed = 2 * size * (matrix.shape[0] + rows) // max(matrix.shape[0], 1)
        require_memory(needed, f"sampler: {rows:,} synthetic rows", _REMEDY)


@dataclass
class Smote(Synthetic):
    """SMOTE (Chawla et al. 2002): new rows on the line between a row and a neighbour of its class."""

    conf_name = "smote"

    def resampler(self, wanted: Mapping[int, int], neighbors: int, rows: int, seed: int) -> Any:
        """Build `SMOTE`."""
        from imblearn.over_sampling import SMOTE

        return SMOTE(sampling_strategy=dict(wanted), k_neighbors=neighbors, random_state=seed)


@dataclass
class BorderlineSmote(Synthetic):
    """Borderline-SMOTE (Han et al. 2005): as SMOTE, but only from rows most of whose neighbours are of other classes.

    A class without such rows gets no new ones.
    """

    conf_name = "borderline_smote"

    def resampler(self, wanted: Mapping[int, int], neighbors: int, rows: int, seed: int) -> Any:
        """Build `BorderlineSMOTE`."""
        from imblearn.over_sampling import BorderlineSMOTE

        around = min(2 * self.neighbors, rows - 1)
        return BorderlineSMOTE(
            sampling_strategy=dict(wanted), k_neighbors=neighbors, m_neighbors=around, random_state=seed
        )


@dataclass
class Adasyn(Synthetic):
    """ADASYN (He et al. 2008): as SMOTE, with more new rows where more neighbours are of other classes."""

    conf_name = "adasyn"

    def resampler(self, wanted: Mapping[int, int], neighbors: int, rows: int, seed: int) -> Any:
        """Build `ADASYN`."""
        from imblearn.over_sampling import ADASYN

        return ADASYN(sampling_strategy=dict(wanted), n_neighbors=neighbors, random_state=seed)


@dataclass
class SmoteEnn(Smote):
    """SMOTE, then Wilson's editing (Batista et al. 2004): rows most of whose neighbours are of another class go.

    A class of which no row would be left keeps them all.

    Attributes:
        edit_neighbors: rows that each row is compared with.
    """

    conf_name = "smote_enn"

    edit_neighbors: Positive = 3

    def sample(self, train: Dataset, seed: int) -> Dataset:
        """Add rows as SMOTE does, and leave out those among rows of other classes."""
        from imblearn.under_sampling import EditedNearestNeighbours

        more = super().sample(train, seed)
        if len(np.unique(more.targets)) == 1:
            return more
        matrix = stack(more.features, _REMEDY)
        neighbors = min(self.edit_neighbors, len(more) - 1)
        editor = EditedNearestNeighbours(sampling_strategy="all", n_neighbors=neighbors, kind_sel="mode")
        editor.fit_resample(matrix, more.targets)
        kept = np.zeros(len(more), dtype=bool)
        kept[editor.sample_indices_] = True
        lost = np.setdiff1d(more.targets, more.targets[kept])
        return more.take(np.flatnonzero(kept | np.isin(more.targets, lost)))


def _resample(resampler: Any, matrix: Matrix, targets: Ints, name: str) -> tuple[Matrix, Ints]:
    try:
        more, labels = resampler.fit_resample(matrix, targets)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"sampler: {name} found no way to add rows ({error}); use sampler=smote.") from error
    return more, labels


def _unstack(matrix: Matrix, targets: Ints, like: Features) -> Dataset:
    """Cut a stacked matrix into the blocks that it was made of."""
    blocks, start = {}, 0
    for name, block in (like.matrix or {}).items():
        part = matrix[:, start : start + block.shape[1]]
        if isinstance(block, np.ndarray) and not isinstance(part, np.ndarray):
            part = part.toarray()
        blocks[name] = part
        start += block.shape[1]
    return Dataset(Features(len(targets), matrix=blocks), targets)

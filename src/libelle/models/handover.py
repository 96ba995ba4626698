"""What a command and the processes of a training hand each other, in a folder of the run's scratch space.

A job is pickled, as for any process of Python that works for another: the folder is the user's own, and goes when
training ends.
"""

import pickle
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch

from libelle.errors import UserError
from libelle.feature_files import load_features, save_features
from libelle.features import TABLE, Dataset
from libelle.files import whole_file
from libelle.models.training_job import Job

WEIGHTS = "weights.pt"
#: Of each rank: what it logs, and why it failed.
LOG, ERROR = "rank-{}.log", "rank-{}.error"
_JOB = "job.pt"
_TRAIN, _VALIDATION = "train", "validation"


@dataclass(frozen=True)
class Failure:
    """Why a rank failed.

    Attributes:
        when: seconds since the epoch.
        error: what it raised.
    """

    when: float
    error: Exception

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote."""
        failure: Self = pickle.loads(path.read_bytes())
        return failure

    def write(self, path: Path) -> None:
        """Write it, with the traceback for the log."""
        where = "".join(traceback.format_exception(self.error))
        self.error.add_note(where)
        try:
            content = pickle.dumps(self)
            pickle.loads(content)
        except Exception:  # an exception may hold anything
            said = f"{type(self.error).__name__}: {self.error}"
            substitute = RuntimeError(said)
            substitute.add_note(where)
            content = pickle.dumps(replace(self, error=substitute))
        with whole_file(path) as temporary:
            temporary.write_bytes(content)


def hand_over(job: Job, train: Dataset, validation: Dataset, folder: Path) -> None:
    """Write all that the ranks need.

    Raises:
        UserError: when a callback or logger cannot be handed to other processes.
    """
    try:
        torch.save(job, folder / _JOB)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UserError(
            f"trainer.devices: a callback or logger cannot be handed to other processes ({error}); leave it out, or "
            "set trainer.devices=1."
        ) from error
    for name, dataset in ((_TRAIN, train), (_VALIDATION, validation)):
        (folder / name).mkdir()
        _save(dataset, folder / name)


def take_over(folder: Path) -> tuple[Job, Dataset, Dataset]:
    """Read a job, its training and its validation rows; arrays are memory-mapped."""
    job: Job = torch.load(folder / _JOB, weights_only=False)
    return job, _load(folder / _TRAIN), _load(folder / _VALIDATION)


def _save(dataset: Dataset, folder: Path) -> None:
    table = dataset.features.table
    # Networks see no other matrices.
    save_features(replace(dataset.features, matrix=None if table is None else {TABLE: table}), folder)
    np.save(folder / "targets.npy", dataset.targets)
    if dataset.weights is not None:
        np.save(folder / "row_weights.npy", dataset.weights)


def _load(folder: Path) -> Dataset:
    weights = folder / "row_weights.npy"
    return Dataset(
        load_features(folder),
        np.load(folder / "targets.npy", mmap_mode="r"),
        np.load(weights, mmap_mode="r") if weights.exists() else None,
    )

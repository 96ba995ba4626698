"""A training of a network by Lightning, as one process carries it out: alone, or as one of several ranks."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, Sampler
from torch.utils.data import Dataset as TorchDataset

from libelle.features import Dataset
from libelle.models.base import Training
from libelle.models.batches import Batch, make_batch
from libelle.models.bucketing import LengthBuckets
from libelle.models.checkpoints import EpochState
from libelle.models.lightning import Classifier
from libelle.models.lightning_trainer import make_trainer, refused
from libelle.models.network import LossConfig, OptimizerConfig
from libelle.models.ranks import RankStrategy
from libelle.models.torch_network import Network


class Batches(TorchDataset[tuple[Batch, Tensor]]):
    """A data set that is asked for a whole batch of rows at once, and gives one rank's share of it.

    Attributes:
        dataset: the rows.
        rank: takes every `ranks`-th row of a batch.
        ranks: how many ranks share each batch.
    """

    def __init__(self, dataset: Dataset, rank: int = 0, ranks: int = 1) -> None:
        self.dataset, self.rank, self.ranks = dataset, rank, ranks

    def __getitem__(self, rows: list[int]) -> tuple[Batch, Tensor]:
        """Return the share's features and targets; where it is empty, no targets, and features of another row.

        A network takes a row at least, and all ranks must take part in each step.
        """
        share = np.array(rows[self.rank :: self.ranks], dtype=np.int64)
        batch = make_batch(self.dataset.features, share if len(share) else np.array(rows[:1]))
        if self.dataset.weights is not None:
            batch["row_weights"] = torch.from_numpy(self.dataset.weights[share].astype(np.float32))
        return batch, torch.from_numpy(self.dataset.targets[share])


@dataclass(frozen=True)
class Job:
    """A training of a network: all of it but the rows.

    Attributes:
        network: with fresh weights; training moves them in place.
        training: seed, scratch space and Lightning's settings.
        counts: float32 [labels], the weight of each label's training rows.
        batch_size: rows a step, of all devices together.
        optimizer: how weights are moved.
        loss: what is minimised.
        padded: whether the network pads the rows of a batch to the longest of them.
    """

    network: Network
    training: Training
    counts: Tensor
    batch_size: int
    optimizer: OptimizerConfig
    loss: LossConfig
    padded: bool

    def run(self, train: Dataset, validation: Dataset, rank: int = 0, ranks: int = 1) -> None:
        """Train, and leave the network with its best weights, on the CPU.

        Args:
            train: the training rows.
            validation: the validation rows, for early stopping and the choice of the best epoch.
            rank: this process's, among those that train together; the first one's weights count.
            ranks: their number.

        Raises:
            UserError: when Lightning refuses its settings.
            KeyboardInterrupt: when the user interrupts; Lightning would exit with status 1.
        """
        pl.seed_everything((self.training.seed + rank) % (1 << 32), verbose=False)  # dropout differs by rank
        classifier = Classifier(self.network, self.loss, self.optimizer, self.counts)
        generator = torch.Generator().manual_seed(self.training.seed)  # all ranks draw the same batches
        with warnings.catch_warnings():
            # Batches are gathered from arrays in microseconds: worker processes would only cost.
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")
            warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")
            # All ranks log the same values.
            warnings.filterwarnings("ignore", message=".*It is recommended to use .*sync_dist=True.*")
            trainer, resumed = self._trainer(generator, len(train), rank, ranks)
            try:
                trainer.fit(
                    classifier,
                    DataLoader(Batches(train, rank, ranks), sampler=self._order(train, generator), batch_size=None),
                    DataLoader(Batches(validation, rank, ranks), sampler=self._held(validation), batch_size=None),
                    ckpt_path=resumed,
                    weights_only=True,
                )
            except MisconfigurationException as error:
                raise refused(error) from error
            except SystemExit as error:
                if isinstance(error.__context__, KeyboardInterrupt):
                    raise error.__context__ from None
                raise
        best = getattr(trainer.checkpoint_callback, "best_model_path", "")
        if best and rank == 0:
            state = torch.load(best, map_location="cpu", weights_only=True)["state_dict"]
            classifier.load_state_dict(state)
        self.network.to("cpu", torch.float32)  # whatever trainer.precision was

    def _trainer(self, generator: torch.Generator, rows: int, rank: int, ranks: int) -> tuple[pl.Trainer, Any]:
        """Lightning's trainer, and the state from which training resumes, if any."""
        training, resumed = self.training, None
        if training.checkpoints is not None:
            state = EpochState(training.checkpoints, generator, rank, ranks)
            training = replace(training, callbacks=[*training.callbacks, state])
            resumed = state.newest()
        strategy = RankStrategy(partly_used=self.network.partly_used) if ranks > 1 else None
        return make_trainer(training, rows, strategy), resumed

    def _order(self, train: Dataset, generator: torch.Generator) -> Sampler[list[int]]:
        """Batches of all training rows, in another order each epoch."""
        if self.padded:
            return LengthBuckets(train.features.lengths, self.batch_size, generator)
        return BatchSampler(RandomSampler(range(len(train)), generator=generator), self.batch_size, drop_last=False)

    def _held(self, validation: Dataset) -> Sampler[list[int]]:
        """Batches of all validation rows, always in the same order."""
        held: list[int] | range = range(len(validation))
        if self.padded:
            held = np.argsort(validation.features.lengths, kind="stable").tolist()
        return BatchSampler(held, min(1024, 8 * self.batch_size), drop_last=False)

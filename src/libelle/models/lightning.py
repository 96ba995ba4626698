"""Training a network with Lightning."""

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from sklearn.metrics import accuracy_score, average_precision_score
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, Sampler
from torch.utils.data import Dataset as TorchDataset

from libelle.errors import UserError
from libelle.features import Dataset
from libelle.models.base import Training
from libelle.models.batches import Batch, make_batch
from libelle.models.bucketing import LengthBuckets
from libelle.models.checkpoints import EpochState
from libelle.models.embedding import VectorEmbedding
from libelle.models.lightning_trainer import make_trainer, refuse_unvalidated, refused
from libelle.models.network import LossConfig, OptimizerConfig
from libelle.models.optimizers import SparseAdamW, coalesced, make_schedule
from libelle.models.pool_weights import equal_weights, fit_weights, pooled
from libelle.models.torch_network import Network

#: Vectors that the process gives move at this share of the rate of those that start at random: they know something.
GIVEN_RATE = 0.1


class Batches(TorchDataset[tuple[Batch, Tensor]]):
    """A data set that is asked for a whole batch of rows at once."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __getitem__(self, rows: list[int]) -> tuple[Batch, Tensor]:
        chosen = np.array(rows)
        batch = make_batch(self.dataset.features, chosen)
        if self.dataset.weights is not None:
            batch["row_weights"] = torch.from_numpy(self.dataset.weights[chosen].astype(np.float32))
        return batch, torch.from_numpy(self.dataset.targets[chosen])


class Classifier(pl.LightningModule):
    """Any `Network`: each of its paths has a loss, and what is validated is their pool."""

    def __init__(self, network: Network, loss: LossConfig, optimizer: OptimizerConfig, counts: Tensor) -> None:
        super().__init__()
        self.network = network
        self.loss_config = loss
        self.optimizer_config = optimizer
        weights: Tensor | None = None
        if loss.class_weights == "balanced":
            weights = counts.sum() / ((counts > 0).sum() * counts.clamp(min=1))
        self.register_buffer("class_weights", weights, persistent=False)
        self.class_weights: Tensor | None
        self._losses: list[Tensor] = []
        self._validation: list[tuple[list[Tensor], Tensor, Tensor | None]] = []

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute: Lightning notes each hook it calls, forty a step, and torch would look at what is noted."""
        if name == "_current_fx_name":
            vars(self)[name] = value
        else:
            super().__setattr__(name, value)

    def loss(self, logits: Tensor, targets: Tensor, smoothing: float, rows: Tensor | None = None) -> Tensor:
        """Cross-entropy with class weights, row weights and focal factor, averaged over the batch's weights."""
        losses = functional.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)
        if self.loss_config.focal_gamma:
            chosen = logits.softmax(1).gather(1, targets.unsqueeze(1)).squeeze(1)
            losses = losses * (1 - chosen) ** self.loss_config.focal_gamma
        weights = rows if self.class_weights is None else self.class_weights[targets]
        if weights is None:
            return losses.mean()
        if rows is not None and self.class_weights is not None:
            weights = weights * rows
        # Rows of a batch may all weigh nothing.
        return (losses * weights).sum() / weights.sum().clamp(min=torch.finfo(weights.dtype).tiny)

    def training_step(self, batch: tuple[Batch, Tensor], _: int) -> Tensor:
        """Return the sum of the paths' losses on one batch."""
        features, targets = batch
        smoothing, rows = self.loss_config.label_smoothing, features.get("row_weights")
        losses = [self.loss(path, targets, smoothing, rows) for path in self.network.paths(features)]
        loss = torch.stack(losses).sum()
        self._losses.append(loss.detach() / len(losses))
        return loss

    def on_train_epoch_end(self) -> None:
        """Log `train_loss`, the mean over the epoch's steps: to log each step takes as long as the step."""
        self.log("train_loss", torch.stack(self._losses).mean(), prog_bar=True)
        self._losses.clear()

    def transfer_batch_to_device(
        self, batch: tuple[Batch, Tensor], device: torch.device, dataloader_idx: int
    ) -> tuple[Batch, Tensor]:
        """Lightning's own way looks into anything that a batch might be, which takes longer than a small step."""
        features, targets = batch
        return {name: tensor.to(device) for name, tensor in features.items()}, targets.to(device)

    def validation_step(self, batch: tuple[Batch, Tensor], _: int) -> None:
        """Keep the batch's logits for the end of the epoch."""
        features, targets = batch
        self._validation.append((self.network.paths(features), targets, features.get("row_weights")))

    def on_validation_epoch_end(self) -> None:
        """Fit the pool; log `validation_loss`, `validation_accuracy` and, for two, `validation_average_precision`."""
        parts, rows, of_rows = zip(*self._validation, strict=True)
        self._validation.clear()
        paths, targets = [torch.cat(path).float() for path in zip(*parts, strict=True)], torch.cat(rows)
        weights = None if of_rows[0] is None else torch.cat(of_rows)
        if all(path.isfinite().all() for path in paths):
            equal = equal_weights(self.network.margins).to(targets.device)
            self.network.pool.copy_(fit_weights(paths, targets, equal, self._unsmoothed(weights)))
        logits = pooled(paths, self.network.pool)
        self.log("validation_loss", self.loss(logits, targets, 0.0, weights), prog_bar=True)
        if not logits.isfinite().all():
            return  # the loss is not finite either, and early stopping sees it
        logits, targets = logits.cpu(), targets.cpu()
        by = {} if weights is None else {"sample_weight": weights.cpu()}
        self.log("validation_accuracy", float(accuracy_score(targets, logits.argmax(1), **by)), prog_bar=True)
        if logits.shape[1] == 2 and targets.any():
            precision = average_precision_score(targets, logits.softmax(1)[:, 1], **by)
            self.log("validation_average_precision", float(precision), prog_bar=True)

    def _unsmoothed(self, weights: Tensor | None) -> Callable[[Tensor, Tensor], Tensor]:
        """The loss of logits and targets by which paths are pooled."""
        # Tensors of inference have no gradient.
        rows = None if weights is None else weights.clone()
        return partial(self.loss, smoothing=0.0, rows=rows)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW or SGD, with the schedule over the planned steps."""
        config = self.optimizer_config
        groups = self.network.set_rates(_parameter_groups(self.network, config), config.lr)
        if config.name == "sgd":
            optimizer: torch.optim.Optimizer = torch.optim.SGD(groups, lr=config.lr)
        else:
            # On a GPU, Lightning refuses it beside gradient clipping.
            optimizer = SparseAdamW(groups, lr=config.lr, fused=self.device.type == "cpu")
        steps = int(self.trainer.estimated_stepping_batches) if config.schedule != "constant" or config.warmup else 1
        schedule = make_schedule(optimizer, config, steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip as Lightning does, and the sparse gradients of embeddings too, of which it knows no norm."""
        if not gradient_clip_val:
            return
        gradients: list[Tensor] = []
        for parameter in (parameter for group in optimizer.param_groups for parameter in group["params"]):
            if parameter.grad is not None and parameter.grad.is_sparse:
                parameter.grad = coalesced(parameter.grad)
                gradients.append(parameter.grad.values())
            elif parameter.grad is not None:
                gradients.append(parameter.grad)
        scale = (gradient_clip_val / (nn.utils.get_total_norm(gradients) + 1e-6)).clamp(max=1)
        for gradient in gradients:
            if gradient_clip_algorithm == "value":
                gradient.clamp_(-gradient_clip_val, gradient_clip_val)
            else:
                gradient.mul_(scale)


def train_network(
    network: Network,
    train: Dataset,
    validation: Dataset,
    training: Training,
    *,
    classes: int,
    batch_size: int,
    optimizer: OptimizerConfig,
    loss: LossConfig,
    padded: bool,
) -> None:
    """Train a network in place and leave it with its best weights, on the CPU.

    Args:
        network: with fresh weights.
        train: the training rows.
        validation: the validation rows, for early stopping and the choice of the best epoch.
        training: seed, scratch space and Lightning's settings.
        classes: number of labels.
        batch_size: rows a step.
        optimizer: how weights are moved.
        loss: what is minimised.
        padded: whether the network pads the rows of a batch to the longest of them.

    Raises:
        UserError: when the loss is not finite, or Lightning refuses its settings.
        KeyboardInterrupt: when the user interrupts; Lightning would exit with status 1.
    """
    pl.seed_everything(training.seed, verbose=False)
    by = None if train.weights is None else torch.from_numpy(train.weights)
    counts = torch.bincount(torch.from_numpy(train.targets), by, minlength=classes).float()
    classifier = Classifier(network, loss, optimizer, counts)
    generator = torch.Generator().manual_seed(training.seed)
    held: list[int] | range = range(len(validation))
    if padded:
        batches: Sampler[list[int]] = LengthBuckets(train.features.lengths, batch_size, generator)
        held = np.argsort(validation.features.lengths, kind="stable").tolist()
    else:
        batches = BatchSampler(RandomSampler(range(len(train)), generator=generator), batch_size, drop_last=False)
    with warnings.catch_warnings():
        # Batches are gathered from arrays in microseconds: worker processes would only cost.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")
        warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")
        resumed = None
        if training.checkpoints is not None:
            state = EpochState(training.checkpoints, generator)
            training = replace(training, callbacks=[*training.callbacks, state])
            resumed = state.newest()
        trainer = make_trainer(training, len(train))
        refuse_unvalidated(trainer, math.ceil(len(train) / batch_size))
        try:
            trainer.fit(
                classifier,
                _loader(train, batches),
                _loader(validation, BatchSampler(held, min(1024, 8 * batch_size), drop_last=False)),
                ckpt_path=resumed,
                weights_only=True,
            )
        except MisconfigurationException as error:
            raise refused(error) from error
        except SystemExit as error:
            if isinstance(error.__context__, KeyboardInterrupt):
                raise error.__context__ from None
            raise
    checkpoint = trainer.checkpoint_callback
    best = getattr(checkpoint, "best_model_path", "")
    if best:
        state = torch.load(best, map_location="cpu", weights_only=True)["state_dict"]
        classifier.load_state_dict(state)
    network.to("cpu", torch.float32)  # whatever trainer.precision was
    if not all(parameter.isfinite().all() for parameter in network.parameters()):
        raise UserError(
            f"Training diverged: the weights are not finite; lower model.optimizer.lr={optimizer.lr} or set "
            "trainer.gradient_clip_val=1."
        )


def _loader(dataset: Dataset, batches: Sampler[list[int]]) -> DataLoader[Any]:
    return DataLoader(Batches(dataset), sampler=batches, batch_size=None)


def _parameter_groups(network: nn.Module, config: OptimizerConfig) -> list[dict[str, Any]]:
    """Matrices of dense layers are decayed; embeddings, biases and norms are not; tables have a rate of their own."""
    decayed: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    tables: list[nn.Parameter] = []
    given: list[nn.Parameter] = []
    started = {module.table for module in network.modules() if isinstance(module, VectorEmbedding)}
    for module in network.modules():
        embedding = isinstance(module, nn.Embedding | nn.EmbeddingBag)
        for parameter in module.parameters(recurse=False):
            if not parameter.requires_grad:
                continue
            if embedding and module.sparse:
                (given if module in started else tables).append(parameter)
            elif parameter.ndim > 1 and not embedding:
                decayed.append(parameter)
            else:
                others.append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    rate = config.embedding_lr if config.name == "adamw" else config.lr
    for chosen, share in ((tables, 1.0), (given, GIVEN_RATE)):
        if chosen:
            groups.append({"params": chosen, "weight_decay": 0.0, "lr": share * rate})
    return groups

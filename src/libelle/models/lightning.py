"""A network as Lightning trains it: its losses, its optimizer, and what is validated."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from sklearn.metrics import accuracy_score, average_precision_score
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from libelle.errors import UserError
from libelle.models.batches import Batch
from libelle.models.embedding import VectorEmbedding
from libelle.models.network import LossConfig, OptimizerConfig
from libelle.models.optimizers import SparseAdamW, coalesced, make_schedule
from libelle.models.pool_weights import equal_weights, fit_weights, pooled
from libelle.models.ranks import add_up, gather, of_first
from libelle.models.torch_network import Network, paths_mistake

#: Each path's logits on some validation rows, their targets, and their weights where they have some.
_Validated = tuple[list[Tensor], Tensor, Tensor | None]
#: Vectors that the process gives move at this share of the rate of those that start at random: they know something.
GIVEN_RATE = 0.1


class Classifier(pl.LightningModule):
    """Any `Network`: each of its paths has a loss, and what is validated is their pool."""

    def __init__(self, network: Network, loss: LossConfig, optimizer: OptimizerConfig, counts: Tensor) -> None:
        super().__init__()
        self.network = network
        self.loss_config = loss
        self.optimizer_config = optimizer
        self._classes = len(counts)
        weights: Tensor | None = None
        if loss.class_weights == "balanced":
            # A label without training rows, which smoothing alone sees, counts as one of a single row.
            weights = counts.sum() / ((counts > 0).sum() * counts.where(counts > 0, 1))
        self.register_buffer("class_weights", weights, persistent=False)
        self.class_weights: Tensor | None
        self._losses: list[Tensor] = []
        self._validation: list[_Validated] = []

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute: Lightning notes each hook it calls, forty a step, and torch would look at what is noted."""
        if name == "_current_fx_name":
            vars(self)[name] = value
        else:
            super().__setattr__(name, value)

    def loss(
        self,
        logits: Tensor,
        targets: Tensor,
        smoothing: float,
        rows: Tensor | None = None,
        total: Tensor | None = None,
    ) -> Tensor:
        """Cross-entropy with class weights, row weights and focal factor, by the batch's weights, or by `total`."""
        losses = functional.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)
        if self.loss_config.focal_gamma:
            chosen = logits.softmax(1).gather(1, targets.unsqueeze(1)).squeeze(1)
            losses = losses * (1 - chosen) ** self.loss_config.focal_gamma
        weights = self._weights(targets, rows)
        if weights is None:
            return losses.mean() if total is None else losses.sum() / total
        # Rows of a batch may all weigh nothing.
        total = weights.sum().clamp(min=torch.finfo(weights.dtype).tiny) if total is None else total
        return (losses * weights).sum() / total

    def _weights(self, targets: Tensor, rows: Tensor | None) -> Tensor | None:
        """What each row weighs in the loss; None where all weigh the same."""
        if self.class_weights is None:
            return rows
        # Of several ranks, the first one judges what was validated on the CPU.
        weights = self.class_weights.to(targets.device)[targets]
        return weights if rows is None else weights * rows

    def _paths(self, batch: Batch, rows: int, least: int) -> list[Tensor]:
        """Each path's logits, float32 [rows, classes]; at least so many paths are wanted.

        Raises:
            UserError: when the network, which may be somebody's own, returns something else.
        """
        paths = self.network.paths(batch)
        # Where a rank's share of a batch is empty, its features are those of another row.
        wrong = paths_mistake(paths, (max(rows, 1), self._classes), range(least, len(self.network.margins) + 1))
        if wrong is not None:
            raise UserError(
                f"the network {type(self.network).__name__} returned {wrong}; let paths() return a list of float32 "
                "[rows, labels], one for each path that make_pool() declares."
            )
        return [path[:rows] for path in paths]

    def training_step(self, batch: tuple[Batch, Tensor], _: int) -> Tensor:
        """Return the sum of the paths' losses on one batch, or on this rank's share of it."""
        features, targets = batch
        smoothing, rows = self.loss_config.label_smoothing, features.get("row_weights")
        total = self._total(targets, rows) if self._shared else None
        paths = self._paths(features, len(targets), 1)
        loss = torch.stack([self.loss(path, targets, smoothing, rows, total) for path in paths]).sum()
        self._losses.append(loss.detach() / len(paths))
        return loss

    @property
    def _shared(self) -> bool:
        """Whether each batch is shared by several ranks."""
        return self.trainer.world_size > 1

    def _total(self, targets: Tensor, rows: Tensor | None) -> Tensor:
        """The weights of all ranks' rows of a batch."""
        weights = self._weights(targets, rows)
        own = torch.tensor(float(len(targets)), device=targets.device) if weights is None else weights.sum()
        return add_up(own).clamp(min=torch.finfo(own.dtype).tiny)

    def on_train_epoch_end(self) -> None:
        """Log `train_loss`, the mean over the epoch's steps: to log each step takes as long as the step."""
        loss = torch.stack(self._losses).mean()
        self.log("train_loss", add_up(loss) if self._shared else loss, prog_bar=True)
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
        paths = self._paths(features, len(targets), len(self.network.margins))
        self._validation.append((paths, targets, features.get("row_weights")))

    def on_validation_epoch_end(self) -> None:
        """Fit the pool; log `validation_loss`, `validation_accuracy` and, for two, `validation_average_precision`."""
        validated = _joined(self._validation)
        self._validation.clear()
        if self._shared:
            every = gather(_on_cpu(validated))
            pool, found = of_first(None if every is None else self._validate(_joined(every)))
        else:
            pool, found = self._validate(validated)
        self.network.pool.copy_(pool)
        for name, value in found.items():
            self.log(name, value, prog_bar=True)

    def _validate(self, validated: _Validated) -> tuple[Tensor, dict[str, float]]:
        """The weights of the pool, and what is logged of it."""
        paths, targets, weights = validated
        paths, pool = [path.float() for path in paths], self.network.pool.to(targets.device)
        if all(path.isfinite().all() for path in paths):
            equal = equal_weights(self.network.margins).to(targets.device)
            pool = fit_weights(paths, targets, equal, self._unsmoothed(weights)).to(pool.dtype)
        logits = pooled(paths, pool)
        found = {"validation_loss": float(self.loss(logits, targets, 0.0, weights))}
        if not logits.isfinite().all():
            return pool, found  # the loss is not finite either, and early stopping sees it
        logits, targets = logits.cpu(), targets.cpu()
        by = {} if weights is None else {"sample_weight": weights.cpu()}
        found["validation_accuracy"] = float(accuracy_score(targets, logits.argmax(1), **by))
        if logits.shape[1] == 2 and targets.any():
            precision = average_precision_score(targets, logits.softmax(1)[:, 1], **by)
            found["validation_average_precision"] = float(precision)
        return pool, found

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


def _joined(parts: Sequence[_Validated]) -> _Validated:
    paths, targets, weights = zip(*parts, strict=True)
    of_rows = None if weights[0] is None else torch.cat(weights)
    return [torch.cat(path) for path in zip(*paths, strict=True)], torch.cat(targets), of_rows


def _on_cpu(validated: _Validated) -> _Validated:
    paths, targets, weights = validated
    return [path.cpu() for path in paths], targets.cpu(), None if weights is None else weights.cpu()


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

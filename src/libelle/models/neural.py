"""What all networks share: their shape, prediction, saving and loading. Nothing here needs Lightning."""

import json
from abc import abstractmethod
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
import torch
from pydantic import Field
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from libelle.components import Component, Part, Positive, Rate
from libelle.features import Dataset, Features, Floats
from libelle.models.base import Model, Training
from libelle.models.batches import Batch, make_batch

#: Rows scored at once, and tokens at most in one padded batch: memory stays bounded whatever is asked.
PREDICT_ROWS = 1024
PREDICT_TOKENS = 1 << 17


@dataclass(frozen=True)
class Shape:
    """What a network must know of its features.

    Attributes:
        fields: number of fields.
        words: size of the vocabulary, the special tokens included.
        longest: words in the longest field.
        ngrams: number of n-grams over all fields; 0 where there is no bag.
    """

    fields: int
    words: int
    longest: int
    ngrams: int

    @classmethod
    def of(cls, features: Features) -> "Shape":
        """Measure the training features."""
        words = features.words or {}
        bags = features.bag or {}
        return cls(
            fields=len(words),
            words=max((data.size for data in words.values()), default=0),
            longest=max((int(data.lengths.max(initial=1)) for data in words.values()), default=1),
            ngrams=max((data.size for data in bags.values()), default=0),
        )


class Network(nn.Module):
    """Paths from a batch to logits, each trained by a loss of its own, and averaged to score.

    Each path is thus at its best by itself, and they are an ensemble: trained on their sum, the stronger one would
    leave the other nothing to learn.
    """

    @abstractmethod
    def paths(self, batch: Batch) -> list[Tensor]:
        """Return each path's logits, float32 [rows, classes]."""

    def forward(self, batch: Batch) -> Tensor:
        """Return the average of the paths' log-probabilities, float32 [rows, classes]."""
        return torch.stack([path.log_softmax(1) for path in self.paths(batch)]).mean(0)


@dataclass
class OptimizerConfig(Component):
    """How weights are moved.

    Attributes:
        name: `adamw` (Loshchilov and Hutter 2019) or `sgd`.
        lr: learning rate at its highest.
        linear_lr: learning rate of the linear path at its highest; plain SGD moves it, whatever `name` is.
        weight_decay: decoupled decay of all weights but embeddings, biases and norms.
        schedule: `constant`, `linear` (to zero) or `cosine` (to zero) over the planned steps.
        warmup: share of the planned steps in which the learning rate rises from zero.
    """

    name: Literal["adamw", "sgd"] = "adamw"
    lr: Rate = 2e-3
    linear_lr: Rate = 20.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    warmup: Part = 0.0


@dataclass
class LossConfig(Component):
    """Cross-entropy and its relatives.

    Attributes:
        class_weights: `none`, or `balanced`: each class weighs in inverse proportion to its training rows.
        focal_gamma: above 0, rows that are well classified weigh less (Lin et al. 2017, "Focal Loss").
        label_smoothing: share of the probability spread over all classes (Szegedy et al. 2016).
    """

    class_weights: Literal["none", "balanced"] = "none"
    focal_gamma: Annotated[float, Field(ge=0)] = 0.0
    label_smoothing: Part = 0.1


@dataclass
class NeuralModel(Model):
    """A network that Lightning trains and that scores without it.

    Attributes:
        optimizer: how weights are moved.
        loss: what is minimised.
        batch_size: rows a step.
    """

    lightning = True

    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    batch_size: Positive = 64

    @abstractmethod
    def network(self, shape: Shape, classes: int) -> Network:
        """Build the network with fresh weights."""

    def fit(self, train: Dataset, validation: Dataset, classes: int, training: Training) -> Self:
        """Train with Lightning; the weights of the best epoch on `validation` are kept."""
        # Importing Lightning takes seconds, and scoring never needs it.
        from libelle.models.training import train_network

        torch.manual_seed(training.seed)
        self.shape_, self.classes_ = Shape.of(train.features), classes
        self.network_ = self.network(self.shape_, classes)
        train_network(self, train, validation, training)
        self.network_.eval()
        return self

    def predict_proba(self, features: Features) -> Floats:
        """Softmax of the logits, float32 [rows, classes]."""
        logits = [self.logits(features.take(rows)) for rows in self._batches(features)]
        if not logits:
            return np.empty((0, self.classes_), dtype=np.float32)
        scores = np.empty((features.rows, self.classes_), dtype=np.float32)
        scores[np.concatenate(self._batches(features))] = torch.softmax(torch.cat(logits), dim=1).numpy()
        return scores

    @torch.inference_mode()
    def logits(self, features: Features) -> Tensor:
        """Score all rows as one batch: float32 [rows, classes]."""
        logits: Tensor = self.network_(make_batch(features, np.arange(features.rows)))
        return logits

    def save(self, folder: Path) -> None:
        """Write `network.json` and `weights.safetensors`."""
        about = {"shape": asdict(self.shape_), "classes": self.classes_}
        (folder / "network.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self.network_.state_dict().items()}
        save_file(weights, folder / "weights.safetensors")

    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote."""
        about = json.loads((folder / "network.json").read_text(encoding="utf-8"))
        self.shape_, self.classes_ = Shape(**about["shape"]), about["classes"]
        with torch.device("meta"):  # no time spent on random weights
            self.network_ = self.network(self.shape_, self.classes_)
        self.network_.load_state_dict(load_file(folder / "weights.safetensors"), assign=True)
        self.network_.eval()
        return self

    @staticmethod
    def _batches(features: Features) -> list[np.ndarray]:
        """Rows of similar length together, so that little is padded."""
        lengths = sum((data.lengths for data in (features.words or {}).values()), np.zeros(features.rows, np.int64))
        order = np.argsort(lengths, kind="stable")
        batches, start = [], 0
        while start < len(order):
            # Lengths rise, so the last row of a batch is its longest.
            end = min(start + PREDICT_ROWS, len(order))
            while end - start > 1 and (end - start) * lengths[order[end - 1]] > PREDICT_TOKENS:
                end = start + (end - start) // 2
            batches.append(order[start:end])
            start = end
        return batches

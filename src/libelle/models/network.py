"""What a network is: the shape of its features, paths to logits, and how it is trained."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from libelle.components import AboveZero, Component, NonNegative, PartialShare
from libelle.features import Features
from libelle.models.batches import Batch
from libelle.models.pool_weights import equal_weights, pooled


@dataclass(frozen=True)
class Shape:
    """What a network must know of its features.

    Attributes:
        fields: number of fields.
        words: size of the vocabulary, the special tokens included.
        longest: words in the longest field.
        parts: number of words, sequences of words and n-grams of characters in the bags; 0 where there are none.
        vectors: size of the vectors that the process gives to start from; 0 where it gives none.
    """

    fields: int
    words: int
    longest: int
    parts: int
    vectors: int = 0

    @classmethod
    def of(cls, features: Features) -> "Shape":
        """Measure the training features."""
        words = features.words or {}
        return cls(
            fields=len(words),
            words=max((data.size for data in words.values()), default=0),
            longest=max((int(data.lengths.max(initial=1)) for data in words.values()), default=1),
            parts=0 if features.bag is None else features.bag.size,
            vectors=0 if features.vectors is None else features.vectors.vocabulary.shape[1],
        )


class Network(nn.Module):
    """Paths from a batch to logits, each trained by itself, and pooled to score.

    Each path is thus at its best by itself, and they are an ensemble: trained on their sum, the stronger one would
    leave the other nothing to learn. How they are pooled, and by which weights, is in `libelle.models.pool_weights`.

    Attributes:
        margins: for each path, whether its logits are margins of a support vector machine.
        pool: float32 [paths], the weights.
    """

    margins: tuple[bool, ...]
    pool: Tensor

    def __init__(self, margins: Sequence[bool] = (False,)) -> None:
        super().__init__()
        self.make_pool(margins)

    def make_pool(self, margins: Sequence[bool]) -> None:
        """Declare the paths and give them equal weights; a network of one path need not."""
        self.margins = tuple(margins)
        self.register_buffer("pool", equal_weights(margins))

    @abstractmethod
    def paths(self, batch: Batch) -> list[Tensor]:
        """Return each path's logits, float32 [rows, classes]; in training, those of the paths that steps train."""

    def forward(self, batch: Batch) -> Tensor:
        """Return the pooled logits, float32 [rows, classes]."""
        return pooled(self.paths(batch), self.pool)

    def set_rates(self, groups: list[dict[str, Any]], lr: float) -> list[dict[str, Any]]:
        """Give the optimiser's parameter groups learning rates of their own, where the network has reasons to.

        Args:
            groups: as `torch.optim` takes them.
            lr: the learning rate of groups without one.
        """
        return groups


@dataclass
class OptimizerConfig(Component):
    """How weights are moved.

    Attributes:
        name: `adamw` (Loshchilov and Hutter 2019; tables of embeddings are moved by Adagrad) or `sgd`.
        lr: learning rate at its highest.
        embedding_lr: that of the tables of embeddings, for `adamw`.
        weight_decay: decoupled decay of all weights but embeddings, biases and norms.
        schedule: `constant`, `linear` (to zero) or `cosine` (to zero) over the planned steps.
        warmup: share of the planned steps in which the learning rate rises from zero.
    """

    name: Literal["adamw", "sgd"] = "adamw"
    lr: AboveZero = 2e-3
    embedding_lr: AboveZero = 0.05
    weight_decay: NonNegative = 0.01
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    warmup: PartialShare = 0.0


@dataclass
class LossConfig(Component):
    """Cross-entropy and its relatives; the linear path has the squared hinge loss instead, with the same class weights.

    Attributes:
        class_weights: `none`, or `balanced`: each class weighs in inverse proportion to its training rows.
        focal_gamma: above 0, rows that are well classified weigh less (Lin et al. 2017, "Focal Loss").
        label_smoothing: share of the probability spread over all classes (Szegedy et al. 2016).
    """

    class_weights: Literal["none", "balanced"] = "none"
    focal_gamma: NonNegative = 0.0
    label_smoothing: PartialShare = 0.1

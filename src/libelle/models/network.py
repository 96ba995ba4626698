"""What is said of a network before it is built: the shape of its features, and how it is trained."""

from dataclasses import asdict, dataclass
from typing import Literal

from libelle.components import AboveZero, Component, NonNegative, PartialShare
from libelle.features import Features

#: Classes up to which embeddings are small, and the size of those that are not.
_FEW_CLASSES, WIDE = 10, 64


@dataclass(frozen=True)
class Shape:
    """What a network must know of its features.

    Attributes:
        fields: number of fields.
        words: size of the vocabulary, the special tokens included.
        longest: words in the longest field.
        parts: number of words, sequences of words and n-grams of characters in the bags; 0 where there are none.
        vectors: size of the vectors that the process gives to start from; 0 where it gives none.
        columns: number of columns of the fields that are not text; 0 where all are.
    """

    fields: int
    words: int
    longest: int
    parts: int
    vectors: int = 0
    columns: int = 0

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
            columns=0 if features.table is None else features.table.shape[1],
        )

    def to_json(self) -> dict[str, int]:
        """As JSON values; `columns` alone where there are some."""
        about = asdict(self)
        return about if self.columns else {name: size for name, size in about.items() if name != "columns"}


def embedding_dim(classes: int) -> int:
    """The size of embeddings that is enough to tell some classes apart: few classes need few numbers.

    With 2 to 10 of them, 16 numbers are as good as 64, and take a quarter of the memory; with 278, they are not
    (docs/ablations.md).
    """
    return 16 if classes <= _FEW_CLASSES else WIDE


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

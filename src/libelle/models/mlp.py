"""Models `mlp`, `mlp_lstm` and `mlp_fusion`: multi-layer perceptrons on encoded words and on bags of n-grams."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from libelle.components import Natural, Positive
from libelle.features import Features, Floats, Ints
from libelle.models.dense_scorer import blas_threads
from libelle.models.network import WIDE, OptimizerConfig, Shape, embedding_dim
from libelle.models.paths import PathsModel
from libelle.models.stored_weights import Weights

if TYPE_CHECKING:
    from libelle.models.encoders import WordEncoder


@dataclass
class MLP(PathsModel):
    """The fast default, and its relatives with LSTMs.

    Attributes:
        word_encoder: `bag` averages the words' embeddings, `lstm` runs bidirectional LSTMs over them.
        fusion: `concat` encodes each field by itself; `fused` joins them, each word marked with its field.
        word_dim: size of the word embeddings; None for one by the number of classes, see `embedding_dim`, and for the
            larger one where the process gives vectors.
        first_words: how many words from the beginning of each field are seen in their place, beside the average of all;
            for `bag`.
        lstm: sizes of the LSTMs, one on the other.
    """

    conf_name = "mlp"
    proposed = True

    word_encoder: Literal["bag", "lstm"] = "bag"
    fusion: Literal["concat", "fused"] = "concat"
    word_dim: Positive | None = None
    first_words: Natural = 2
    batch_size: Positive = 128
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(lr=3e-3))
    lstm: Annotated[list[Positive], Field(min_length=1)] = field(default_factory=lambda: [128, 64])

    def use(self, weights: Weights) -> None:
        """Score with these weights; LSTMs need torch for it."""
        if self.word_encoder == "lstm":
            super().use(weights)
        else:
            self.weights_, self._scorer = weights, None
            vars(self).pop("network_", None)

    def logits(self, features: Features) -> Floats:
        """The pooled logits, float32 [rows, classes]."""
        if self.word_encoder == "lstm":
            return super().logits(features)
        if not features.rows:
            return np.empty((0, self.classes_), np.float32)
        with blas_threads(self.threads):
            return self._scores().logits(features)

    @property
    def adds_up(self) -> bool:
        """Averages and n-grams add up; LSTMs do not, nor what is made of fields that are not text."""
        return self.word_encoder == "bag" and not self.shape_.columns

    def text_vectors(self, features: Features, fields: Ints, rows: Ints) -> Floats:
        """What each of some texts adds to its record, float32 [texts, width]."""
        with blas_threads(self.threads):
            return self._scores().text_vectors(features, fields, rows)

    def score_texts(self, vectors: Floats, places: Ints) -> Floats:
        """Probabilities of records by what their texts add, float32 [rows, classes]."""
        with blas_threads(self.threads):
            return self._scores().score_texts(vectors, places)

    @property
    def averaged_words(self) -> int | None:
        """Size of the vocabulary; LSTMs do not average."""
        return self.shape_.words if self.word_encoder == "bag" else None

    def encoder(self, shape: Shape, classes: int) -> "WordEncoder":
        """Build the word encoder with fresh weights."""
        from libelle.models.encoders import BagEncoder, LSTMEncoder

        dim = self.word_dim or (WIDE if shape.vectors else embedding_dim(classes))
        fused = self.fusion == "fused"
        if self.word_encoder == "lstm":
            return LSTMEncoder(shape, dim, self.lstm, fused=fused)
        return BagEncoder(shape, dim, fused=fused, first_words=self.first_words)

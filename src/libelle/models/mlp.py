"""Models `mlp`, `mlp_lstm` and `mlp_fusion`: multi-layer perceptrons on encoded words and on bags of n-grams."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from libelle.components import Natural, Positive
from libelle.models.encoders import BagEncoder, LSTMEncoder, WordEncoder
from libelle.models.network import OptimizerConfig, Shape
from libelle.models.paths import PathsModel


@dataclass
class MLP(PathsModel):
    """The fast default, and its relatives with LSTMs.

    Attributes:
        word_encoder: `bag` averages the words' embeddings, `lstm` runs bidirectional LSTMs over them.
        fusion: `concat` encodes each field by itself; `fused` joins them, each word marked with its field.
        word_dim: size of the word embeddings.
        first_words: how many words from the beginning of each field are seen in their place, beside the average of all;
            for `bag`.
        lstm: sizes of the LSTMs, one on the other.
    """

    conf_name = "mlp"
    proposed = True

    word_encoder: Literal["bag", "lstm"] = "bag"
    fusion: Literal["concat", "fused"] = "concat"
    word_dim: Positive = 64
    first_words: Natural = 2
    batch_size: Positive = 128
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(lr=3e-3))
    lstm: Annotated[list[Positive], Field(min_length=1)] = field(default_factory=lambda: [128, 64])

    def encoder(self, shape: Shape) -> WordEncoder:
        """Build the word encoder with fresh weights."""
        fused = self.fusion == "fused"
        if self.word_encoder == "lstm":
            return LSTMEncoder(shape, self.word_dim, self.lstm, fused=fused)
        return BagEncoder(shape, self.word_dim, fused=fused, first_words=self.first_words)

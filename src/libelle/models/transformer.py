"""Model `transformer`: attention over the words of all fields, trained from scratch."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from libelle.components import Positive
from libelle.errors import UserError
from libelle.models.network import OptimizerConfig, Shape
from libelle.models.paths import PathsModel

if TYPE_CHECKING:
    from libelle.models.encoders import WordEncoder


@dataclass
class Transformer(PathsModel):
    """Token, position and field embeddings, encoder blocks, the average of their output.

    Attributes:
        dim: size of the embeddings and of the blocks.
        blocks: number of encoder blocks.
        heads: attention heads; `dim` must be a multiple.
        feed_forward: inner size of each block.
        norm_first: layer norm before attention and feed-forward, after which the last layer is computed once a row;
            False for after them, as at first.
    """

    conf_name = "transformer"
    proposed = True
    padded = True
    predict_tokens: ClassVar[int] = 1 << 13  # what is computed of more tokens at once does not stay in the cache

    hidden: list[Positive] = field(default_factory=list)
    dim: Positive = 32
    blocks: Positive = 1
    heads: Positive = 1
    feed_forward: Positive = 64
    norm_first: bool = True
    batch_size: Positive = 128
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(lr=3e-3))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dim % self.heads:
            raise UserError(f"model.dim={self.dim} is not a multiple of model.heads={self.heads}; change one of them.")

    def encoder(self, shape: Shape, classes: int) -> "WordEncoder":
        """Build the word encoder with fresh weights."""
        from libelle.models.encoders import TransformerEncoder

        return TransformerEncoder(
            shape,
            self.dim,
            blocks=self.blocks,
            heads=self.heads,
            feed_forward=self.feed_forward,
            dropout=self.dropout,
            norm_first=self.norm_first,
        )

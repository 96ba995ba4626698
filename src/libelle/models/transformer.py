"""Model `transformer`: a small encoder over the words of all fields, trained from scratch.

Vaswani et al. 2017, "Attention Is All You Need"; post-norm blocks by default, as in the paper.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from libelle.errors import UserError
from libelle.models.batches import Batch, by_record
from libelle.models.neural import NeuralModel, Shape
from libelle.processes.tokens import PADDING_ID, UNKNOWN_ID


class TransformerNetwork(nn.Module):
    """The network of `Transformer`; arguments as there."""

    def __init__(self, shape: Shape, classes: int, config: "Transformer") -> None:
        super().__init__()
        self.fields = shape.fields
        self.word_dropout = config.word_dropout
        dim = config.dim
        self.words = nn.Embedding(shape.words, dim, padding_idx=PADDING_ID)
        self.positions = nn.Embedding(shape.longest, dim)
        self.field = nn.Embedding(shape.fields, dim)
        self.ngrams: nn.EmbeddingBag | None = None
        if shape.ngrams:
            self.ngrams = nn.EmbeddingBag(shape.ngrams, dim, mode="sum", include_last_offset=True, sparse=True)
            nn.init.normal_(self.ngrams.weight, std=0.1)
        for embedding in (self.words, self.positions, self.field):
            nn.init.normal_(embedding.weight, std=0.1)
        self.norm = nn.LayerNorm(dim)
        self.drop = nn.Dropout(config.dropout)
        block = nn.TransformerEncoderLayer(
            dim,
            config.heads,
            config.feed_forward,
            config.dropout,
            activation="gelu",
            batch_first=True,
            norm_first=config.norm_first,
        )
        # Nested tensors would make a row's scores depend on the padding of its batch.
        self.blocks = nn.TransformerEncoder(block, config.blocks, enable_nested_tensor=False)
        sizes = [dim, *config.hidden]
        self.hidden = nn.Sequential(
            *(
                nn.Sequential(nn.Linear(wide, narrow), nn.GELU(), nn.Dropout(config.dropout))
                for wide, narrow in zip(sizes, sizes[1:], strict=False)
            )
        )
        self.head = nn.Linear(sizes[-1], classes)

    def forward(self, batch: Batch) -> Tensor:
        """Return logits, float32 [rows, classes]."""
        words, positions, fields, mask = by_record(batch["words"], batch["word_offsets"], self.fields)
        if self.training and self.word_dropout:
            dropped = torch.rand(words.shape, device=words.device) < self.word_dropout
            words = words.masked_fill(dropped & mask, UNKNOWN_ID)
        positions = positions.clamp(max=self.positions.num_embeddings - 1)
        states = self.words(words) + self.positions(positions) + self.field(fields)
        if self.ngrams is not None:
            # One more token a field: what its characters say, unknown words included.
            bags = self.ngrams(batch["ngrams"], batch["ngram_offsets"], batch["ngram_weights"])
            bags = bags.view(self.fields, len(words), -1).transpose(0, 1) + self.field.weight
            states = torch.cat((states, bags), dim=1)
            mask = torch.cat((mask, mask.new_ones(bags.shape[:2])), dim=1)
        states = self.blocks(self.drop(self.norm(states)), src_key_padding_mask=~mask)
        # The average of the tokens that are there: every row has at least a marker for each field.
        weights = mask.unsqueeze(2).to(states.dtype)
        pooled = (states * weights).sum(1) / weights.sum(1)
        return self.head(self.hidden(pooled))


@dataclass
class Transformer(NeuralModel):
    """Attention over words, positions and fields.

    Attributes:
        dim: size of the embeddings and of the blocks.
        blocks: number of encoder blocks.
        heads: attention heads; `dim` must be a multiple.
        feed_forward: inner size of each block.
        hidden: sizes of the dense layers after pooling.
        dropout: share dropped in training.
        word_dropout: share of words replaced by `<unknown>` in training, so that unknown words are no surprise.
        norm_first: layer norm before attention and feed-forward instead of after.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"words"})

    dim: int = 128
    blocks: int = 1
    heads: int = 4
    feed_forward: int = 256
    hidden: list[int] = field(default_factory=lambda: [128])
    dropout: float = 0.2
    word_dropout: float = 0.1
    norm_first: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dim % self.heads:
            raise UserError(f"model.dim={self.dim} is not a multiple of model.heads={self.heads}; change one of them.")

    def network(self, shape: Shape, classes: int) -> nn.Module:
        """Build the network with fresh weights."""
        return TransformerNetwork(shape, classes, self)

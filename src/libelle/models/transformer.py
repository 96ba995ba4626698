"""Model `transformer`: a small encoder over the words of all fields, trained from scratch, beside a linear path.

Vaswani et al. 2017, "Attention Is All You Need"; post-norm blocks by default, as in the paper.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from libelle.components import Part, Positive
from libelle.errors import UserError
from libelle.models.batches import Batch, by_record
from libelle.models.layers import Dense, LinearPath, NgramEncoder, drop_words, masked_mean
from libelle.models.neural import Network, NeuralModel, OptimizerConfig, Shape
from libelle.processes.tokens import PADDING_ID


class TransformerNetwork(Network):
    """The network of `Transformer`."""

    def __init__(self, shape: Shape, classes: int, config: "Transformer") -> None:
        super().__init__()
        self.fields = shape.fields
        self.word_dropout, self.ngram_dropout = config.word_dropout, config.ngram_dropout
        dim = config.dim
        self.words = nn.Embedding(shape.words, dim, padding_idx=PADDING_ID, sparse=True)
        self.positions = nn.Embedding(shape.longest, dim)
        self.field = nn.Embedding(shape.fields, dim)
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
        self.ngrams: NgramEncoder | None = None
        self.wide: LinearPath | None = None
        width = dim
        if shape.ngrams:
            self.ngrams = NgramEncoder(shape, dim)
            self.wide = LinearPath(shape, classes) if config.wide else None
            width += self.ngrams.width
        self.dense = Dense(width, config.hidden, classes, config.dropout)

    def paths(self, batch: Batch) -> list[Tensor]:
        """Return the logits of the encoder and, where there are n-grams, of the linear path."""
        dropped = drop_words(batch["words"], self.word_dropout if self.training else 0)
        words, positions, fields, mask = by_record(dropped, batch["word_offsets"], self.fields)
        positions = positions.clamp(max=self.positions.num_embeddings - 1)
        states = self.words(words) + self.positions(positions) + self.field(fields)
        states = self.blocks(self.drop(self.norm(states)), src_key_padding_mask=~mask)
        if self.ngrams is None:
            return [self.dense(masked_mean(states, mask))]
        weights = functional.dropout(batch["ngram_weights"], self.ngram_dropout, self.training)
        bags = batch["ngrams"], batch["ngram_offsets"], weights
        # What the characters say, unknown words included, goes past the encoder.
        joined = torch.cat((masked_mean(states, mask), self.ngrams.encode(*bags)), dim=1)
        return [self.dense(joined)] + ([] if self.wide is None else [self.wide.logits(*bags)])


@dataclass
class Transformer(NeuralModel):
    """Attention over words, positions and fields; the n-grams of each field join its output.

    Attributes:
        dim: size of the embeddings and of the blocks.
        blocks: number of encoder blocks.
        heads: attention heads; `dim` must be a multiple.
        feed_forward: inner size of each block.
        hidden: sizes of the dense layers after pooling; none by default.
        dropout: share dropped in training.
        word_dropout: share of words replaced by `<unknown>` in training, so that unknown words are no surprise.
        ngram_dropout: share of n-grams dropped in training.
        wide: whether the linear path of `mlp` is there.
        norm_first: layer norm before attention and feed-forward instead of after.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"words"})

    dim: Positive = 128
    blocks: Positive = 1
    heads: Positive = 4
    feed_forward: Positive = 256
    hidden: list[Positive] = field(default_factory=list)
    dropout: Part = 0.3
    word_dropout: Part = 0.1
    ngram_dropout: Part = 0.5
    wide: bool = True
    norm_first: bool = False
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(lr=1e-3))

    def __post_init__(self) -> None:
        if self.dim % self.heads:
            raise UserError(f"model.dim={self.dim} is not a multiple of model.heads={self.heads}; change one of them.")

    def network(self, shape: Shape, classes: int) -> TransformerNetwork:
        """Build the network with fresh weights."""
        return TransformerNetwork(shape, classes, self)

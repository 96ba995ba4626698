"""Model `mlp`: encoded words and bags of n-grams into a multi-layer perceptron, beside a linear path.

The linear ("wide") path sees every n-gram with a weight of its own for each class, as a linear model on TF-IDF does;
the deep path sees embeddings (Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems"; Joulin et al. 2017,
"Bag of Tricks for Efficient Text Classification").
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from libelle.components import Part, Positive
from libelle.models.batches import Batch
from libelle.models.encoders import BagEncoder, LSTMEncoder
from libelle.models.neural import LinearPath, Network, NeuralModel, Shape, drop_words


class MLPNetwork(Network):
    """The network of `MLP`."""

    def __init__(self, shape: Shape, classes: int, config: "MLP") -> None:
        super().__init__()
        self.fields = shape.fields
        self.word_dropout, self.ngram_dropout = config.word_dropout, config.ngram_dropout
        fused = config.fusion == "fused"
        self.words: BagEncoder | LSTMEncoder
        if config.encoder == "lstm":
            self.words = LSTMEncoder(shape, config.word_dim, config.lstm, fused=fused)
        else:
            self.words = BagEncoder(shape, config.word_dim, fused=fused)
        width = self.words.width
        self.ngrams: nn.EmbeddingBag | None = None
        self.wide: LinearPath | None = None
        if shape.ngrams:
            self.ngrams = nn.EmbeddingBag(
                shape.ngrams, config.ngram_dim, mode="sum", include_last_offset=True, sparse=True
            )
            nn.init.normal_(self.ngrams.weight, std=0.1)
            width += shape.fields * config.ngram_dim
            if config.wide:
                self.wide = LinearPath(shape, classes)
        sizes = [width, *config.hidden]
        self.norm = nn.LayerNorm(sizes[0])
        self.drop = nn.Dropout(config.dropout)
        self.hidden = nn.Sequential(
            *(
                nn.Sequential(nn.Linear(wide, narrow), nn.GELU(), nn.Dropout(config.dropout))
                for wide, narrow in pairwise(sizes)
            )
        )
        self.head = nn.Linear(sizes[-1], classes)

    def paths(self, batch: Batch) -> list[Tensor]:
        """Return the logits of the deep path and, where there are n-grams, of the linear one."""
        words = drop_words(batch["words"], self.word_dropout if self.training else 0)
        parts = [self.words(words, batch["word_offsets"])]
        wide = []
        if self.ngrams is not None:
            weights = functional.dropout(batch["ngram_weights"], self.ngram_dropout, self.training)
            bags = batch["ngrams"], batch["ngram_offsets"], weights
            parts.extend(self.ngrams(*bags).view(self.fields, len(parts[0]), -1))
            if self.wide is not None:
                wide.append(self.wide.logits(*bags))
        return [self.head(self.hidden(self.drop(self.norm(torch.cat(parts, dim=1))))), *wide]


@dataclass
class MLP(NeuralModel):
    """The fast default.

    Attributes:
        encoder: of the words: `bag` averages their embeddings, `lstm` runs bidirectional LSTMs over them.
        fusion: `concat` encodes each field by itself; `fused` joins them, each word marked with its field.
        lstm: sizes of the LSTMs, one on the other.
        word_dim: size of the word embeddings.
        ngram_dim: size of the n-gram embeddings.
        hidden: sizes of the hidden layers.
        dropout: share of inputs dropped before each layer in training.
        word_dropout: share of words replaced by `<unknown>` in training, so that unknown words are no surprise.
        ngram_dropout: share of n-grams dropped in training.
        wide: whether the linear path is there.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"words"})

    encoder: Literal["bag", "lstm"] = "bag"
    fusion: Literal["concat", "fused"] = "concat"
    lstm: Annotated[list[Positive], Field(min_length=1)] = field(default_factory=lambda: [128, 64])
    word_dim: Positive = 64
    ngram_dim: Positive = 64
    hidden: list[Positive] = field(default_factory=lambda: [256])
    dropout: Part = 0.3
    word_dropout: Part = 0.1
    ngram_dropout: Part = 0.5
    wide: bool = True

    def network(self, shape: Shape, classes: int) -> MLPNetwork:
        """Build the network with fresh weights."""
        return MLPNetwork(shape, classes, self)

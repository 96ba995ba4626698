"""Model `mlp`: embedding bags of each field's words and n-grams into a multi-layer perceptron, beside a linear path.

The linear ("wide") path sees every n-gram with a weight of its own for each class, as a linear model on TF-IDF does; the
deep path sees embeddings (Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems"; Joulin et al. 2017, "Bag of
Tricks for Efficient Text Classification").
"""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from libelle.models.batches import Batch
from libelle.models.neural import LinearPath, Network, NeuralModel, Shape, drop_words
from libelle.processes.tokens import PADDING_ID


class MLPNetwork(Network):
    """The network of `MLP`."""

    def __init__(self, shape: Shape, classes: int, config: "MLP") -> None:
        super().__init__()
        self.fields = shape.fields
        self.word_dropout, self.ngram_dropout = config.word_dropout, config.ngram_dropout
        self.words = nn.EmbeddingBag(
            shape.words, config.word_dim, mode="mean", include_last_offset=True, sparse=True, padding_idx=PADDING_ID
        )
        nn.init.normal_(self.words.weight, std=0.1)
        width = config.word_dim
        self.ngrams: nn.EmbeddingBag | None = None
        self.wide: LinearPath | None = None
        if shape.ngrams:
            self.ngrams = nn.EmbeddingBag(
                shape.ngrams, config.ngram_dim, mode="sum", include_last_offset=True, sparse=True
            )
            nn.init.normal_(self.ngrams.weight, std=0.1)
            width += config.ngram_dim
            if config.wide:
                self.wide = LinearPath(shape, classes)
        sizes = [shape.fields * width, *config.hidden]
        self.norm = nn.LayerNorm(sizes[0])
        self.drop = nn.Dropout(config.dropout)
        self.hidden = nn.Sequential(
            *(
                nn.Sequential(nn.Linear(wide, narrow), nn.GELU(), nn.Dropout(config.dropout))
                for wide, narrow in zip(sizes, sizes[1:], strict=False)
            )
        )
        self.head = nn.Linear(sizes[-1], classes)

    def paths(self, batch: Batch) -> list[Tensor]:
        """Return the logits of the deep path and, where there are n-grams, of the linear one."""
        words = drop_words(batch["words"], self.word_dropout if self.training else 0)
        parts = [self._by_field(self.words(words, batch["word_offsets"]))]
        wide = []
        if self.ngrams is not None:
            weights = functional.dropout(batch["ngram_weights"], self.ngram_dropout, self.training)
            bags = batch["ngrams"], batch["ngram_offsets"], weights
            parts.append(self._by_field(self.ngrams(*bags)))
            if self.wide is not None:
                wide.append(self.wide.logits(*bags))
        return [self.head(self.hidden(self.drop(self.norm(torch.cat(parts, dim=1))))), *wide]

    def _by_field(self, embedded: Tensor) -> Tensor:
        """From [fields x rows, dim] to [rows, fields x dim]."""
        rows = len(embedded) // self.fields
        return embedded.view(self.fields, rows, -1).transpose(0, 1).reshape(rows, -1)


@dataclass
class MLP(NeuralModel):
    """The fast default.

    Attributes:
        word_dim: size of the word embeddings.
        ngram_dim: size of the n-gram embeddings.
        hidden: sizes of the hidden layers.
        dropout: share of inputs dropped before each layer in training.
        word_dropout: share of words replaced by `<unknown>` in training, so that unknown words are no surprise.
        ngram_dropout: share of n-grams dropped in training.
        wide: whether the linear path is there.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"words"})

    word_dim: int = 64
    ngram_dim: int = 64
    hidden: list[int] = field(default_factory=lambda: [256])
    dropout: float = 0.3
    word_dropout: float = 0.1
    ngram_dropout: float = 0.5
    wide: bool = True

    def network(self, shape: Shape, classes: int) -> MLPNetwork:
        """Build the network with fresh weights."""
        return MLPNetwork(shape, classes, self)

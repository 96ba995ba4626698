"""Model `mlp`: embedding bags of each field's words and n-grams into a multi-layer perceptron, beside a linear path.

The linear ("wide") path sees every n-gram with a weight of its own for each class, as a linear model on TF-IDF does; the
deep path sees embeddings (Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems"; Joulin et al. 2017, "Bag of
Tricks for Efficient Text Classification").
"""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from libelle.models.batches import Batch
from libelle.models.neural import NeuralModel, Shape
from libelle.processes.tokens import PADDING_ID


class MLPNetwork(nn.Module):
    """The network of `MLP`; arguments as there."""

    def __init__(
        self,
        shape: Shape,
        classes: int,
        word_dim: int,
        ngram_dim: int,
        hidden: list[int],
        dropout: float,
        wide: bool,
    ) -> None:
        super().__init__()
        self.fields = shape.fields
        self.words = nn.EmbeddingBag(
            shape.words, word_dim, mode="mean", include_last_offset=True, sparse=True, padding_idx=PADDING_ID
        )
        nn.init.normal_(self.words.weight, std=0.1)
        width = word_dim
        self.ngrams: nn.EmbeddingBag | None = None
        self.wide: nn.EmbeddingBag | None = None
        if shape.ngrams:
            self.ngrams = nn.EmbeddingBag(shape.ngrams, ngram_dim, mode="sum", include_last_offset=True, sparse=True)
            nn.init.normal_(self.ngrams.weight, std=0.1)
            width += ngram_dim
            if wide:
                self.wide = nn.EmbeddingBag(shape.ngrams, classes, mode="sum", include_last_offset=True, sparse=True)
                nn.init.zeros_(self.wide.weight)
        sizes = [shape.fields * width, *hidden]
        self.norm = nn.LayerNorm(sizes[0])
        self.drop = nn.Dropout(dropout)
        self.hidden = nn.Sequential(
            *(
                nn.Sequential(nn.Linear(wide_, narrow), nn.GELU(), nn.Dropout(dropout))
                for wide_, narrow in zip(sizes, sizes[1:], strict=False)
            )
        )
        self.head = nn.Linear(sizes[-1], classes)

    def forward(self, batch: Batch) -> Tensor:
        """Return logits, float32 [rows, classes]."""
        parts = [self._by_field(self.words(batch["words"], batch["word_offsets"]))]
        if self.ngrams is not None:
            bags = batch["ngrams"], batch["ngram_offsets"], batch["ngram_weights"]
            parts.append(self._by_field(self.ngrams(*bags)))
        logits = self.head(self.hidden(self.drop(self.norm(torch.cat(parts, dim=1)))))
        if self.wide is not None:
            logits = logits + self.wide(*bags).view(self.fields, len(logits), -1).sum(0)
        return logits

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
        wide: whether the linear path is there.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"words"})

    word_dim: int = 64
    ngram_dim: int = 64
    hidden: list[int] = field(default_factory=lambda: [256])
    dropout: float = 0.3
    wide: bool = True

    def network(self, shape: Shape, classes: int) -> nn.Module:
        """Build the network with fresh weights."""
        return MLPNetwork(shape, classes, self.word_dim, self.ngram_dim, self.hidden, self.dropout, self.wide)

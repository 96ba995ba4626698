"""Model `mlp`: multi-layer perceptrons on encoded words and on bags of n-grams, beside a linear path.

The linear ("wide") path sees every n-gram with a weight of its own for each class, as a linear model on TF-IDF does;
the deep paths see embeddings (Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems"; Joulin et al. 2017,
"Bag of Tricks for Efficient Text Classification"). Words and n-grams have a path each, since they err differently.
"""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from libelle.components import Part, Positive
from libelle.models.batches import Batch
from libelle.models.encoders import BagEncoder, LSTMEncoder
from libelle.models.layers import Dense, LinearPath, NgramEncoder, drop_words
from libelle.models.neural import Network, NeuralModel, Shape


class MLPNetwork(Network):
    """The network of `MLP`: one deep path from the words, one from the n-grams, and the linear one."""

    def __init__(self, shape: Shape, classes: int, config: "MLP") -> None:
        super().__init__()
        self.word_dropout, self.ngram_dropout = config.word_dropout, config.ngram_dropout
        fused = config.fusion == "fused"
        self.words: BagEncoder | LSTMEncoder
        if config.encoder == "lstm":
            self.words = LSTMEncoder(shape, config.word_dim, config.lstm, fused=fused)
        else:
            self.words = BagEncoder(shape, config.word_dim, fused=fused)
        self.words_dense = Dense(self.words.width, config.hidden, classes, config.dropout)
        self.ngrams: NgramEncoder | None = None
        self.wide: LinearPath | None = None
        if shape.ngrams:
            self.ngrams = NgramEncoder(shape, config.ngram_dim)
            self.ngrams_dense = Dense(self.ngrams.width, config.hidden, classes, config.dropout)
            self.wide = LinearPath(shape, classes) if config.wide else None

    def paths(self, batch: Batch) -> list[Tensor]:
        """Return the logits of the words and, where there are n-grams, of these and of the linear path."""
        words = drop_words(batch["words"], self.word_dropout if self.training else 0)
        logits = [self.words_dense(self.words(words, batch["word_offsets"]))]
        if self.ngrams is not None:
            weights = functional.dropout(batch["ngram_weights"], self.ngram_dropout, self.training)
            bags = batch["ngrams"], batch["ngram_offsets"], weights
            logits.append(self.ngrams_dense(self.ngrams.encode(*bags)))
            if self.wide is not None:
                logits.append(self.wide.logits(*bags))
        return logits


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

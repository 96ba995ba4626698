"""What `mlp` and `transformer` share: a path from the words, one from the n-grams, and a linear one.

The linear ("wide") path sees every n-gram with a weight of its own for each class, as a linear model on TF-IDF does;
the deep paths see embeddings (Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems"; Joulin et al. 2017,
"Bag of Tricks for Efficient Text Classification"). Words and n-grams have a path each, since they err differently. The
linear path is a support vector machine, one class against the others, solved before training
begins (`linear_path.py`): on small sets it is the strongest linear model.
"""

from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor

from libelle.components import AboveZero, PartialShare, Positive
from libelle.features import Dataset, Features, Ints
from libelle.memory import require_memory
from libelle.models.base import Training
from libelle.models.batches import Batch, make_batch, stack_items
from libelle.models.encoders import WordEncoder
from libelle.models.item_cache import ItemCache
from libelle.models.layers import Dense, NgramEncoder, drop_words
from libelle.models.linear_path import LinearPath
from libelle.models.network import Network, Shape
from libelle.models.neural import NeuralModel
from libelle.progress import stage

#: What a batch holds instead of the parts of its items, where this is known.
ITEM_TABLES = ("item_vectors", "item_logits")


class PathsNetwork(Network):
    """A word encoder with its dense layers, and beside it what the n-grams say."""

    def __init__(self, encoder: WordEncoder, shape: Shape, classes: int, config: "PathsModel") -> None:
        super().__init__()
        self.word_dropout, self.ngram_dropout = config.word_dropout, config.ngram_dropout
        self.words = encoder
        if config.freeze_words:
            encoder.freeze_words()
        self.words_dense = Dense(encoder.width, config.hidden, classes, config.dropout)
        self.ngrams: NgramEncoder | None = None
        self.wide: LinearPath | None = None
        if shape.parts:
            self.ngrams = NgramEncoder(shape, config.ngram_dim)
            self.ngrams_dense = Dense(self.ngrams.width, config.ngram_hidden, classes, config.dropout)
            self.wide = LinearPath(shape, classes) if config.wide else None
        deep = 1 if self.ngrams is None else 2
        self.make_pool([False] * deep + [True] * (self.wide is not None))

    def paths(self, batch: Batch) -> list[Tensor]:
        """Return the logits of the words and, where there are n-grams, of these and of the linear path.

        The linear path is not trained by steps: it is left out then.
        """
        words = drop_words(batch["words"], self.word_dropout if self.training else 0)
        logits = [self.words_dense(self.words(words, batch["word_offsets"], batch.get("unseen")))]
        if self.ngrams is not None:
            tables = [batch[name] for name in ITEM_TABLES if name in batch] or self.of_items(batch)
            logits.append(self.ngrams_dense(self.ngrams.encode(batch, tables[0])))
            if self.wide is not None and not self.training:
                logits.append(self.wide.logits(batch, tables[1]))
        return logits

    def of_items(self, batch: Batch) -> list[Tensor]:
        """What the paths of the n-grams compute of items by themselves, float32 [items, ...], from their parts."""
        assert self.ngrams is not None
        tables = [self.ngrams.of_items(batch, self.ngram_dropout if self.training else 0)]
        return tables if self.wide is None or self.training else [*tables, self.wide.of_items(batch)]


@dataclass
class PathsModel(NeuralModel):
    """Keys of all models with these paths.

    Attributes:
        hidden: sizes of the hidden layers after the word encoder.
        ngram_dim: size of the n-gram embeddings.
        ngram_hidden: sizes of the hidden layers after them.
        dropout: share of inputs dropped before each layer in training.
        word_dropout: share of words replaced by `<unknown>` in training, so that unknown words are no surprise.
        ngram_dropout: share of n-grams that the embeddings' path does not see in training.
        wide: whether the linear path is there.
        wide_cost: inverse strength of the linear path's penalty.
        freeze_words: whether the vectors that the process gives stay as they are.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"words"})

    hidden: list[Positive] = field(default_factory=lambda: [256])
    ngram_dim: Positive = 64
    ngram_hidden: list[Positive] = field(default_factory=lambda: [256])
    dropout: PartialShare = 0.3
    word_dropout: PartialShare = 0.1
    ngram_dropout: PartialShare = 0.5
    wide: bool = True
    wide_cost: AboveZero = 0.5
    freeze_words: bool = False

    def __post_init__(self) -> None:
        self._items: ItemCache | None = None
        if self.freeze_words:
            self.needs = self.needs | {"vectors"}  # type: ignore[misc]  # by config, more than the class needs

    def __getstate__(self) -> dict[str, Any]:
        """Leave what is kept between calls, and its lock, out of copies and pickles."""
        return {**vars(self), "_items": None}

    @abstractmethod
    def encoder(self, shape: Shape) -> WordEncoder:
        """Build the word encoder with fresh weights."""

    def fit(self, train: Dataset, validation: Dataset, classes: int, training: Training) -> Self:
        """Train with Lightning; the weights of the best epoch on `validation` are kept."""
        self._items = None
        return super().fit(train, validation, classes, training)

    def begin(self, train: Dataset) -> None:
        """Solve the linear path."""
        wide = getattr(self.network_, "wide", None)
        if wide is not None and train.features.bag is not None:
            costs = np.full(len(train), self.wide_cost)
            if self.loss.class_weights == "balanced":
                _, codes, counts = np.unique(train.targets, return_inverse=True, return_counts=True)
                costs *= len(train) / (len(counts) * counts[codes])
            # Some fourteen arrays of rows and columns stand beside each other while it is solved.
            cells = len(train) * (1 if self.classes_ == 2 else self.classes_)
            require_memory(4 * 14 * cells, "model: solving the linear path", "set model.wide=false")
            with stage("solving the linear path"):
                wide.learn(train.features.bag, train.targets, costs)

    def batch(self, features: Features, rows: Ints) -> Batch:
        """Some rows as tensors; what the network makes of items that it has met before is not computed again."""
        network, bags = self.network_, features.bag
        if bags is None or not isinstance(network, PathsNetwork) or network.ngrams is None:
            return make_batch(features, rows)
        if self._items is None or self._items.known is not bags.known:
            self._items = ItemCache(bags.known, network.of_items)
        texts, distinct = stack_items(bags, rows)
        tables = self._items.look_up(bags, distinct)
        return make_batch(replace(features, bag=None), rows) | texts | dict(zip(ITEM_TABLES, tables, strict=False))

    def network(self, shape: Shape, classes: int) -> PathsNetwork:
        """Build the network with fresh weights."""
        return PathsNetwork(self.encoder(shape), shape, classes, self)

"""The network of `mlp` and `transformer`: a path from the words, one from the n-grams, and a linear one.

Categories and numbers are seen by all three.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from libelle.models.batches import Batch
from libelle.models.encoders import WordEncoder
from libelle.models.layers import ColumnEncoder, Dense, NgramEncoder, drop_words
from libelle.models.linear_path import LinearPath
from libelle.models.network import Shape, embedding_dim
from libelle.models.torch_network import Network

if TYPE_CHECKING:
    from libelle.models.paths import PathsModel


class PathsNetwork(Network):
    """A word encoder with its dense layers, and beside it what the n-grams say."""

    def __init__(self, encoder: WordEncoder, shape: Shape, classes: int, config: "PathsModel") -> None:
        super().__init__()
        self.word_dropout, self.ngram_dropout = config.word_dropout, config.ngram_dropout
        self.words = encoder
        if config.freeze_words:
            encoder.freeze_words()
        self.columns = ColumnEncoder(shape.columns) if shape.columns else None
        beside = 0 if self.columns is None else self.columns.width
        self.words_dense = Dense(encoder.width + beside, config.hidden, classes, config.dropout)
        self.ngrams: NgramEncoder | None = None
        self.wide: LinearPath | None = None
        if shape.parts:
            self.ngrams = NgramEncoder(shape, config.ngram_dim or embedding_dim(classes))
            self.ngrams_dense = Dense(self.ngrams.width + beside, config.ngram_hidden, classes, config.dropout)
            self.wide = LinearPath(shape, classes) if config.wide else None
        deep = 1 if self.ngrams is None else 2
        self.make_pool([False] * deep + [True] * (self.wide is not None))

    def paths(self, batch: Batch) -> list[Tensor]:
        """Return the logits of the words and, where there are n-grams, of these and of the linear path.

        The linear path is not trained by steps: it is left out then.
        """
        beside = [] if self.columns is None else [self.columns.encode(batch)]
        logits = [self._of_words(batch, beside)]
        if self.ngrams is not None:
            vectors = self.ngrams.of_items(batch, self.ngram_dropout if self.training else 0)
            logits.append(self._with(self.ngrams_dense, self.ngrams.encode(batch, vectors), beside))
            if self.wide is not None and not self.training:
                logits.append(self.wide.logits(batch))
        return logits

    def of_words(self, batch: Batch) -> Tensor:
        """Return the logits of the path from the words, float32 [rows, classes]."""
        return self._of_words(batch, [] if self.columns is None else [self.columns.encode(batch)])

    def _of_words(self, batch: Batch, beside: list[Tensor]) -> Tensor:
        words = drop_words(batch["words"], self.word_dropout if self.training else 0)
        return self._with(self.words_dense, self.words(words, batch["word_offsets"], batch.get("unseen")), beside)

    @staticmethod
    def _with(dense: Dense, texts: Tensor, beside: list[Tensor]) -> Tensor:
        """Logits of texts, float32 [rows, classes], and of the categories and numbers beside them."""
        logits: Tensor = dense(torch.cat([texts, *beside], dim=1) if beside else texts)
        return logits

"""Layers that several networks have."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from libelle.models.network import Shape
from libelle.processes.tokens import PADDING_ID, UNKNOWN_ID


class Dense(nn.Sequential):
    """Layer norm, then dense layers with dropout before each, down to the logits."""

    def __init__(self, width: int, hidden: list[int], classes: int, dropout: float) -> None:
        layers: list[nn.Module] = [nn.LayerNorm(width), nn.Dropout(dropout)]
        for wide, narrow in pairwise([width, *hidden]):
            layers += [nn.Linear(wide, narrow), nn.GELU(), nn.Dropout(dropout)]
        super().__init__(*layers, nn.Linear([width, *hidden][-1], classes))


class NgramEncoder(nn.EmbeddingBag):
    """The sum of the n-grams' embeddings, weighted by TF-IDF, each bag by itself."""

    def __init__(self, shape: Shape, dim: int) -> None:
        super().__init__(shape.ngrams, dim, mode="sum", include_last_offset=True, sparse=True)
        nn.init.normal_(self.weight, std=0.1)
        self.bags = shape.bags
        self.width = shape.bags * dim

    def encode(self, ngrams: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
        """Return float32 [rows, width]."""
        by_bag: Tensor = self(ngrams, offsets, weights)
        return by_bag.view(self.bags, -1, self.embedding_dim).transpose(0, 1).reshape(-1, self.width)


class LinearPath(nn.EmbeddingBag):
    """Logits as a linear function of the n-grams' TF-IDF weights, summed over the bags.

    Divided by the root of their number: a step of SGD then moves a record's logits as far with many bags as with one.

    Plain SGD trains it, as in fastText (Joulin et al. 2017): Adam would move the weights of a rare n-gram as far as
    those of a frequent one, and they would fit its few rows by heart.
    """

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__(shape.ngrams, classes, mode="sum", include_last_offset=True, sparse=True)
        nn.init.zeros_(self.weight)
        self.bags = shape.bags

    def logits(self, ngrams: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
        """Return logits, float32 [rows, classes]."""
        by_bag: Tensor = self(ngrams, offsets, weights)
        return by_bag.view(self.bags, -1, by_bag.shape[1]).sum(0) / math.sqrt(self.bags)


def drop_words(words: Tensor, share: float) -> Tensor:
    """Replace a share of the words by `<unknown>`, at random (Iyyer et al. 2015, "Deep Unordered Composition")."""
    if not share:
        return words
    dropped = torch.rand(words.shape, device=words.device) < share
    return words.masked_fill(dropped & (words != PADDING_ID), UNKNOWN_ID)


def drop_ngrams(ngrams: Tensor, offsets: Tensor, weights: Tensor, share: float) -> tuple[Tensor, Tensor, Tensor]:
    """Leave out a share of the n-grams, at random, and scale the others up, as dropout does.

    Left out, and not weighed 0: neither their embeddings nor the optimiser's moments need to be touched.
    """
    if not share:
        return ngrams, offsets, weights
    kept = torch.rand(weights.shape, device=weights.device) >= share
    before = functional.pad(kept.cumsum(0), (1, 0))
    return ngrams[kept], before[offsets], weights[kept] / (1 - share)


def masked_mean(states: Tensor, mask: Tensor) -> Tensor:
    """Average [rows, longest, width] over the tokens that are there; every row has at least one."""
    weights = mask.unsqueeze(2).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1)

"""Layers that several networks have."""

from itertools import pairwise

import numpy as np
import scipy.sparse
import torch
from torch import Tensor, nn
from torch.nn import functional

from libelle.models.batches import Batch
from libelle.models.dropout import Dropout
from libelle.models.network import Shape
from libelle.models.sums import sum_rows
from libelle.processes.tokens import PADDING_ID, UNKNOWN_ID

#: Size of what is made of categories and numbers.
COLUMN_DIM = 64


class Dense(nn.Sequential):
    """Layer norm, then dense layers with dropout before each, down to the logits."""

    def __init__(self, width: int, hidden: list[int], classes: int, dropout: float) -> None:
        layers: list[nn.Module] = [nn.LayerNorm(width), Dropout(dropout)]
        for wide, narrow in pairwise([width, *hidden]):
            layers += [nn.Linear(wide, narrow), nn.GELU(), Dropout(dropout)]
        super().__init__(*layers, nn.Linear([width, *hidden][-1], classes))


class NgramEncoder(nn.EmbeddingBag):
    """The sum of the embeddings of a text's n-grams, each field by itself."""

    def __init__(self, shape: Shape, dim: int) -> None:
        super().__init__(shape.parts, dim, mode="sum", include_last_offset=True, sparse=True)
        nn.init.normal_(self.weight, std=0.1)
        self.width = shape.fields * dim

    def of_items(self, batch: Batch, dropout: float) -> Tensor:
        """Embed items, float32 [items, dim]; `dropout` is the share of their parts that are left out."""
        parts = drop_ngrams(batch["parts"], batch["part_offsets"], batch["part_weights"], dropout)
        return sum_rows(self.weight, *parts, sparse=True)

    def encode(self, batch: Batch, items: Tensor) -> Tensor:
        """Return float32 [rows, width] from the embeddings of the batch's items."""
        by_text = sum_items(batch, items, batch["field_weights"])
        return by_text.view(self.width // self.embedding_dim, -1, self.embedding_dim).transpose(0, 1).flatten(1)


class ColumnEncoder(nn.EmbeddingBag):
    """A dense layer of the categories and numbers of a row: the sum of their embeddings, and GELU."""

    def __init__(self, columns: int) -> None:
        super().__init__(columns, COLUMN_DIM, mode="sum", include_last_offset=True, sparse=True)
        nn.init.normal_(self.weight, std=0.1)
        self.bias = nn.Parameter(torch.zeros(COLUMN_DIM))
        self.width = COLUMN_DIM

    def start(self, table: scipy.sparse.csr_array) -> None:
        """Let columns that no training row has, as that of unknown categories may be, mean nothing."""
        unused = np.bincount(table.indices, minlength=table.shape[1]) == 0
        with torch.no_grad():
            self.weight[torch.from_numpy(unused)] = 0

    def encode(self, batch: Batch) -> Tensor:
        """Return float32 [rows, width]."""
        values = batch["columns"], batch["column_offsets"], batch["column_weights"]
        return functional.gelu(sum_rows(self.weight, *values, sparse=True) + self.bias)


def sum_items(batch: Batch, vectors: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of the vectors of each text's items, float32 [fields x rows, dim].

    Args:
        batch: as `make_batch` makes it.
        vectors: float32 [distinct items, dim].
        weights: float32 [items].
    """
    return sum_rows(vectors, batch["items"], batch["item_offsets"], weights, sparse=False)


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
    tokens = mask.unsqueeze(1).to(states.dtype)
    # Shares, not a sum that is divided: in half precision it could be too large.
    return torch.bmm(tokens / tokens.sum(2, keepdim=True), states).squeeze(1)

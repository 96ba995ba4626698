"""Embeddings of words: learnt from nothing, or from the vectors that the process gives."""

from typing import Any

import torch
from torch import Tensor, nn

from libelle.features import Vectors
from libelle.processes.tokens import SPECIAL

_STD = 0.1


class WordEmbedding(nn.Embedding):
    """A table that starts at random."""

    def __init__(self, size: int, dim: int) -> None:
        super().__init__(size, dim, sparse=True)
        nn.init.normal_(self.weight, std=_STD)

    def forward(self, ids: Tensor, unseen: Tensor | None = None) -> Tensor:
        """Return float32 [..., dim]; there are no unseen words where there are no vectors."""
        return super().forward(ids)


class VectorEmbedding(nn.Module):
    """A table that starts from given vectors, which also serve words outside the vocabulary.

    Where the vectors have another size than the model wants, a linear map leads from one to the other. The special
    tokens have no vectors: they are learnt in any case.
    """

    scale: Tensor

    def __init__(self, size: int, given: int, dim: int) -> None:
        super().__init__()
        self.table = nn.Embedding(size, given, sparse=True)
        self.special = nn.Embedding(len(SPECIAL), dim)
        nn.init.normal_(self.special.weight, std=_STD)
        self.map: Any = nn.Linear(given, dim, bias=False) if given != dim else nn.Identity()
        self.register_buffer("scale", torch.ones(()))

    def start(self, vectors: Vectors) -> None:
        """Take the vectors, all multiplied by one factor: those of small texts are tiny, and would hardly be seen."""
        known = torch.from_numpy(vectors.vocabulary[len(SPECIAL) :].copy())
        size = known.square().mean().sqrt() if len(known) else torch.zeros(())
        with torch.no_grad():
            self.scale.copy_(_STD / size if size > 0 else torch.ones(()))
            self.table.weight.zero_()
            self.table.weight[len(SPECIAL) :] = known * self.scale

    def freeze(self) -> None:
        """Let training leave the vectors as they are."""
        self.table.weight.requires_grad_(False)

    def forward(self, ids: Tensor, unseen: Tensor | None = None) -> Tensor:
        """Return float32 [..., dim].

        Args:
            ids: integers of any shape; those from the vocabulary's size on are rows of `unseen`.
            unseen: float32 [words, size of the given vectors].
        """
        size = self.table.num_embeddings
        states = self.table(ids.clamp(max=size - 1))
        if unseen is not None and len(unseen):
            outside = (ids >= size).unsqueeze(-1)
            states = torch.where(outside, unseen[(ids - size).clamp(min=0)] * self.scale, states)
        states = self.map(states)
        special = (ids < len(SPECIAL)).unsqueeze(-1)
        mixed: Tensor = torch.where(special, self.special(ids.clamp(max=len(SPECIAL) - 1)), states)
        return mixed

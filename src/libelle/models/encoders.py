"""Word encoders of `mlp`: from the words of each record to one vector.

Fields are encoded one by one and concatenated, or fused: joined into one sequence, each word marked with its field.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from libelle.models.batches import by_field, by_record
from libelle.models.layers import masked_mean
from libelle.models.neural import Shape
from libelle.processes.tokens import PADDING_ID


class BagEncoder(nn.Module):
    """The average of the words' embeddings; `width` is the size of a record's vector."""

    def __init__(self, shape: Shape, dim: int, *, fused: bool) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(
            shape.words, dim, mode="mean", include_last_offset=True, sparse=True, padding_idx=PADDING_ID
        )
        nn.init.normal_(self.words.weight, std=0.1)
        self.fields = shape.fields
        self.field = _field_marks(shape, dim) if fused else None
        self.width = dim if fused else shape.fields * dim

    def forward(self, words: Tensor, offsets: Tensor) -> Tensor:
        """Return float32 [rows, width]."""
        means = self.words(words, offsets).view(self.fields, -1, self.words.embedding_dim)
        if self.field is None:
            by_row: Tensor = means.transpose(0, 1).reshape(-1, self.width)
            return by_row
        lengths = offsets.diff().view(self.fields, -1, 1)
        total: Tensor = ((means + self.field.weight.unsqueeze(1)) * lengths).sum(0)
        return total / lengths.sum(0)


class LSTMEncoder(nn.Module):
    """Bidirectional LSTMs, one on the other; the average of their outputs. `width` is the size of a record's vector.

    Hochreiter and Schmidhuber 1997, "Long Short-Term Memory". Sequences are packed: padding is neither computed nor
    averaged, so that a record's vector does not depend on its batch.
    """

    def __init__(self, shape: Shape, dim: int, sizes: list[int], *, fused: bool) -> None:
        super().__init__()
        self.words = nn.Embedding(shape.words, dim, padding_idx=PADDING_ID, sparse=True)
        nn.init.normal_(self.words.weight, std=0.1)
        self.fields = shape.fields
        self.field = _field_marks(shape, dim) if fused else None
        inputs = [dim, *(2 * size for size in sizes[:-1])]
        self.stacks = nn.ModuleList(
            nn.ModuleList(
                nn.LSTM(width, size, batch_first=True, bidirectional=True)
                for width, size in zip(inputs, sizes, strict=True)
            )
            for _ in range(1 if fused else shape.fields)
        )
        self.width = 2 * sizes[-1] * len(self.stacks)

    def forward(self, words: Tensor, offsets: Tensor) -> Tensor:
        """Return float32 [rows, width]."""
        vectors = []
        for stack, (states, mask) in zip(self.stacks, self._sequences(words, offsets), strict=True):
            packed = pack_padded_sequence(states, mask.sum(1).cpu(), batch_first=True, enforce_sorted=False)
            for lstm in cast(nn.ModuleList, stack):
                packed, _ = lstm(packed)
            vectors.append(masked_mean(pad_packed_sequence(packed, batch_first=True)[0], mask))
        return torch.cat(vectors, dim=1)

    def _sequences(self, words: Tensor, offsets: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Embedded words [rows, longest, dim] and their mask: one pair for each field, or one in all where fused."""
        if self.field is None:
            return [(self.words(ids), mask) for ids, mask in by_field(words, offsets, self.fields)]
        ids, _, fields, mask = by_record(words, offsets, self.fields)
        return [(self.words(ids) + self.field(fields), mask)]


def _field_marks(shape: Shape, dim: int) -> nn.Embedding:
    marks = nn.Embedding(shape.fields, dim)
    nn.init.normal_(marks.weight, std=0.1)
    return marks

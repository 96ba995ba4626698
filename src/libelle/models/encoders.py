"""Word encoders: from the words of each record to one vector.

Fields are encoded one by one and concatenated, or fused: joined into one sequence, each word marked with its field.
Every row has at least one token in each field, since there are markers for missing and empty ones.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from libelle.models.batches import by_field, by_record
from libelle.models.dropout import Dropout
from libelle.models.embedding import VectorEmbedding, WordEmbedding
from libelle.models.encoder_block import EncoderBlock
from libelle.models.layers import masked_mean
from libelle.models.network import Shape
from libelle.models.sums import sum_rows
from libelle.processes.tokens import UNKNOWN_ID


class WordEncoder(nn.Module):
    """Called with the words, their offsets and the unseen vectors of a batch, returns float32 [rows, width]."""

    width: int
    words: nn.Module

    def freeze_words(self) -> None:
        """Leave the vectors that the process gives as they are."""
        assert isinstance(self.words, VectorEmbedding)
        self.words.freeze()


class BagEncoder(WordEncoder):
    """The average of the words' embeddings, and the first words of each field, with embeddings of their own.

    An average knows no order, and the first words often tell most: "how many", "rue", "chef de".
    """

    def __init__(self, shape: Shape, dim: int, *, fused: bool, first_words: int) -> None:
        super().__init__()
        self.fields, self.dim, self.vocabulary = shape.fields, dim, shape.words
        self.first_words = first_words
        self.words: nn.Module = VectorEmbedding(shape.words, shape.vectors, dim) if shape.vectors else nn.Identity()
        # One table, and so one look-up and one step of the optimiser: the words' embeddings, then those of each place.
        self.tables = first_words if shape.vectors else 1 + first_words
        self.table = nn.EmbeddingBag(self.tables * shape.words, dim, mode="mean", include_last_offset=True, sparse=True)
        nn.init.normal_(self.table.weight, std=0.1)
        self.field = _embedding(shape.fields, dim) if fused else None
        self.width = (1 if fused else shape.fields) * dim + first_words * shape.fields * dim

    def forward(self, words: Tensor, offsets: Tensor, unseen: Tensor | None = None) -> Tensor:
        """Return float32 [rows, width]."""
        found = self._look_up(words, offsets, unseen)
        if self.field is None:
            return found.permute(2, 0, 1, 3).flatten(1)
        means, *first = found
        lengths = offsets.diff().view(self.fields, -1, 1)
        mean = ((means + self.field.weight.unsqueeze(1)) * lengths).sum(0) / lengths.sum(0)
        return torch.cat([mean, *(field for place in first for field in place)], dim=1)

    def _look_up(self, words: Tensor, offsets: Tensor, unseen: Tensor | None) -> Tensor:
        """The average of each text's words, then the words in each place, float32 [1 + places, fields, rows, dim]."""
        texts = len(offsets) - 1
        ids, ends, found = [], [], []
        if isinstance(self.words, VectorEmbedding):
            found.append(self._average_vectors(words, offsets, unseen))
        else:
            ids.append(words)
            ends.append(offsets[1:])
        for place in range(self.first_words):
            # In a shorter text, the last word is repeated.
            chosen = words[torch.minimum(offsets[:-1] + place, offsets[1:] - 1)]
            known = torch.where(chosen < self.vocabulary, chosen, UNKNOWN_ID)
            ids.append(known + (self.tables - self.first_words + place) * self.vocabulary)
            start = len(words) if not found else 0
            ends.append(start + torch.arange(place * texts + 1, (place + 1) * texts + 1, device=words.device))
        if ids:
            every = torch.cat([offsets[:1], *ends])
            lengths = every.diff()
            shares = (1 / lengths.to(self.table.weight.dtype)).repeat_interleave(lengths)
            found.append(sum_rows(self.table.weight, torch.cat(ids), every, shares, sparse=True))
        return (found[0] if len(found) == 1 else torch.cat(found)).view(-1, self.fields, texts // self.fields, self.dim)

    def _average_vectors(self, words: Tensor, offsets: Tensor, unseen: Tensor | None) -> Tensor:
        lengths = offsets.diff()
        texts = torch.repeat_interleave(torch.arange(len(lengths), device=words.device), lengths)
        states = self.words(words, unseen)
        sums: Tensor = states.new_zeros(len(lengths), self.dim).index_add(0, texts, states)
        return sums / lengths.unsqueeze(1)


class LSTMEncoder(WordEncoder):
    """Bidirectional LSTMs, one on the other; the average of their outputs.

    Hochreiter and Schmidhuber 1997, "Long Short-Term Memory". Sequences are packed: padding is neither computed nor
    averaged, so that a record's vector does not depend on its batch.
    """

    def __init__(self, shape: Shape, dim: int, sizes: list[int], *, fused: bool) -> None:
        super().__init__()
        self.fields = shape.fields
        self.words = _word_embedding(shape, dim)
        self.field = _embedding(shape.fields, dim) if fused else None
        inputs = [dim, *(2 * size for size in sizes[:-1])]
        self.stacks = nn.ModuleList(
            nn.ModuleList(
                nn.LSTM(width, size, batch_first=True, bidirectional=True)
                for width, size in zip(inputs, sizes, strict=True)
            )
            for _ in range(1 if fused else shape.fields)
        )
        self.width = 2 * sizes[-1] * len(self.stacks)

    def forward(self, words: Tensor, offsets: Tensor, unseen: Tensor | None = None) -> Tensor:
        """Return float32 [rows, width]."""
        vectors = []
        for stack, (states, mask) in zip(self.stacks, self._sequences(words, offsets, unseen), strict=True):
            packed = pack_padded_sequence(states, mask.sum(1).cpu(), batch_first=True, enforce_sorted=False)
            for lstm in cast(nn.ModuleList, stack):
                packed, _ = lstm(packed)
            vectors.append(masked_mean(pad_packed_sequence(packed, batch_first=True)[0], mask))
        return torch.cat(vectors, dim=1)

    def _sequences(self, words: Tensor, offsets: Tensor, unseen: Tensor | None) -> list[tuple[Tensor, Tensor]]:
        """Embedded words [rows, longest, dim] and their mask: one pair for each field, or one in all where fused."""
        if self.field is None:
            return [(self.words(ids, unseen), mask) for ids, mask in by_field(words, offsets, self.fields)]
        ids, _, fields, mask = by_record(words, offsets, self.fields)
        return [(self.words(ids, unseen) + self.field(fields), mask)]


class TransformerEncoder(WordEncoder):
    """Encoder blocks over the words of all fields; the average of their output.

    Vaswani et al. 2017, "Attention Is All You Need"; layer norm comes last there, with `norm_first` first, as in Xiong
    et al. 2020, "On Layer Normalization in the Transformer Architecture".
    """

    def __init__(
        self,
        shape: Shape,
        dim: int,
        *,
        blocks: int,
        heads: int,
        feed_forward: int,
        dropout: float,
        norm_first: bool,
    ) -> None:
        super().__init__()
        self.fields = shape.fields
        self.words = _word_embedding(shape, dim)
        self.positions = _embedding(shape.longest, dim)
        self.field = _embedding(shape.fields, dim)
        self.norm = nn.LayerNorm(dim)
        self.drop = Dropout(dropout)
        self.blocks = nn.ModuleList(
            EncoderBlock(dim, heads, feed_forward, dropout, norm_first=norm_first) for _ in range(blocks)
        )
        self.width = dim

    def forward(self, words: Tensor, offsets: Tensor, unseen: Tensor | None = None) -> Tensor:
        """Return float32 [rows, width]."""
        ids, positions, fields, mask = by_record(words, offsets, self.fields)
        positions = positions.clamp(max=self.positions.num_embeddings - 1)
        states = self.words(ids, unseen) + self.positions(positions) + self.field(fields)
        states = self.drop(self.norm(states))
        *first, last = self.blocks
        for block in first:
            states = block(states, mask)
        averages: Tensor = last.average(states, mask)  # type: ignore[operator]
        return averages


def _word_embedding(shape: Shape, dim: int) -> WordEmbedding | VectorEmbedding:
    if shape.vectors:
        return VectorEmbedding(shape.words, shape.vectors, dim)
    return WordEmbedding(shape.words, dim)


def _embedding(size: int, dim: int) -> nn.Embedding:
    embedding = nn.Embedding(size, dim)
    nn.init.normal_(embedding.weight, std=0.1)
    return embedding

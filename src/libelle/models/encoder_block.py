"""A block of attention and dense layers, as in Vaswani et al. 2017, "Attention Is All You Need".

torch's own has dropout on the weights of attention, which then must be written down, and a faster path for scoring that
on short texts takes longer than this one.
"""

from torch import Tensor, nn
from torch.nn import functional

from libelle.models.dropout import Dropout
from libelle.models.layers import masked_mean


class EncoderBlock(nn.Module):
    """Attention of all tokens of a row to each other, then a dense layer of each; both are added to what comes in."""

    def __init__(self, dim: int, heads: int, feed_forward: int, dropout: float, *, norm_first: bool) -> None:
        super().__init__()
        self.heads, self.norm_first = heads, norm_first
        self.projections, self.output = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.projections.weight)
        for layer in (self.projections, self.output):
            nn.init.zeros_(layer.bias)
        self.feed_forward = nn.Sequential(
            nn.Linear(dim, feed_forward), nn.GELU(), Dropout(dropout), nn.Linear(feed_forward, dim)
        )
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.drop = Dropout(dropout)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return float32 [rows, longest, dim].

        Args:
            states: float32 [rows, longest, dim].
            mask: bool [rows, longest], True where there is a token.
        """
        if self.norm_first:
            states = states + self.drop(self._attend(self.attention_norm(states), mask))
            added: Tensor = states + self.drop(self.feed_forward(self.feed_forward_norm(states)))
            return added
        states = self.attention_norm(states + self.drop(self._attend(states, mask)))
        normed: Tensor = self.feed_forward_norm(states + self.drop(self.feed_forward(states)))
        return normed

    def average(self, states: Tensor, mask: Tensor) -> Tensor:
        """The average over a row's tokens of what `forward` returns, float32 [rows, dim]."""
        if not self.norm_first:
            return masked_mean(self(states, mask), mask)
        states = states + self.drop(self._attend(self.attention_norm(states), mask))
        # What is last is linear: it is applied once a row, to the average; and what is dropped is dropped there.
        inner, last = self.feed_forward[:2], self.feed_forward[2:]
        added = last(masked_mean(inner(self.feed_forward_norm(states)), mask))
        averages: Tensor = self.drop(masked_mean(states, mask) + added)
        return averages

    def _attend(self, states: Tensor, mask: Tensor) -> Tensor:
        if self.heads == 1:
            return self._attend_at_once(states, mask[:, None, None])
        queries, keys, values = self.projections(states).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended: Tensor = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask[:, None, None])
        projected: Tensor = self.output(attended.transpose(1, 2).flatten(2))
        return projected

    def _attend_at_once(self, states: Tensor, mask: Tensor) -> Tensor:
        """Attention of a single head, whose projections are products of weights: two of a token instead of four.

        A query times a key is a product with the states themselves, but for what is the same for all keys, which the
        softmax leaves out; and so is a sum of values.
        """
        query, key, value = self.projections.weight.chunk(3)
        query_bias, _, value_bias = self.projections.bias.chunk(3)
        queries = functional.linear(states, key.T @ query, query_bias @ key)
        keys = states[:, None]
        attended = functional.scaled_dot_product_attention(queries[:, None], keys, keys, attn_mask=mask)[:, 0]
        bias = self.output.weight @ value_bias + self.output.bias
        projected: Tensor = functional.linear(attended, self.output.weight @ value, bias)
        return projected

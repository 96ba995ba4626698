"""Batches of features as tensors, without Lightning."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from libelle.features import Bags, Features, Ints, Ragged, Stack, Vectors, gather

Batch = dict[str, Tensor]
"""`words` int32 [items] and `word_offsets` int64 [fields x rows + 1]: the first field of every row, then the second.
`items` int64 and `item_offsets`, likewise: positions among the distinct items of the batch; `field_weights` float32, so
that each text is of length 1, and `record_weights`, so that all texts of a record are. `parts` int32, `part_offsets`
int64 [distinct items + 1] and `part_weights` float32: what these items are made of.
`columns` int32 [values], `column_offsets` int64 [rows + 1] and `column_weights` float32: categories and numbers.
`row_weights` float32 [rows], in training and validation alone: what each row weighs in the loss.
`unseen` float32 [unseen words, dim], where the process gives vectors: those of the ids that follow the vocabulary's."""


def make_batch(features: Features, rows: Ints) -> Batch:
    """Copy the given rows of the `words` and `bag` blocks, and of the table of columns, into tensors."""
    batch: Batch = {}
    if features.words is not None:
        words, offsets, _ = _stack(features.words, rows)
        batch["words"], batch["word_offsets"] = torch.from_numpy(words), torch.from_numpy(offsets)
        if features.vectors is not None:
            batch["words"], batch["unseen"] = _unseen(words, features.vectors)
    if features.bag is not None:
        texts, distinct = stack_items(features.bag, rows)
        batch |= texts | take_apart(features.bag, distinct)
    if features.table is not None:
        batch |= _columns(features.table[rows])
    return batch


def _columns(table: scipy.sparse.csr_array) -> Batch:
    return {
        "columns": torch.from_numpy(table.indices.astype(np.int32, copy=False)),
        "column_offsets": torch.from_numpy(table.indptr.astype(np.int64)),
        "column_weights": torch.from_numpy(table.data),
    }


def stack_items(bags: Bags, rows: Ints) -> tuple[Batch, Ints]:
    """The items of the given rows as tensors, and the distinct ones among them, in order."""
    items, offsets, weights = _stack(bags.texts, rows)
    squares = bags.squares[bags.texts.index[:, rows]]
    lengths = np.diff(offsets)
    of_records = np.broadcast_to(squares.sum(0), squares.shape)
    distinct, places = np.unique(items, return_inverse=True)
    texts = {
        "items": torch.from_numpy(places),
        "item_offsets": torch.from_numpy(offsets),
        "field_weights": torch.from_numpy(weights / np.sqrt(squares).ravel().repeat(lengths)),
        "record_weights": torch.from_numpy(weights / np.sqrt(of_records).ravel().repeat(lengths)),
    }
    return texts, distinct


def take_apart(bags: Bags, items: Ints) -> Batch:
    """The parts of the given items, which are in order."""
    found = bags.take_apart(items)
    return {
        "parts": torch.from_numpy(found.parts),
        "part_offsets": torch.from_numpy(found.offsets),
        "part_weights": torch.from_numpy(found.weights),
    }


def _stack(block: Mapping[str, Ragged], rows: Ints) -> tuple[Ints, Ints, Any]:
    stack = Stack.of(block)
    return gather(stack.ids, stack.offsets, stack.weights, stack.index[:, rows].ravel())


def _unseen(words: np.ndarray, vectors: Vectors) -> tuple[Tensor, Tensor]:
    """Number the words outside the vocabulary anew, so that a batch carries the vectors of its own alone."""
    size = len(vectors.vocabulary)
    outside = words >= size
    used, codes = np.unique(words[outside], return_inverse=True)
    renumbered = words.copy()
    renumbered[outside] = codes + size
    return torch.from_numpy(renumbered), torch.from_numpy(np.ascontiguousarray(vectors.unseen[used - size]))


def by_field(words: Tensor, offsets: Tensor, fields: int) -> list[tuple[Tensor, Tensor]]:
    """Pad each field's sequences by themselves.

    Args:
        words: int32 [items] of a batch.
        offsets: int64 [fields x rows + 1].
        fields: number of fields.

    Returns:
        For each field, token ids int64 [rows, longest] and a mask that is True where there is a token.
    """
    lengths = offsets.diff().view(fields, -1)
    padded = []
    for part, rows in zip(torch.split(words, lengths.sum(1).tolist()), lengths, strict=True):
        mask = torch.arange(int(rows.max()), device=words.device) < rows.unsqueeze(1)
        ids = torch.zeros(mask.shape, dtype=torch.int64, device=words.device)
        ids[mask] = part.long()
        padded.append((ids, mask))
    return padded


def by_record(words: Tensor, offsets: Tensor, fields: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Join the fields of each record into one padded sequence.

    Args:
        words: int32 [items] of a batch.
        offsets: int64 [fields x rows + 1].
        fields: number of fields.

    Returns:
        Token ids, positions within the field, field numbers (all int64 [rows, longest row]), and a mask that is True
        where there is a token.
    """
    lengths = offsets.diff().view(fields, -1)
    rows = lengths.shape[1]
    starts = lengths.cumsum(0) - lengths
    longest = int(lengths.sum(0).max())
    bag = torch.repeat_interleave(torch.arange(lengths.numel(), device=words.device), lengths.flatten())
    place = torch.arange(len(words), device=words.device) - offsets[bag]
    target = (bag % rows) * longest + starts.flatten()[bag] + place

    def scatter(values: Tensor) -> Tensor:
        # Several times as fast as to assign by index.
        padded = torch.zeros(rows * longest, dtype=torch.int64, device=words.device).scatter_(0, target, values.long())
        return padded.view(rows, longest)

    mask = torch.arange(longest, device=words.device) < lengths.sum(0).unsqueeze(1)
    return scatter(words), scatter(place), scatter(bag // rows), mask

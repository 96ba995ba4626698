"""Batches of features as tensors, without Lightning."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from libelle.features import Bags, Features, Ints, Ragged, Vectors, gather

Batch = dict[str, Tensor]
"""`words` int32 [items] and `word_offsets` int64 [fields x rows + 1]: the first field of every row, then the second.
`items` int64 and `item_offsets`, likewise: positions among the distinct items of the batch; `field_weights` float32, so
that each text is of length 1, and `record_weights`, so that all texts of a record are. `parts` int32, `part_offsets`
int64 [distinct items + 1] and `part_weights` float32: what these items are made of.
`unseen` float32 [unseen words, dim], where the process gives vectors: those of the ids that follow the vocabulary's."""


def make_batch(features: Features, rows: Ints) -> Batch:
    """Copy the given rows of the `words` and `bag` blocks into tensors."""
    batch: Batch = {}
    if features.words is not None:
        batch["words"], batch["word_offsets"], _ = _stack(features.words, rows)
        if features.vectors is not None:
            batch["words"], batch["unseen"] = _unseen(batch["words"].numpy(), features.vectors)
    if features.bag is not None:
        texts, distinct = stack_items(features.bag, rows)
        batch |= texts | take_apart(features.bag, distinct)
    return batch


def stack_items(bags: Bags, rows: Ints) -> tuple[Batch, Ints]:
    """The items of the given rows as tensors, and the distinct ones among them, in order."""
    items, offsets, weights = _stack(bags.texts, rows)
    squares = np.stack([bags.squares[name][data.index[rows]] for name, data in bags.texts.items()])
    lengths = offsets.diff().numpy()
    of_records = np.broadcast_to(squares.sum(0), squares.shape)
    distinct, places = np.unique(items.numpy(), return_inverse=True)
    texts = {
        "items": torch.from_numpy(places),
        "item_offsets": offsets,
        "field_weights": torch.from_numpy(weights / np.sqrt(squares).ravel().repeat(lengths)),
        "record_weights": torch.from_numpy(weights / np.sqrt(of_records).ravel().repeat(lengths)),
    }
    return texts, distinct


def take_apart(bags: Bags, items: Ints) -> Batch:
    """The parts of the given items, which are in order."""
    known = np.searchsorted(items, len(bags.known))
    chosen = ((bags.known, items[:known]), (bags.extra, items[known:] - len(bags.known)))
    first, second = (gather(table.parts, table.offsets, table.weights, rows) for table, rows in chosen)
    assert first[2] is not None
    assert second[2] is not None
    return {
        "parts": torch.from_numpy(np.concatenate([first[0], second[0]])),
        "part_offsets": torch.from_numpy(np.concatenate([first[1], second[1][1:] + first[1][-1]])),
        "part_weights": torch.from_numpy(np.concatenate([first[2], second[2]])),
    }


def _stack(block: Mapping[str, Ragged], rows: Ints) -> tuple[Tensor, Tensor, np.ndarray]:
    parts = [gather(data.ids, data.offsets, data.weights, data.index[rows]) for data in block.values()]
    starts = np.concatenate(([0], np.cumsum([len(ids) for ids, _, _ in parts])))
    offsets = [offsets[:-1] + start for (_, offsets, _), start in zip(parts, starts, strict=False)]
    weights = [weights for _, _, weights in parts if weights is not None]
    return (
        torch.from_numpy(np.concatenate([ids for ids, _, _ in parts])),
        torch.from_numpy(np.concatenate([*offsets, starts[-1:]])),
        np.concatenate(weights) if weights else np.empty(0, np.float32),
    )


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
        padded = torch.zeros(rows * longest, dtype=torch.int64, device=words.device)
        padded[target] = values.long()
        return padded.view(rows, longest)

    mask = torch.zeros(rows * longest, dtype=torch.bool, device=words.device)
    mask[target] = True
    return scatter(words), scatter(place), scatter(bag // rows), mask.view(rows, longest)

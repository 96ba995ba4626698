"""Batches of rows of similar length, and dropout: what they must be, whatever they cost."""

import numpy as np
import pytest
import torch

from libelle.models.bucketing import LengthBuckets
from libelle.models.dropout import Dropout


def batches(lengths: np.ndarray, seed: int = 1) -> list[list[int]]:
    return list(LengthBuckets(lengths, 8, torch.Generator().manual_seed(seed)))


def test_every_row_is_in_one_batch_of_each_epoch() -> None:
    buckets = LengthBuckets(np.arange(1003) % 30, 8, torch.Generator().manual_seed(1))
    first, second = list(buckets), list(buckets)
    for epoch in (first, second):
        assert len(epoch) == len(buckets) == 126
        assert sorted(row for batch in epoch for row in batch) == list(range(1003))
    assert first != second


def test_the_seed_decides_the_batches() -> None:
    lengths = np.arange(200) % 7
    assert batches(lengths) == batches(lengths) != batches(lengths, seed=2)


def test_rows_of_a_batch_are_of_similar_length() -> None:
    lengths = np.random.default_rng(1).integers(1, 100, size=4000)
    padding = sum(8 * lengths[batch].max() for batch in batches(lengths)) / lengths.sum()
    assert padding < 1.1


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_dropout_drops_its_share_and_keeps_the_sum(share: float) -> None:
    torch.manual_seed(1)
    dropped = Dropout(share)(torch.ones(1000, 101))
    assert (dropped == 0).float().mean() == pytest.approx(share, abs=0.005)
    assert dropped.mean() == pytest.approx(1, abs=0.01)
    assert len(dropped.unique()) == 2


def test_dropout_lets_gradients_through_where_it_lets_values_through() -> None:
    torch.manual_seed(1)
    states = torch.ones(50, 3, requires_grad=True)
    dropped = Dropout(0.5)(states)
    dropped.sum().backward()
    assert torch.equal(states.grad, dropped.detach())


def test_dropout_does_nothing_when_it_scores_and_never_drops_all() -> None:
    states = torch.ones(10, 10)
    assert torch.equal(Dropout(0.5).eval()(states), states)
    assert Dropout(0.0)(states) is states
    assert Dropout(0.9999999)(torch.ones(1000, 1000)).isfinite().all()

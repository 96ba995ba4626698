"""Sums of rows: what torch's own `embedding_bag` finds, forwards and backwards."""

import pytest
import torch
from torch.nn import functional

from libelle.models.optimizers import coalesced
from libelle.models.sums import sum_rows


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("sparse", [True, False])
def test_sums_and_their_gradients_are_those_of_embedding_bag(dtype: torch.dtype, sparse: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    ids, offsets = torch.tensor([4, 1, 4, 0, 6, 6, 1], dtype=torch.int32), torch.tensor([0, 3, 3, 4, 7])
    weights = torch.rand(7, generator=generator)
    table = torch.randn(8, 3, generator=generator).to(dtype)
    gradients = []
    for ours in (True, False):
        leaf = table.clone().requires_grad_()
        if ours:
            summed = sum_rows(leaf, ids, offsets, weights, sparse=sparse)
        else:
            summed = functional.embedding_bag(
                ids.long(), leaf, offsets, mode="sum", per_sample_weights=weights.to(dtype), include_last_offset=True
            )
        (summed * torch.arange(12).view(4, 3)).sum().backward()
        assert leaf.grad is not None
        assert leaf.grad.is_sparse == (ours and sparse)
        gradients.append(leaf.grad.to_dense())
    torch.testing.assert_close(gradients[0], gradients[1])


def test_rows_that_two_batches_touch_are_added_up() -> None:
    table = torch.zeros(5, 2, requires_grad=True)
    for ids in (torch.tensor([0, 3]), torch.tensor([1, 3])):
        sum_rows(table, ids, torch.tensor([0, 2]), torch.ones(2), sparse=True).sum().backward()
    assert table.grad is not None
    gradient = coalesced(table.grad)
    assert gradient.indices()[0].tolist() == [0, 1, 3]
    torch.testing.assert_close(gradient.values()[:, 0], torch.tensor([1.0, 1.0, 2.0]))

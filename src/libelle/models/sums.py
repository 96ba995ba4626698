"""Weighted sums of the rows of a table, with a gradient that is cheap where few rows of many are touched."""

from typing import Any

import numpy as np
import scipy.sparse
import torch
from torch import Tensor
from torch.nn import functional

from libelle.features import distinct


def sum_rows(table: Tensor, ids: Tensor, offsets: Tensor, weights: Tensor, *, sparse: bool) -> Tensor:
    """Weighted sums of rows, float [bags, dim].

    Args:
        table: float [rows, dim].
        ids: int [items], the rows of one bag after the other.
        offsets: int [bags + 1], where each bag begins.
        weights: float [items], which have no gradient.
        sparse: whether the gradient of the table holds the rows that were touched alone.
    """
    if table.requires_grad and torch.is_grad_enabled() and table.device.type == "cpu" and table.element_size() > 2:
        summed: Tensor = _SumRows.apply(table, ids, offsets, weights, sparse)  # type: ignore[no-untyped-call]
        return summed
    return _embedding_bag(table, ids, offsets, weights, sparse=sparse)


def _embedding_bag(table: Tensor, ids: Tensor, offsets: Tensor, weights: Tensor, *, sparse: bool = False) -> Tensor:
    summed: Tensor = functional.embedding_bag(
        ids,
        table,
        offsets.to(ids.dtype),
        mode="sum",
        per_sample_weights=weights.to(table.dtype),
        include_last_offset=True,
        sparse=sparse,
    )
    return summed


class _SumRows(torch.autograd.Function):
    """`embedding_bag`, whose own backward pass takes some five times as long on a CPU.

    It writes a gradient for each item and then sorts the items to add up those of one row; here the gradient of a row
    is a product with a sparse matrix, [touched rows, bags].
    """

    @staticmethod
    def forward(ctx: Any, table: Tensor, ids: Tensor, offsets: Tensor, weights: Tensor, sparse: bool) -> Tensor:
        ctx.save_for_backward(ids, offsets, weights)
        ctx.rows, ctx.sparse = len(table), sparse
        return _embedding_bag(table, ids, offsets, weights)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        ids, offsets, weights = (tensor.numpy() for tensor in ctx.saved_tensors)
        gradient = gradients[0].detach().numpy()
        rows, places = distinct(ids, ctx.rows) if ctx.sparse else (np.arange(ctx.rows), ids)
        bags = scipy.sparse.csc_array(
            (weights.astype(gradient.dtype, copy=False), places.astype(np.int32), offsets.astype(np.int32)),
            shape=(len(rows), len(gradient)),
        )
        found = torch.from_numpy(bags @ gradient)
        if ctx.sparse:
            shape = (ctx.rows, gradient.shape[1])
            touched = torch.from_numpy(rows.astype(np.int64, copy=False))[None]
            found = torch.sparse_coo_tensor(touched, found, shape, is_coalesced=True, check_invariants=False)
        return found, None, None, None, None

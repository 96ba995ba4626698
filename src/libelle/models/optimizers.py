"""AdamW and Adagrad for networks with large, sparsely touched embedding tables, and learning-rate schedules."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from libelle.models.network import OptimizerConfig

#: Keeps a row without any gradient from a division by zero.
_EPSILON = 1e-8


class SparseAdamW(torch.optim.AdamW):
    """AdamW for dense layers; in tables of embeddings only the rows that a batch touched are moved, by Adagrad.

    A dense update of the whole table would cost more than the rest of the network. Adagrad (Duchi, Hazan and Singer
    2011) keeps one number a row here, the mean over its columns, where Adam keeps two a weight: a step is twice as
    fast, and a table takes a third of the memory.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move the weights by one step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if parameter.grad.is_sparse:
                    self._move_rows(parameter, coalesced(parameter.grad), group["lr"])
                    parameter.grad = None
        super().step()
        return loss

    def _move_rows(self, parameter: Tensor, gradient: Tensor, rate: float) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())  # unused; AdamW cannot read a state back without
            state["squares"] = torch.zeros(len(parameter), dtype=parameter.dtype, device=parameter.device)
        rows, values = gradient.indices()[0], gradient.values()
        # `index_select` and its kin take a fraction of the time of indexing with brackets.
        squares = state["squares"].index_select(0, rows) + values.square().mean(1)
        state["squares"].index_copy_(0, rows, squares)
        moved = parameter.index_select(0, rows).addcdiv_(values, (squares.sqrt() + _EPSILON).unsqueeze(1), value=-rate)
        parameter.index_copy_(0, rows, moved)  # `index_add_` takes twice as long


def coalesced(gradient: Tensor) -> Tensor:
    """Each row of a sparse gradient once; accumulating gradients forgets that they were so already."""
    rows = gradient._indices()[0]
    if not gradient.is_coalesced() and bool((rows[1:] > rows[:-1]).all()):
        gradient._coalesced_(True)
    return gradient.coalesce()


def make_schedule(
    optimizer: torch.optim.Optimizer, config: OptimizerConfig, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """Warm-up, then the schedule, over `steps` steps in all."""
    warmup = round(config.warmup * steps)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        progress = min((step - warmup) / max(steps - warmup, 1), 1.0)
        if config.schedule == "linear":
            return 1 - progress
        if config.schedule == "cosine":
            return (1 + math.cos(math.pi * progress)) / 2
        return 1.0

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

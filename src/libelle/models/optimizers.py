"""AdamW for networks with large, sparsely touched embedding tables, and learning-rate schedules."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from libelle.models.network import OptimizerConfig


class LazyAdamW(torch.optim.AdamW):
    """AdamW that, for a sparse gradient, moves only the rows that a batch touched, as `torch.optim.SparseAdam` does.

    A dense update of the whole table would cost more than the rest of the network. No weight decay on those rows: it
    would not be applied to the untouched ones. Groups with `plain` set are moved by plain SGD.
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
                if group.get("plain"):
                    parameter.add_(parameter.grad, alpha=-group["lr"])
                    parameter.grad = None
                elif parameter.grad.is_sparse:
                    self._move_rows(parameter, parameter.grad.coalesce(), group)
                    parameter.grad = None
        super().step()
        return loss

    def _move_rows(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        state["step"] += 1
        step = state["step"].item()
        beta1, beta2 = group["betas"]
        rows, values = gradient.indices()[0], gradient.values()
        # `index_select` and its kin take a fraction of the time of indexing with brackets.
        average = state["exp_avg"].index_select(0, rows).lerp_(values, 1 - beta1)
        square = state["exp_avg_sq"].index_select(0, rows).lerp_(values * values, 1 - beta2)
        state["exp_avg"].index_copy_(0, rows, average)
        state["exp_avg_sq"].index_copy_(0, rows, square)
        rate = group["lr"] * math.sqrt(1 - beta2**step) / (1 - beta1**step)
        parameter.index_add_(0, rows, average.div_(square.sqrt_().add_(group["eps"])), alpha=-rate)


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

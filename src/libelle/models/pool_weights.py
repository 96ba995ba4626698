"""The weights by which the paths of a network are pooled: a logarithmic opinion pool.

The pool's logits are the weighted sum of the paths' (Heskes 1998, "Selecting Weighting Factors in Logarithmic Opinion
Pools"), with one weight a path, fitted to the validation rows; that calibrates the scores as well, as temperature
scaling does (Guo et al. 2017).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

#: A path of margins around 1 weighs that much more at first than one of logits.
MARGIN_SCALE = 4.0


def equal_weights(margins: Sequence[bool]) -> Tensor:
    """Weights to begin with, float32 [paths].

    Args:
        margins: for each path, whether its logits are margins of a support vector machine.
    """
    return torch.tensor([MARGIN_SCALE if margin else 1.0 for margin in margins]) / len(margins)


def pooled(paths: Sequence[Tensor], weights: Tensor) -> Tensor:
    """The weighted sum of the paths' logits, float32 [rows, classes]."""
    return torch.stack([weight * path for weight, path in zip(weights, paths, strict=True)]).sum(0)


@torch.inference_mode(False)
@torch.enable_grad()
def fit_weights(
    paths: Sequence[Tensor], targets: Tensor, equal: Tensor, loss: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Weights of the least loss, float32 [paths].

    Positive, and held near equal weights by a Gaussian prior on their logarithms that counts as much as a few rows.

    Args:
        paths: each path's logits on validation rows, float32 [rows, classes].
        targets: of these rows, int64 [rows].
        equal: see `equal_weights`; returned where the loss has no finite minimum.
        loss: of logits and targets.
    """
    paths, targets = [path.clone() for path in paths], targets.clone()  # tensors of inference have no gradient
    logarithms = torch.zeros_like(equal, requires_grad=True)
    solver = torch.optim.LBFGS([logarithms], max_iter=30, line_search_fn="strong_wolfe")

    def objective() -> Tensor:
        solver.zero_grad()
        total = loss(pooled(paths, logarithms.exp() * equal), targets) + logarithms.square().sum() / len(targets)
        total.backward()  # type: ignore[no-untyped-call]
        return total

    solver.step(objective)  # type: ignore[no-untyped-call]
    weights = (logarithms.exp() * equal).detach()
    return weights if weights.isfinite().all() else equal

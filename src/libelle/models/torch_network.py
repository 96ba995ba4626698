"""What a network is: paths from a batch to logits."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from libelle.errors import counted
from libelle.models.batches import Batch
from libelle.models.pool_weights import equal_weights, pooled


class Network(nn.Module):
    """Paths from a batch to logits, each trained by itself, and pooled to score.

    Each path is thus at its best by itself, and they are an ensemble: trained on their sum, the stronger one would
    leave the other nothing to learn. How they are pooled, and by which weights, is in `libelle.models.pool_weights`.

    Attributes:
        margins: for each path, whether its logits are margins of a support vector machine.
        pool: float32 [paths], the weights.
    """

    #: Whether a step may leave some of the weights unused, which several devices must find out at each step.
    partly_used: ClassVar[bool] = False

    margins: tuple[bool, ...]
    pool: Tensor

    def __init__(self, margins: Sequence[bool] = (False,)) -> None:
        super().__init__()
        self.make_pool(margins)

    def make_pool(self, margins: Sequence[bool]) -> None:
        """Declare the paths and give them equal weights; a network of one path need not."""
        self.margins = tuple(margins)
        self.register_buffer("pool", equal_weights(margins))

    @abstractmethod
    def paths(self, batch: Batch) -> list[Tensor]:
        """Return each path's logits, float32 [rows, classes]; in training, those of the paths that steps train."""

    def forward(self, batch: Batch) -> Tensor:
        """Return the pooled logits, float32 [rows, classes]."""
        return pooled(self.paths(batch), self.pool)

    def set_rates(self, groups: list[dict[str, Any]], lr: float) -> list[dict[str, Any]]:
        """Give the optimiser's parameter groups learning rates of their own, where the network has reasons to.

        Args:
            groups: as `torch.optim` takes them.
            lr: the learning rate of groups without one.
        """
        return groups


def paths_mistake(found: object, shape: tuple[int, int], counts: range) -> str | None:
    """What is wrong with what `Network.paths` returned; None where nothing is.

    Args:
        found: what it returned.
        shape: of each path's logits, [rows, classes].
        counts: how many paths there may be.
    """
    if not isinstance(found, list | tuple):
        return f"a {type(found).__name__}, which is no list"
    if len(found) not in counts:
        return f"{counted(len(found), 'path')} where {counts[-1]} of them {'is' if counts[-1] == 1 else 'are'} declared"
    for path in found:
        if not isinstance(path, Tensor):
            return f"a {type(path).__name__} as a path, which is no tensor"
        if tuple(path.shape) != shape or not path.is_floating_point():
            kind = str(path.dtype).removeprefix("torch.")
            return f"{kind} of shape {tuple(path.shape)} for {counted(shape[0], 'row')} and {shape[1]} labels"
    return None

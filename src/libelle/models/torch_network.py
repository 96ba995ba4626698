"""What a network is: paths from a batch to logits."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

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

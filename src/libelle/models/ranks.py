"""Processes that train one network together, each on a device of its own: what they tell each other.

A rank is the number of such a process, from 0. Each takes its share of the rows of every batch, so that a step is that
of one device: gradients are added up over the ranks, of losses that are divided by the weights of the whole batch.
"""

import signal
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor
from torch.futures import Future

T = TypeVar("T")


class RankStrategy(DDPStrategy):
    """Lightning's DDP of processes that are there already: gradients are added up, and need not be dense.

    Args:
        partly_used: whether a step may leave weights of the network unused.
    """

    def __init__(self, *, partly_used: bool = False) -> None:
        super().__init__(
            cluster_environment=LightningEnvironment(),
            find_unused_parameters=partly_used,
            # The only buffer that training changes is set on all ranks at once.
            forward_sync_buffers=False,
        )

    def configure_ddp(self) -> None:
        """Wrap the network; Lightning would leave hooks out on processors."""
        super().configure_ddp()
        model: Any = self.model
        model.register_comm_hook(None, _add_gradients)

    def on_train_start(self) -> None:
        """Let a rank that is asked to end do so, whose command ends the others; Lightning would wait for them."""
        super().on_train_start()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _add_gradients(_: object, bucket: dist.GradBucket) -> Future[Tensor]:  # type: ignore[name-defined]
    """Sum a gradient over the ranks; DDP's own way divides it by their number, and NCCL sums no sparse ones."""
    gradient = bucket.buffer()
    if not gradient.is_sparse:
        work: Any = dist.all_reduce(gradient, async_op=True)
        summed: Future[Tensor] = work.get_future().then(lambda future: future.value()[0])
        return summed
    done: Future[Tensor] = Future()
    done.set_result(add_rows(gradient.coalesce()))
    return done


def add_rows(gradient: Tensor) -> Tensor:
    """Sum a sparse gradient over the ranks.

    Args:
        gradient: coalesced, [rows, dim], some rows of which are there.
    """
    count = torch.tensor([gradient.indices().shape[1]], device=gradient.device)
    counts = [int(other) for other in _from_all(count)]
    rows, values = (
        torch.cat([part[:size] for part, size in zip(_from_all(_padded(own, max(counts))), counts, strict=True)])
        for own in (gradient.indices()[0], gradient.values())
    )
    return torch.sparse_coo_tensor(rows[None], values, gradient.shape, check_invariants=False).coalesce()


def _from_all(own: Tensor) -> list[Tensor]:
    """The tensors of all ranks, which have the same shape."""
    parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, own)
    return parts


def _padded(tensor: Tensor, size: int) -> Tensor:
    padded = tensor.new_zeros(size, *tensor.shape[1:])
    padded[: len(tensor)] = tensor
    return padded


def add_up(value: Tensor) -> Tensor:
    """The sum over the ranks."""
    summed = value.detach().clone()
    dist.all_reduce(summed)
    return summed


def gather(value: T) -> list[T] | None:
    """What all ranks have, by rank, on the first one; None on the others."""
    found: list[Any] | None = [None] * dist.get_world_size() if dist.get_rank() == 0 else None
    dist.gather_object(value, found)
    return found


def of_all(value: T) -> list[T]:
    """What all ranks have, by rank."""
    found: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(found, value)
    return found


def of_first(value: T | None) -> T:
    """What the first rank has; the others give None."""
    found: list[Any] = [value]
    dist.broadcast_object_list(found)
    first: T = found[0]
    return first

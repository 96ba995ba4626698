"""Training a network: in this process, or on several devices in a process for each.

The command starts these processes and waits for them. It is none of them, so that it is never held up by one that died:
where one ends before its time, it ends the others. They have the features as memory-mapped files, and never run the
command again.
"""

import contextlib
import logging
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from libelle.errors import UserError
from libelle.features import Dataset
from libelle.memory import require_memory
from libelle.models.base import Training
from libelle.models.handover import ERROR, LOG, WEIGHTS, Failure, hand_over
from libelle.models.lightning_trainer import make_trainer, refuse_unvalidated
from libelle.models.network import LossConfig, OptimizerConfig
from libelle.models.torch_network import Network
from libelle.models.training_job import Job
from libelle.progress import stage

log = logging.getLogger(__name__)

#: The folder, in the run's scratch space, of what the processes are given.
_FOLDER = "ranks"
#: Bytes that a process takes before it has a network: torch, Lightning and what they import.
_PROCESS = 600_000_000
#: Seconds between two looks at the processes.
_LOOK_EVERY = 0.1
_HERE = "127.0.0.1"


class RankDied(UserError, ChildProcessError):  # noqa: N818 - it says what happened
    """A process of a training died, of nothing that the user wrote: the run can be resumed."""


def train_network(
    network: Network,
    train: Dataset,
    validation: Dataset,
    training: Training,
    *,
    classes: int,
    batch_size: int,
    optimizer: OptimizerConfig,
    loss: LossConfig,
    padded: bool,
) -> None:
    """Train a network in place and leave it with its best weights, on the CPU.

    Args:
        network: with fresh weights.
        train: the training rows.
        validation: the validation rows, for early stopping and the choice of the best epoch.
        training: seed, scratch space and Lightning's settings.
        classes: number of labels.
        batch_size: rows a step, of all devices together.
        optimizer: how weights are moved.
        loss: what is minimised.
        padded: whether the network pads the rows of a batch to the longest of them.

    Raises:
        UserError: when the loss is not finite, Lightning refuses its settings, or a process dies.
        KeyboardInterrupt: when the user interrupts.
    """
    by = None if train.weights is None else torch.from_numpy(train.weights)
    counts = torch.bincount(torch.from_numpy(train.targets), by, minlength=classes).float()
    job = Job(network, training, counts, batch_size, optimizer, loss, padded)
    trainer = make_trainer(training, len(train))
    refuse_unvalidated(trainer, math.ceil(len(train) / batch_size))
    if trainer.num_devices == 1:
        job.run(train, validation)
    else:
        _run_in_processes(job, train, validation, trainer.num_devices)
    if not all(parameter.isfinite().all() for parameter in network.parameters()):
        raise UserError(
            f"Training diverged: the weights are not finite; lower model.optimizer.lr={optimizer.lr} or set "
            "trainer.gradient_clip_val=1."
        )


def _run_in_processes(job: Job, train: Dataset, validation: Dataset, count: int) -> None:
    """As `Job.run`, in so many processes."""
    weights = sum(parameter.nbytes for parameter in job.network.parameters())
    needed = count * (4 * weights + _PROCESS)
    require_memory(needed, f"trainer.devices={count}: training in {count} processes", "lower trainer.devices")
    folder = job.training.folder / _FOLDER
    folder.mkdir()
    try:
        with stage(f"handing {len(train):,} rows to {count} processes"):
            hand_over(job, train, validation, folder)
        log.info("training in %d processes", count)
        with _ranks(folder, count) as processes:
            _wait(processes, folder)
        job.network.load_state_dict(torch.load(folder / WEIGHTS, weights_only=True))
    finally:
        _keep_logs(folder, count)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _ranks(folder: Path, count: int) -> Iterator[Sequence[subprocess.Popen[bytes]]]:
    """Start the processes of all ranks; at the end, none is left, whatever happens."""
    socket_here = socket.create_server((_HERE, 0))
    port = socket_here.getsockname()[1]
    # The ranks find each other by it. Of a free port that is named to them, another program could be quicker.
    store = dist.TCPStore(  # type: ignore[attr-defined]
        _HERE, port, count, True, timedelta(minutes=1), wait_for_workers=False, master_listen_fd=socket_here.detach()
    )
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for rank in range(count):
            processes.append(_start(folder, rank, count, port))
        yield processes
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.communicate()
        del store


def _start(folder: Path, rank: int, count: int, port: int) -> subprocess.Popen[bytes]:
    threads = max(1, torch.get_num_threads() // count)
    environment = {
        **os.environ,
        # What can be imported here, can be there: a model may be the user's own.
        "PYTHONPATH": os.pathsep.join(sys.path),
        "OMP_NUM_THREADS": str(threads),
        # Lightning's and torch's own names.
        "LOCAL_RANK": str(rank),
        "NODE_RANK": "0",
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": _HERE,
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
    }
    if sys.platform == "linux":
        environment.setdefault("GLOO_SOCKET_IFNAME", "lo")
    with contextlib.ExitStack() as stack:
        # The first one shows how training goes.
        said = None if rank == 0 else stack.enter_context((folder / LOG.format(rank)).open("ab"))
        return subprocess.Popen(
            [sys.executable, "-m", "libelle.models.rank", str(folder), str(rank), str(count), str(threads)],
            env=environment,
            stdin=subprocess.PIPE,  # it ends when this process does
            stdout=sys.__stderr__ if said is None else said,
            stderr=said,
            start_new_session=True,  # Ctrl-C is for this process
        )


def _wait(processes: Sequence[subprocess.Popen[bytes]], folder: Path) -> None:
    """Wait until all have ended well.

    Raises:
        RankDied: when one was killed.
        Exception: what one of them raised first.
    """
    while True:
        codes = [process.poll() for process in processes]
        if any(codes):
            raise _failure(codes, folder)
        if None not in codes:
            return
        time.sleep(_LOOK_EVERY)


def _failure(codes: Sequence[int | None], folder: Path) -> Exception:
    """Why training failed: what the first process that failed raised, unless another one died without a word."""
    count, raised, died = len(codes), [], []
    for rank, code in enumerate(codes):
        path = folder / ERROR.format(rank)
        if path.exists():
            raised.append(Failure.read(path))
        elif code:
            how = f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended with status {code}"
            died.append(f"trainer.devices={count}: process {rank + 1} of {count} {how}, and the others were ended")
    first = min(raised, key=lambda failure: failure.when).error if raised else None
    # When one has died, the others hear of it by a RuntimeError.
    if first is None or (died and isinstance(first, RuntimeError)):
        return RankDied(f"{died[0]}; look for what ended it, as a lack of memory, and train again.")
    return first


def _keep_logs(folder: Path, count: int) -> None:
    """Put what the processes logged into the run's own log."""
    for rank in range(count):
        path = folder / LOG.format(rank)
        if path.exists():
            log.debug("process %d of %d said:\n%s", rank + 1, count, path.read_text(encoding="utf-8", errors="replace"))

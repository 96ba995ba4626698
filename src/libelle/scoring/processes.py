"""Engine `processes`: workers on this machine, each with one shard at a time; one that dies is replaced.

A pool of Python's own gives up where one of its processes is killed, and does not say what it was working on.
"""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread

from libelle.scoring.engines import Losses, attempt
from libelle.scoring.job import Job, Outcome, Shard
from libelle.scoring.shard import ShardScorer

#: What libraries read, when they are imported, of how many threads they may use.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
#: Python is started anew: threads of what is imported here would not be in a copy of this process.
_START = get_context("spawn")


@dataclass
class _Worker:
    """A process, and what it is working on.

    Attributes:
        process: which.
        connection: to it.
        shard: what it was given.
        scored: records of that which it has scored.
    """

    process: BaseProcess
    connection: Connection
    shard: Shard | None = None
    scored: int = 0

    def end(self) -> str:
        """End it, and say how it ended."""
        self.process.kill()
        self.process.join()
        self.connection.close()
        code = self.process.exitcode or 0
        return signal.Signals(-code).name if code < 0 else f"status {code}"


def score_by_processes(
    job: Job, shards: Sequence[Shard], workers: int, advance: Callable[[int], None]
) -> Iterator[Outcome]:
    """Score shards, see `libelle.scoring.engines.Engine`."""
    waiting, losses, crew = deque(shards), Losses(job), list[_Worker]()
    try:
        while waiting or any(worker.shard for worker in crew):
            for worker in crew:
                if waiting and worker.shard is None:
                    _give(worker, waiting.popleft())
            while waiting and len(crew) < workers:
                crew.append(_start(job))
                _give(crew[-1], waiting.popleft())
            busy = {worker.connection: worker for worker in crew if worker.shard is not None}
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                outcome = _hear(worker, losses, waiting, advance)
                if outcome is not None:
                    yield outcome
                if worker.process.exitcode is not None:
                    crew.remove(worker)
    finally:
        for worker in crew:
            worker.end()


def _give(worker: _Worker, shard: Shard) -> None:
    worker.shard, worker.scored = shard, 0
    with suppress(OSError):  # it has died, which its connection will say
        worker.connection.send(shard)


def _hear(worker: _Worker, losses: Losses, waiting: deque[Shard], advance: Callable[[int], None]) -> Outcome | None:
    """Take what a worker says; a shard that it has not scored waits again."""
    shard = worker.shard
    assert shard is not None
    try:
        said = worker.connection.recv()
    except (EOFError, OSError):
        how, said = worker.end(), None
    if isinstance(said, int):
        worker.scored += said
        advance(said)
        return None
    worker.shard = None
    if said is None:
        losses.add(shard, how)
        outcome = None
    else:
        outcome = losses.take(shard, said)
    if outcome is None:
        waiting.appendleft(shard)
        advance(-worker.scored)
    return outcome


def _start(job: Job) -> _Worker:
    ours, its = _START.Pipe()
    process = _START.Process(target=_work, args=(its, job), daemon=True)
    with _as_workers_start():
        process.start()
    its.close()
    return _Worker(process, ours)


@contextmanager
def _as_workers_start() -> Iterator[None]:
    """What a process that is started now inherits: one thread for each library, and no ear for Ctrl-C.

    A terminal sends that to all processes; whoever started the workers ends them.
    """
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    os.environ.update(_ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)


def _work(connection: Connection, job: Job) -> None:
    """What a worker does until nobody is left who gives it shards."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Thread(target=_end_with_parent, daemon=True).start()
    scorer = ShardScorer(job)
    with suppress(EOFError, OSError):
        while True:
            shard = connection.recv()
            connection.send(attempt(scorer, shard, connection.send))


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)

"""The workers, seen from above: begun, replaced when they end, and asked to leave when others serve."""

import logging
import os
import signal
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from libelle.service import children
from libelle.service.listening import Shares
from libelle.service.models_served import Catalogue
from libelle.service.settings import Settings
from libelle.service.tokens import Tokens
from libelle.service.worker import LEAVE, work

log = logging.getLogger(__name__)

#: Seconds that new workers have to answer, before the former ones leave.
_BOOT = 30.0
#: Seconds without a sign of life after which a worker is ended, beside the time that a request may take.
_SILENCE = 30.0


@dataclass
class _Worker:
    """A worker.

    Attributes:
        slot: where it counts.
        generation: of the versions that it serves.
        began: when.
        pipe: it writes there as long as it answers.
        heard: when it last did.
        ready: whether it has begun to answer.
        leaving: when it has to be gone, once it was asked to leave.
    """

    slot: int
    generation: int
    began: float
    pipe: int
    heard: float
    ready: bool = False
    leaving: float | None = None


class Crew:
    """The workers.

    Attributes:
        restarts: how many ended that were not asked to.
    """

    def __init__(self, settings: Settings, tokens: Tokens, listener: socket.socket, folder: Path) -> None:
        """Begin with none.

        Args:
            settings: of the service.
            tokens: who may ask.
            listener: where connections come in.
            folder: where workers count.
        """
        self.restarts = 0
        self._settings, self._tokens, self._listener, self._folder = settings, tokens, listener, folder
        self._workers: dict[int, _Worker] = {}
        self._shares = Shares()
        self._catalogue: Catalogue | None = None
        self._tls: ssl.SSLContext | None = None
        self._generation = 0
        self._stillborn = 0
        self._pauses = children.Pauses()
        # Closed when this process ends, however it does; workers notice.
        self._lifeline, held = os.pipe()
        children.keep(held)

    def __len__(self) -> int:
        return len(self._workers)

    def pipes(self) -> list[int]:
        """Where workers are heard."""
        return [worker.pipe for worker in self._workers.values()]

    def hear(self, pipes: list[int]) -> None:
        """Take note of signs of life, on those of the pipes that are workers'."""
        for worker in self._workers.values():
            if worker.pipe in pipes and os.read(worker.pipe, 1 << 10):
                worker.ready, worker.heard = True, time.monotonic()

    def serve(self, catalogue: Catalogue, tls: ssl.SSLContext | None, wait: Callable[[], bool]) -> bool:
        """Let new workers serve, and the former ones leave once these answer.

        Args:
            catalogue: what they serve.
            tls: by which they do, and those that replace one of them; None for connections without.
            wait: waits a moment for signs of life and ends of workers, and returns whether to go on.

        Returns:
            Whether they answer in time; else the former ones go on.
        """
        former = self._catalogue, self._tls
        self._catalogue, self._tls = catalogue, tls
        self._generation += 1
        self._stillborn = 0
        until = time.monotonic() + _BOOT
        while self._stillborn <= self._settings.workers and time.monotonic() < until:
            self.fill()
            mine = self._mine()
            if len(mine) == self._settings.workers and all(worker.ready for worker in mine):
                self._leave(lambda worker: worker.generation < self._generation)
                return True
            if not wait():
                return True
        self._leave(lambda worker: worker.generation == self._generation)
        self._catalogue, self._tls = former
        # Those that go on are the current ones again.
        for worker in self._workers.values():
            if worker.leaving is None:
                worker.generation = self._generation
        return False

    def fill(self) -> None:
        """Begin workers where some are missing, and end those that are late in leaving or no longer heard."""
        now = time.monotonic()
        for pid, worker in self._workers.items():
            late = worker.leaving is not None and now > worker.leaving
            if late or now > worker.heard + self._settings.timeout + _SILENCE:
                log.warning("a worker %s, and is ended", "is late in leaving" if late else "is not heard any more")
                children.send(pid, signal.SIGKILL)
        if self._catalogue is not None and self._pauses.over:
            for _ in range(self._settings.workers - len(self._mine())):
                self._begin(self._catalogue)

    def ended(self, pid: int, status: int) -> bool:
        """Take note of a process that has ended; whether it was a worker that was not asked to."""
        worker = self._workers.pop(pid, None)
        if worker is None:
            return False
        children.close(worker.pipe)
        self._shares.end(worker.slot)
        if worker.leaving is not None:
            return False
        self.restarts += 1
        self._stillborn += not worker.ready
        self._pauses.ended(worker.began)
        log.warning("a worker ended (%s); another one takes its place", children.how_it_ended(status))
        return True

    def end(self, wait: Callable[[], bool]) -> None:
        """Ask all to end once they have answered, and see to it that they do; `wait` as in `serve`."""
        self._catalogue = None
        until = time.monotonic() + self._settings.timeout + 5
        for pid, worker in self._workers.items():
            worker.leaving = until
            children.send(pid, signal.SIGTERM)
        while self._workers and time.monotonic() < until:
            wait()
        for pid in self._workers:
            children.send(pid, signal.SIGKILL)

    def _mine(self) -> list[_Worker]:
        return [
            worker
            for worker in self._workers.values()
            if worker.generation == self._generation and worker.leaving is None
        ]

    def _leave(self, which: Callable[[_Worker], bool]) -> None:
        until = time.monotonic() + self._settings.timeout + 10
        for pid, worker in self._workers.items():
            if worker.leaving is None and which(worker):
                worker.leaving = until
                children.send(pid, LEAVE if worker.ready else signal.SIGTERM)

    def _begin(self, catalogue: Catalogue) -> None:
        taken = {worker.slot for worker in self._workers.values()}
        slot = next(number for number in range(len(taken) + 1) if number not in taken)
        reading, writing = children.pipe()
        os.set_blocking(writing, False)

        def begin() -> None:
            settings, tokens, folder, tls = self._settings, self._tokens, self._folder, self._tls
            work(self._listener, tls, catalogue, settings, tokens, folder, self._shares, slot, writing, self._lifeline)

        pid = children.fork(begin)
        os.close(writing)
        now = time.monotonic()
        self._workers[pid] = _Worker(slot, self._generation, now, reading, now)

"""The process above the workers: it loads versions, begins workers, and replaces them when others are to be served.

Workers are forked once all is loaded, so that they share it, and a worker that was killed is replaced at once. A worker
serves the same versions as long as it lives: another version means other workers, and the former ones leave when they
have answered what they were asked. So nothing that a request uses can change under it.
"""

import json
import logging
import os
import select
import signal
import socket
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from libelle.errors import UserError
from libelle.files import SCRATCH, owned
from libelle.publication import Publication
from libelle.service.children import fork
from libelle.service.metrics import write_state
from libelle.service.models_served import Catalogue, Loaded, load, load_first
from libelle.service.scout import Scout, watch
from libelle.service.settings import TOKEN, Settings
from libelle.service.tokens import Tokens
from libelle.service.worker import LEAVE, work
from libelle.stores.base import Store
from libelle.stores.documents import parse_document

log = logging.getLogger(__name__)

#: Seconds that new workers have to answer, before the former ones leave.
_BOOT = 30.0
#: Seconds after which a worker that ended at once is begun again, at first and at most.
_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
#: Connections that wait for a worker.
_BACKLOG = 2048


@dataclass
class _Child:
    """A worker.

    Attributes:
        slot: where it counts.
        generation: of the versions that it serves.
        began: when.
        pipe: it writes there once it answers.
        ready: whether it has.
        leaving: when it has to be gone, once it was asked to leave.
    """

    slot: int
    generation: int
    began: float
    pipe: int
    ready: bool = False
    leaving: float | None = None


@dataclass
class _Watch:
    """The process that looks at the store."""

    pid: int
    pipe: int
    rest: bytes = b""
    trying: tuple[str, int] | None = None


@dataclass
class Supervisor:
    """The process above the workers."""

    store: Store
    settings: Settings
    tokens: Tokens
    listener: socket.socket
    folder: Path
    loaded: dict[str, Loaded]
    refused: dict[str, dict[str, Any]] = field(default_factory=dict)
    away: str | None = None
    restarts: int = 0
    generation: int = 0
    children: dict[int, _Child] = field(default_factory=dict)
    ending: bool = False
    reload: bool = False

    def __post_init__(self) -> None:
        self._catalogue = Catalogue.of(self.loaded, self.settings)
        self._watch: _Watch | None = None
        self._tried: dict[str, tuple[int, float, int]] = {}
        self._stillborn = 0
        self._pause = 0.0
        self._hold_until = 0.0
        self._alarm, self._bell = os.pipe()
        self._lifeline, self._held = os.pipe()
        for end in (self._alarm, self._bell):
            os.set_blocking(end, False)

    def run(self) -> None:
        """Serve until asked to end."""
        self._listen_to_signals()
        self._write_state()
        self._begin_generation()
        self._say_ready()
        self._begin_watch()
        while not self.ending:
            self._wait(1.0)
            self._reap()
            if self.reload:
                self.reload = False
                self._renew(self.loaded)
            self._fill()
        self._end()

    # Signals and pipes

    def _listen_to_signals(self) -> None:
        def end(number: int, _: object) -> None:
            self.ending = True

        def again(number: int, _: object) -> None:
            self.reload = True

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        signal.signal(signal.SIGHUP, again)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # so that it wakes us
        signal.set_wakeup_fd(self._bell, warn_on_full_buffer=False)

    def _wait(self, seconds: float) -> None:
        """Wait for a signal, for a worker that answers, or for what the watch tells."""
        pipes = {child.pipe: child for child in self.children.values() if not child.ready}
        watch = self._watch
        found, _, _ = select.select([self._alarm, *pipes, *([watch.pipe] if watch else [])], [], [], seconds)
        if self._alarm in found:
            with suppress(BlockingIOError):
                os.read(self._alarm, 1 << 16)
        for pipe in found:
            if pipe in pipes:
                pipes[pipe].ready = bool(os.read(pipe, 1))
        if watch is not None and watch.pipe in found:
            self._hear(watch)

    def _reap(self) -> None:
        """Take note of processes that have ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if self._watch is not None and pid == self._watch.pid:
                self._watch_ended(self._watch, status)
            elif pid in self.children:
                self._worker_ended(pid, status)

    # Workers

    def _begin_worker(self) -> None:
        taken = {child.slot for child in self.children.values()}
        slot = next(number for number in range(len(taken) + 1) if number not in taken)
        reading, writing = os.pipe()
        ours = [self._alarm, self._bell, self._held, reading, *(child.pipe for child in self.children.values())]
        if self._watch is not None:
            ours.append(self._watch.pipe)
        catalogue = self._catalogue

        def begin() -> None:
            for pipe in ours:
                os.close(pipe)
            ready = lambda: (os.write(writing, b"."), None)[1]  # noqa: E731
            work(self.listener, catalogue, self.settings, self.tokens, self.folder, slot, ready, self._lifeline)

        pid = fork(begin)
        os.close(writing)
        self.children[pid] = _Child(slot, self.generation, time.monotonic(), reading)

    def _worker_ended(self, pid: int, status: int) -> None:
        child = self.children.pop(pid)
        os.close(child.pipe)
        if child.leaving is not None or self.ending:
            return
        self.restarts += 1
        self._stillborn += not child.ready
        if time.monotonic() - child.began < 2:
            self._pause = min(max(2 * self._pause, _PAUSE), _LONGEST_PAUSE)
            self._hold_until = time.monotonic() + self._pause
        else:
            self._pause = 0.0
        log.warning("a worker ended (%s); another one takes its place", _how(status))
        self._write_state()

    def _fill(self) -> None:
        """Begin workers where some are missing, and end those that are late in leaving."""
        now = time.monotonic()
        for pid, child in self.children.items():
            if child.leaving is not None and now > child.leaving:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if self.ending or now < self._hold_until:
            return
        current = sum(child.generation == self.generation for child in self.children.values())
        for _ in range(self.settings.workers - current):
            self._begin_worker()

    def _begin_generation(self) -> bool:
        """Begin workers that serve what is loaded; whether they answer in time."""
        before = self.generation
        self.generation += 1
        self._stillborn = 0
        until = time.monotonic() + _BOOT
        while self._stillborn <= self.settings.workers and time.monotonic() < until:
            self._fill()
            mine = [child for child in self.children.values() if child.generation == self.generation]
            if self.ending or (len(mine) == self.settings.workers and all(child.ready for child in mine)):
                return True
            self._wait(0.2)
            self._reap()
        self._ask_to_leave(self.generation)
        self.generation = before
        if not before:
            self._end()
            raise UserError("No worker could begin; the messages above say why.")
        return False

    def _ask_to_leave(self, *generations: int) -> None:
        until = time.monotonic() + self.settings.timeout + 10
        for pid, child in self.children.items():
            if child.generation in generations and child.leaving is None:
                child.leaving = until
                with suppress(ProcessLookupError):
                    os.kill(pid, LEAVE)

    def _renew(self, loaded: dict[str, Loaded]) -> bool:
        """Serve other versions, or the same by new workers; whether it has worked."""
        former, catalogue = self.generation, self._catalogue
        self._catalogue = Catalogue.of(loaded, self.settings)
        if not self._begin_generation():
            self._catalogue = catalogue
            return False
        self.loaded = loaded
        self._ask_to_leave(*range(former + 1))
        return True

    def _end(self) -> None:
        """Ask all processes to end, and wait until they have."""
        self.ending = True
        if self._watch is not None:
            with suppress(ProcessLookupError):
                os.kill(self._watch.pid, signal.SIGKILL)
        for pid in self.children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + self.settings.timeout + 5
        while self.children and time.monotonic() < until:
            self._wait(0.2)
            self._reap()
        for pid in self.children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.listener.close()
        log.info("the service has ended")

    # Versions

    def _begin_watch(self) -> None:
        if not self.settings.reload:
            return
        reading, writing = os.pipe()
        served = {reference: item.publication.version for reference, item in self.loaded.items()}
        scout = Scout(self.store, self.settings, served, self._tried)
        ours = [self._alarm, self._bell, self._held, reading, *(child.pipe for child in self.children.values())]

        def begin() -> None:
            for pipe in ours:
                os.close(pipe)
            self.listener.close()
            watch(scout, writing)

        pid = fork(begin)
        os.close(writing)
        os.set_blocking(reading, False)
        self._watch = _Watch(pid, reading)

    def _hear(self, watch: _Watch) -> None:
        with suppress(BlockingIOError):
            while data := os.read(watch.pipe, 1 << 16):
                watch.rest += data
        *lines, watch.rest = watch.rest.split(b"\n")
        moved: list[Publication] = []
        references = []
        for line in lines:
            message = json.loads(line)
            if "trying" in message:
                watch.trying = message["trying"], message["version"]
            elif "refused" in message:
                self._refuse(message["refused"], message["version"], message["reason"])
                watch.trying = None
            elif "settled" in message:
                self._settle(message["settled"])
            elif "moved" in message:
                watch.trying = None
                references.append(message["moved"])
                moved.append(parse_document(json.dumps(message["publication"]).encode(), Publication, "the manifest"))
            elif "store" in message:
                self._store_is(message["store"])
        if moved:
            self._move(dict(zip(references, moved, strict=True)))

    def _move(self, publications: dict[str, Publication]) -> None:
        """Serve versions that the watch has found good."""
        loaded = dict(self.loaded)
        for reference, publication in publications.items():
            try:
                loaded[reference] = load(self.store, publication)
            except UserError as error:
                self._refuse(reference, publication.version, str(error))
                del publications[reference]
                return self._move(publications) if publications else None
        if self._renew(loaded):
            for reference, publication in publications.items():
                self._settle(reference)
                log.info("%s is served from now on", publication)
        else:
            for reference, publication in publications.items():
                self._refuse(reference, publication.version, "No worker could begin with it; the log says why.")
        return None

    def _refuse(self, reference: str, version: int, reason: str) -> None:
        before = self.refused.get(reference, {})
        if (before.get("version"), before.get("reason")) != (version, reason):
            goes_on = self.loaded.get(reference)
            beside = f"; {goes_on.publication} goes on" if goes_on else ""
            log.error("%s, version %d, is not served: %s%s", reference, version, reason.rstrip("."), beside)
        self.refused[reference] = {"version": version, "reason": reason}
        count = self._tried.get(reference, (0, 0.0, 0))
        self._tried[reference] = version, time.monotonic(), count[2] + 1 if count[0] == version else 1
        self._write_state()

    def _settle(self, reference: str) -> None:
        self._tried.pop(reference, None)
        if self.refused.pop(reference, None) is not None:
            self._write_state()

    def _store_is(self, away: str | None) -> None:
        if away == self.away:
            return
        if away is not None:
            log.error("the store cannot be read, and what is served goes on: %s", away)
        else:
            log.info("the store can be read again")
        self.away = away
        self._write_state()

    def _watch_ended(self, watch: _Watch, status: int) -> None:
        self._watch = None
        self._hear(watch)
        os.close(watch.pipe)
        if watch.trying is not None:
            self._refuse(*watch.trying, f"the process that loaded it ended ({_how(status)})")
        if not self.ending:
            self._begin_watch()

    def _write_state(self) -> None:
        write_state(self.folder, {"refused": self.refused, "store": self.away, "restarts": self.restarts})

    def _say_ready(self) -> None:
        host, port = self.listener.getsockname()[:2]
        scheme = "https" if self.settings.tls_certificate else "http"
        served = ", ".join(str(item.publication) for item in self._catalogue.served)
        log.info("serving %s on %s://%s:%d", served, scheme, f"[{host}]" if ":" in host else host, port)
        if not self.tokens.required:
            log.info("anybody on this machine may ask, and nobody else; %s or tokens=<file> asks for a token", TOKEN)
        _notify("READY=1")


def serve(store: Store, settings: Settings) -> None:
    """Serve published models until asked to end (SIGTERM, Ctrl-C).

    Raises:
        UserError: when a model cannot be served, or the address is taken.
    """
    tokens = Tokens(settings.tokens)
    listener = listen(settings)
    loaded, refused = load_first(store, settings)
    with tempfile.TemporaryDirectory(prefix=owned(SCRATCH)) as folder:
        supervisor = Supervisor(store, settings, tokens, listener, Path(folder), loaded)
        for reference, reason in refused.items():
            supervisor._refuse(reference, 0, reason)
        supervisor.run()


def listen(settings: Settings) -> socket.socket:
    """A socket at the address that is wanted; connections wait from the first worker on."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise UserError(
            f"host={settings.host} port={settings.port} cannot be listened on ({error.strerror}); choose another port=."
        ) from None
    return listener


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"


def _notify(state: str) -> None:
    """Tell systemd, where it asks (sd_notify)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to, suppress(OSError):
        to.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)

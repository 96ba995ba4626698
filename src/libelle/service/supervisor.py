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
import ssl
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from libelle.errors import UserError
from libelle.files import SCRATCH, owned
from libelle.published import Publication
from libelle.service import children
from libelle.service.crew import Crew
from libelle.service.metrics import write_state
from libelle.service.models_served import Catalogue, Loaded, load, load_first
from libelle.service.scout import Tried, note_refusal
from libelle.service.settings import TOKEN, Settings
from libelle.service.tokens import Tokens
from libelle.service.watch import Watch
from libelle.stores.base import Store
from libelle.stores.documents import parse_document

log = logging.getLogger(__name__)


class Supervisor:
    """The process above the workers."""

    def __init__(self, store: Store, settings: Settings, tokens: Tokens, listener: socket.socket, folder: Path) -> None:
        """Load what is wanted.

        Args:
            store: where published models are.
            settings: of the service.
            tokens: who may ask.
            listener: where connections come in.
            folder: for counts, and for what workers have to know.

        Raises:
            UserError: see `load_first`.
        """
        self._store, self._settings, self._tokens, self._listener = store, settings, tokens, listener
        self._folder = folder
        #: Loaded once, and shared with the workers as versions are: one that is replaced reads no file.
        self._tls = settings.load_tls()
        self._loaded, refused = load_first(store, settings)
        #: Reference → version and reason, of what cannot be served.
        self._refused: dict[str, dict[str, Any]] = {}
        self._tried: Tried = {}
        #: Why the store cannot be read.
        self._away: str | None = None
        self._crew = Crew(settings, tokens, listener, folder)
        self._watch: Watch | None = None
        self._watch_pauses = children.Pauses()
        self._ending = self._asked_again = False
        self._alarm, self._bell = children.pipe()
        children.keep(self._bell)
        for reference, reason in refused.items():
            self._refuse(reference, 0, reason)

    def run(self) -> None:
        """Serve until asked to end.

        Raises:
            UserError: when no worker can begin.
        """
        self._listen_to_signals()
        self._write_state()
        try:
            if not self._serve(self._loaded, self._tls):
                raise UserError("No worker could begin; the messages above say why.")
            self._say_ready()
            self._begin_watch()
            while self._wait():
                self._look_after_watch()
                if self._asked_again:
                    self._asked_again = False
                    self._begin_again()
                self._crew.fill()
        finally:
            self._end()

    def _begin_again(self) -> None:
        """Replace the workers by others, which have the certificate as it is now."""
        try:
            tls = self._settings.load_tls()
        except UserError as error:
            log.error("The workers stay as they were: %s", error)
        else:
            self._serve(self._loaded, tls)

    def _listen_to_signals(self) -> None:
        def end(*_: object) -> None:
            self._ending = True

        def again(*_: object) -> None:
            self._asked_again = True

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        signal.signal(signal.SIGHUP, again)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # so that it wakes us
        signal.set_wakeup_fd(self._bell, warn_on_full_buffer=False)

    def _wait(self, seconds: float = 0.5) -> bool:
        """Wait a moment for signals, workers and the watch; whether the service goes on."""
        watched = [] if self._watch is None else [self._watch.pipe]
        found, _, _ = select.select([self._alarm, *self._crew.pipes(), *watched], [], [], seconds)
        if self._alarm in found:
            with suppress(BlockingIOError):
                os.read(self._alarm, 1 << 16)
        self._tokens.refresh()
        self._crew.hear(found)
        self._reap()
        return not self._ending

    def _reap(self) -> None:
        """Take note of processes that have ended."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                if self._watch is not None and pid == self._watch.pid:
                    self._watch.ended = children.how_it_ended(status)
                elif self._crew.ended(pid, status):
                    self._write_state()

    def _end(self) -> None:
        self._ending = True
        watch, self._watch = self._watch, None
        if watch is not None:
            children.send(watch.pid, signal.SIGKILL)
        self._crew.end(lambda: self._wait(0.1))
        self._listener.close()
        log.info("the service has ended")

    # What is served

    def _begin_watch(self) -> None:
        if self._settings.reload:
            # What is served now; the former watch knew what was served before.
            served = {reference: item.publication.version for reference, item in self._loaded.items()}
            self._watch = Watch(self._store, self._settings, self._listener, served, self._tried)

    def _look_after_watch(self) -> None:
        """Do what the watch asks for, and begin another one where it has ended."""
        watch = self._watch
        if watch is None:
            if self._watch_pauses.over:
                self._begin_watch()
            return
        ended = watch.ended
        self._hear(watch)
        if ended:
            children.close(watch.pipe)
            if watch.trying is not None:
                self._refuse(*watch.trying, f"the process that loaded it ended {ended}")
            self._watch_pauses.ended(watch.began)
            self._watch = None

    def _hear(self, watch: Watch) -> None:
        moved: dict[str, Publication] = {}
        for message in watch.hear():
            if "refused" in message:
                self._refuse(message["refused"], message["version"], message["reason"])
            elif "settled" in message:
                self._settle(message["settled"])
            elif "moved" in message:
                data = json.dumps(message["publication"]).encode()
                moved[message["moved"]] = parse_document(data, Publication, "the manifest")
            elif "store" in message:
                self._store_is(message["store"])
        if moved:
            self._move(moved)

    def _move(self, publications: dict[str, Publication]) -> None:
        """Serve versions that the watch has found good."""
        loaded = dict(self._loaded)
        for reference, publication in publications.items():
            try:
                loaded[reference] = load(self._store, publication)
            except UserError as error:
                self._refuse(reference, publication.version, str(error))
        moved = {name: item for name, item in publications.items() if loaded.get(name) is not self._loaded.get(name)}
        if not moved:
            return
        began = self._serve(loaded, self._tls)
        for reference, publication in moved.items():
            if began:
                self._settle(reference)
                log.info("%s is served from now on", publication)
            else:
                self._refuse(reference, publication.version, "no worker could begin with it; the log says why")

    def _serve(self, loaded: dict[str, Loaded], tls: ssl.SSLContext | None) -> bool:
        """Serve other versions, or the same by new workers; whether it has worked."""
        children.settle()
        if not self._crew.serve(Catalogue.of(loaded, self._settings), tls, self._wait):
            return False
        self._loaded, self._tls = loaded, tls
        return True

    # What is known of it

    def _refuse(self, reference: str, version: int, reason: str) -> None:
        known = {"version": version, "reason": reason}
        if self._refused.get(reference) != known:
            goes_on = self._loaded.get(reference)
            beside = f"; {goes_on.publication} goes on" if goes_on else ""
            log.error("%s, version %d, is not served: %s%s", reference, version, reason.rstrip("."), beside)
        self._refused[reference] = known
        note_refusal(self._tried, reference, version)
        self._write_state()

    def _settle(self, reference: str) -> None:
        self._tried.pop(reference, None)
        if self._refused.pop(reference, None) is not None:
            self._write_state()

    def _store_is(self, away: str | None) -> None:
        if away == self._away:
            return
        if away is None:
            log.info("the store can be looked at again")
        else:
            log.error("other versions cannot be looked for, and what is served goes on: %s", away)
        self._away = away
        self._write_state()

    def _write_state(self) -> None:
        state = {"refused": self._refused, "store": self._away, "restarts": self._crew.restarts}
        write_state(self._folder, state)

    def _say_ready(self) -> None:
        host, port = self._listener.getsockname()[:2]
        scheme = "https" if self._settings.tls_certificate else "http"
        served = ", ".join(str(item.publication) for item in self._loaded.values())
        log.info("serving %s on %s://%s:%d", served, scheme, f"[{host}]" if ":" in host else host, port)
        if not self._tokens.required:
            log.info("anybody on this machine may ask, and nobody else; %s or tokens=<file> asks for a token", TOKEN)
        _notify_systemd()


def serve(store: Store, settings: Settings) -> None:
    """Serve published models until asked to end (SIGTERM, Ctrl-C).

    Raises:
        UserError: when a model cannot be served, or the address is taken.
    """
    tokens = Tokens(settings.tokens)
    listener = _listen(settings)
    with tempfile.TemporaryDirectory(prefix=owned(SCRATCH)) as folder:
        Supervisor(store, settings, tokens, listener, Path(folder)).run()


def _listen(settings: Settings) -> socket.socket:
    """A socket at the address that is wanted; connections are taken from the first worker on."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except (OSError, UnicodeError) as error:
        listener.close()
        raise UserError(
            f"host={settings.host} port={settings.port} cannot be listened on "
            f"({getattr(error, 'strerror', None) or error}); choose another."
        ) from None
    return listener


def _notify_systemd() -> None:
    """Say that the service is ready, where systemd asks to be told (`Type=notify`)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to, suppress(OSError):
        to.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)

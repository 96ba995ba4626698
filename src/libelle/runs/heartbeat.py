"""Whether a run that is `running` still goes on: its process says so from time to time, beside the manifest."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from libelle.errors import UserError
from libelle.files import json_bytes, process_died
from libelle.runs.ids import RunId
from libelle.runs.run import LOST, RUNNING, Manifest, Run
from libelle.stores.base import Store
from libelle.stores.documents import Moment, read_document

#: Seconds between two heartbeats.
INTERVAL = 30.0
#: After so long without a heartbeat a run on another machine has died; clocks may differ by some minutes.
SILENCE = timedelta(minutes=10)
#: The object beside the manifest, which goes when the run ends.
HEARTBEAT = "heartbeat.json"


@dataclass
class Heartbeat:
    """The object: which process trains the run, and when it said so last."""

    host: Annotated[str, Field(max_length=255)]
    pid: Annotated[int, Field(ge=0, lt=1 << 62)]
    time: Moment


def this_process() -> tuple[str, int]:
    """This machine's name and the number of this process, as manifests and heartbeats have them."""
    return socket.gethostname(), os.getpid()


class Heart:
    """Says from a thread that a run goes on: neither a slow store nor one that is away holds the run up."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while True:
            with suppress(UserError, OSError):
                _put(self._run)
            if self._ended.wait(INTERVAL):
                return

    def end(self) -> None:
        """Say no more."""
        self._ended.set()
        self._thread.join(5.0)  # a beat that is on its way must not follow the removal

    def stop(self) -> None:
        """Say no more, and remove what was said: the run has ended, and the store knows."""
        self.end()
        stop_beating(self._run)


@contextmanager
def beating(run: Run) -> Iterator[Heart]:
    """Say that a run goes on, until it stops or the context ends."""
    heart = Heart(run)
    try:
        yield heart
    finally:
        heart.end()


def stop_beating(run: Run) -> None:
    """Remove the heartbeat of a run that has ended; one that stays does no harm."""
    with suppress(UserError, OSError):
        run.store.delete(run.key(HEARTBEAT))


def as_seen(store: Store, manifest: Manifest) -> Manifest:
    """The manifest as it is shown: a run whose process has died is `lost`, not `running`."""
    if manifest.status == RUNNING and _has_died(store, manifest):
        return replace(manifest, status=LOST)
    return manifest


def _has_died(store: Store, manifest: Manifest) -> bool:
    if manifest.host is None or manifest.pid is None:
        return False  # an earlier libelle trains it, or did: nobody knows
    if process_died(manifest.host, manifest.pid):
        return True
    run = Run(store, RunId.parse(manifest.run_id), manifest)
    try:
        last = read_document(store, run.key(HEARTBEAT), Heartbeat).time
    except (KeyError, UserError):
        last = manifest.started
    return datetime.now().astimezone() - datetime.fromisoformat(last) > SILENCE


def _put(run: Run) -> None:
    host, pid = this_process()
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    run.store.put(run.key(HEARTBEAT), json_bytes({"host": host, "pid": pid, "time": now}))

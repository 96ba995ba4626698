"""The process that looks out for other versions, seen from above."""

import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from libelle.service import children
from libelle.service.scout import Scout, Tried, watch
from libelle.service.settings import Settings
from libelle.stores.base import Store


class Watch:
    """A process of its own: a store that hangs or a model that crashes harms nobody.

    Attributes:
        pid: of the process.
        began: when, by `time.monotonic`.
        pipe: what it tells.
        trying: the reference and the version that it tries now, if any.
        ended: how it ended; empty as long as it lives.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        listener: socket.socket,
        served: dict[str, int],
        tried: Tried,
    ) -> None:
        """Begin it.

        Args:
            store: where to look.
            settings: of the service.
            listener: of the service, of which this process wants nothing.
            served: reference → version that is served.
            tried: what was refused.
        """
        # A copy of the store makes connections of its own.
        scout = Scout(replace(store), settings, served, dict(tried))  # type: ignore[type-var]
        self.pipe, writing = children.pipe()

        def begin() -> None:
            listener.close()
            watch(scout, writing)

        self.pid, self.began = children.fork(begin), time.monotonic()
        os.close(writing)
        self.trying: tuple[str, int] | None = None
        self.ended = ""
        self._rest = b""

    def hear(self) -> list[dict[str, Any]]:
        """What it has told since, see `Scout.look`."""
        with suppress(BlockingIOError):
            while data := os.read(self.pipe, 1 << 16):
                self._rest += data
        *lines, self._rest = self._rest.split(b"\n")
        messages = [json.loads(line) for line in lines]
        for message in messages:
            if "trying" in message:
                self.trying = message["trying"], message["version"]
            elif "refused" in message or "moved" in message:
                self.trying = None
        return messages

"""One worker: a process that answers, with one version of each model from its beginning to its end."""

import asyncio
import logging
import os
import signal
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn

from libelle.service.app import create_app
from libelle.service.context import Context
from libelle.service.listening import Listener, Shares
from libelle.service.metrics import count_in
from libelle.service.models_served import Catalogue
from libelle.service.refusal import where
from libelle.service.settings import Settings
from libelle.service.tokens import Tokens

log = logging.getLogger(__name__)

#: Asks a worker to take no more connections, to answer those that it has, and to end.
LEAVE = signal.SIGUSR1
#: Seconds that an idle connection is kept; longer than proxies keep theirs, so that these close first.
KEPT_ALIVE = 75
#: Seconds that a leaving worker keeps connections on which nothing comes.
_FAREWELL = 5.0


class Worker(uvicorn.Server):
    """A server of uvicorn that can leave without losing a request.

    Where it is asked to leave, another worker takes the new connections. It answers what comes on its own ones, and
    each answer closes its connection: clients come back to the other worker. One that is closed while idle may have
    been used at that moment.
    """

    def __init__(
        self, context: Context, tls: ssl.SSLContext | None, shares: Shares, slot: int, life: int, lifeline: int
    ) -> None:
        """Make a worker.

        Args:
            context: what its requests share.
            tls: as the process above has loaded it; None for connections without.
            shares: how many connections each worker has.
            slot: of this one there.
            life: a pipe to write to as long as it answers.
            lifeline: a pipe that is closed when the process above has died.
        """
        settings = context.settings
        super().__init__(
            uvicorn.Config(
                create_app(context),
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEPT_ALIVE,
                timeout_graceful_shutdown=int(settings.timeout) + 1,
                callback_notify=self._live,
                timeout_notify=1,
            )
        )
        self._context, self._life, self._lifeline = context, life, lifeline
        self._tls, self._shares, self._slot = tls, shares, slot
        self._listeners: list[Listener] = []
        context.connections = self._connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(log_where)
        loop.add_signal_handler(LEAVE, self.leave)
        loop.add_reader(self._lifeline, self._orphaned)
        for served in self._context.catalogue.served:  # else the first requests wait for memory that is not shared
            served.pipeline.predict_proba(served.pipeline.golden)
        await super().startup([])
        self._listeners = [
            Listener(listener, self._protocol, self._tls, self._shares, self._slot, self._connections)
            for listener in sockets or ()
        ]
        self.servers = list[Any](self._listeners)
        await self._live()

    def _protocol(self) -> asyncio.Protocol:
        """What uvicorn makes for a connection."""
        kind: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = kind(config=self.config, server_state=self.server_state, app_state={})
        return protocol

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, once what was asked is answered."""
        self._context.leaving = self._context.ending = True
        await super().shutdown(sockets)

    def leave(self) -> None:
        """Take no more connections, and end when those that there are have ended."""
        if self._context.leaving:
            return
        self._context.leaving = True
        for server in self.servers:
            server.close()
        self._context.later(self._last_connections)

    async def _last_connections(self) -> None:
        idle = 0.0
        seen = -1
        while (self.server_state.connections or self._agreeing()) and idle < _FAREWELL:
            busy = self.server_state.total_requests != seen or self.server_state.tasks
            idle = 0.0 if busy else idle + 0.05
            seen = self.server_state.total_requests
            await asyncio.sleep(0.05)
        self.should_exit = True

    def _connections(self) -> int:
        return len(self.server_state.connections)

    def _agreeing(self) -> bool:
        return any(listener.pending for listener in self._listeners)

    async def _live(self) -> None:
        for listener in self._listeners:
            listener.tell()
        self._context.tokens.refresh()
        with suppress(OSError):  # nobody has listened for long
            os.write(self._life, b".")

    def _orphaned(self) -> None:
        asyncio.get_running_loop().remove_reader(self._lifeline)
        self.should_exit = True


def log_where(_: asyncio.AbstractEventLoop, about: dict[str, Any]) -> None:
    """Log what nobody waited for; asyncio itself would log the text of the error, which may hold a record's."""
    error = about.get("exception")
    log.error("a task failed: %s", where(error) if isinstance(error, BaseException) else "without an error")


def work(
    listener: socket.socket,
    tls: ssl.SSLContext | None,
    catalogue: Catalogue,
    settings: Settings,
    tokens: Tokens,
    folder: Path,
    shares: Shares,
    slot: int,
    life: int,
    lifeline: int,
) -> None:
    """Answer until asked to end; called in a process of its own.

    Args:
        listener: where connections come in.
        tls: None for connections without.
        catalogue: what is served.
        settings: of the service.
        tokens: who may ask.
        folder: where workers count.
        shares: how many connections each worker has.
        slot: where this one counts.
        life: a pipe to write to as long as it answers.
        lifeline: a pipe that is closed when the process above has died.
    """
    count_in(folder, slot)
    context = Context(settings, catalogue, tokens, folder)
    Worker(context, tls, shares, slot, life, lifeline).run([listener])

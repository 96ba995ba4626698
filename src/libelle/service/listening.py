"""A socket that several workers listen on, and who takes a connection that comes.

The event loop's own servers take all connections that wait, whoever comes first: of eight that a proxy opened at once
and keeps, one worker had up to eight, and the others nothing to do. Here a worker takes one at a time, and leaves it to
one that has fewer, if that takes it soon.
"""

import asyncio
import logging
import mmap
import select
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

log = logging.getLogger(__name__)

#: Connections that may wait to be taken.
_BACKLOG = 2048
#: Seconds that a connection is left to a worker that has fewer, and after which it is looked at again.
_LEFT, _AGAIN = 0.01, 0.001
#: Connections more than another worker has, from which on each further one is left to it first.
_FAR = 8
#: Seconds for which none is taken after the system refused one, as where too many files are open.
_PAUSE = 1.0
#: The number of a worker that takes none.
_NOBODY = 0xFFFFFFFF


class Shares:
    """How many connections each worker has: memory that is shared with processes that are forked later."""

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("I")
        for slot in range(len(self._counts)):
            self.end(slot)

    def set(self, slot: int, connections: int) -> None:
        """Say how many the worker in a slot has."""
        self._counts[slot % len(self._counts)] = connections

    def end(self, slot: int) -> None:
        """Say that it takes no more."""
        self.set(slot, _NOBODY)

    def fewest(self) -> int:
        """How many the worker has that has fewest."""
        return min(self._counts)


class Listener:
    """Takes connections, as an `asyncio.Server` does.

    Attributes:
        pending: connections that were taken and cannot be used yet, as TLS is agreed on first.
    """

    def __init__(
        self,
        listener: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None,
        shares: Shares,
        slot: int,
        count: Callable[[], int],
    ) -> None:
        """Begin to listen.

        Args:
            listener: bound to its address.
            protocol: made for each connection.
            tls: None for connections without.
            shares: where workers see how many connections the others have.
            slot: of this worker.
            count: says how many this one uses.
        """
        self.pending: set[asyncio.Task[None]] = set()
        self._listener, self._protocol, self._tls = listener, protocol, tls
        self._shares, self._slot, self._count = shares, slot, count
        self._loop = asyncio.get_running_loop()
        self._closed = False
        #: Since when a connection that waits is left to the others.
        self._since: float | None = None
        listener.setblocking(False)
        listener.listen(_BACKLOG)
        self.tell()
        self._listen()

    def tell(self) -> int:
        """Tell the others how many connections there are here, and return it."""
        count = self._count() + len(self.pending)
        if not self._closed:
            self._shares.set(self._slot, count)
        return count

    def close(self) -> None:
        """Take no more."""
        self._closed = True
        self._shares.end(self._slot)
        self._loop.remove_reader(self._listener)

    async def wait_closed(self) -> None:
        """Wait for nothing: it is closed at once."""

    def _listen(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listener, self._take)

    def _take(self) -> None:
        if self._others_first():
            self._loop.remove_reader(self._listener)
            self._loop.call_later(_AGAIN, self._look_again)
            return
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):  # another worker took it, or it has gone
            return
        except OSError as error:
            log.error("no connection can be taken (%s)", error.strerror)
            self._loop.remove_reader(self._listener)
            self._loop.call_later(_PAUSE, self._listen)
            return
        task = self._loop.create_task(self._connect(connection))
        self.pending.add(task)
        task.add_done_callback(self.pending.discard)
        self.tell()

    def _others_first(self) -> bool:
        """Whether the connection that waits is left to another worker.

        It is for a while, and then not again for as long, unless this worker is far ahead: others may be at work.
        """
        ahead = self.tell() - self._shares.fewest()
        if ahead <= 0:
            return False
        now = self._loop.time()
        if self._since is None or now - self._since > 2 * _LEFT:
            self._since = now
        if now - self._since < _LEFT:
            return True
        if ahead > _FAR:
            self._since = None
        return False

    def _look_again(self) -> None:
        if not self._closed and not select.select([self._listener], [], [], 0)[0]:  # somebody took it
            self._since = None
        self._listen()

    async def _connect(self, connection: socket.socket) -> None:
        with suppress(OSError):  # it has gone, or does not speak TLS (ssl.SSLError is one)
            await self._loop.connect_accepted_socket(self._protocol, connection, ssl=self._tls)

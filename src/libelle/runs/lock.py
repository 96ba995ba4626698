"""A lock in a store: one change at a time, among any number of processes and machines.

A lock is a lease: its holder renews it, by a new count, while the change goes on. Whoever waits and has seen the same
count for `DIED` seconds takes the lock over. A holder that slept that long, as with a laptop that was closed, finds out
before it writes: it counts the seconds since before its last renewal, which are always more than a waiter has seen.
What remains is a write that was on its way for longer than the lease lasts.
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from libelle.errors import UserError
from libelle.stores.base import Store

log = logging.getLogger(__name__)

#: A holder that has not renewed its lease for this many seconds has died, and another may go on.
DIED = 2.0
#: Seconds that one waits for a lock on which others follow one another.
_PATIENCE = 120.0
#: Renewals while a lease lasts.
_RENEWALS = 5
#: Bytes of a lock.
_LARGEST = 1 << 10


@dataclass
class Lease:
    """A lock that is held.

    Attributes:
        store: where the lock is.
        key: of the lock.
        what: is locked, for messages, as `run_id=2026-11-23_4`.
        token: of this holder, 16 hexadecimal digits.
    """

    store: Store
    key: str
    what: str
    token: bytes = field(default_factory=lambda: os.urandom(8).hex().encode())
    _renewed: float = 0.0
    _count: int = 0
    _renewing: Lock = field(default_factory=Lock)

    def take(self) -> bool:
        """Take the lock where nobody holds it."""
        self._renewed = _now()
        return self.store.create_if_absent(self.key, self.token)

    def require(self) -> None:
        """Make sure that the lock is still held; to be called before each write.

        Raises:
            UserError: when it was taken over, since this process slept.
        """
        if not self._is_held():
            raise UserError(
                f"{self.what} was changed by others while this command slept, and nothing was written over their "
                "change; look at it, and say it again if you still want it."
            )

    def renew(self) -> None:
        """Say that the holder lives; a lease that has run out is not renewed, since it may be another's."""
        with self._renewing:
            now = _now()
            if self._is_held():
                self._count += 1
                self.store.put(self.key, b"%s %d" % (self.token, self._count))
                self._renewed = now

    def give_back(self) -> None:
        """Remove the lock, unless it is another's."""
        with self._renewing:
            remove(self.store, self.key, self.token)

    def _is_held(self) -> bool:
        try:
            holder = self.store.get(self.key, _LARGEST)
        except KeyError:
            return False
        return holder.startswith(self.token) and _now() - self._renewed < DIED


@contextmanager
def locked(store: Store, key: str, what: str) -> Iterator[Lease]:
    """Hold the lock of this key; `require` of what is yielded goes before each write.

    Args:
        store: where the lock is.
        key: of the lock.
        what: is locked, for messages, as `run_id=2026-11-23_4`.

    Raises:
        UserError: when others hold it on and on.
    """
    lease = Lease(store, key, what)
    _wait_for(lease)
    ended = Event()
    renewal = Thread(target=_renew, args=(lease, ended), daemon=True)
    renewal.start()
    try:
        yield lease
    finally:
        ended.set()
        lease.give_back()


def remove(store: Store, key: str, token: bytes) -> None:
    """Remove a lock if this token holds it."""
    try:
        if store.get(key, _LARGEST).startswith(token):
            store.delete(key)
    except KeyError:
        pass  # taken over, and given back since


def _wait_for(lease: Lease) -> None:
    # Clocks of machines differ: a holder has died when we have seen the same count for long.
    began = since = _now()
    seen = None
    while not lease.take():
        try:
            holder = lease.store.get(lease.key, _LARGEST)
        except KeyError:
            continue  # just given back
        now = _now()
        if holder != seen:
            seen, since = holder, now
        elif now - since > DIED:
            remove(lease.store, lease.key, holder)
            continue
        if now - began > _PATIENCE:
            raise UserError(f"{lease.what} is being changed by others all the time; try again in a minute.")
        time.sleep(0.05)


def _renew(lease: Lease, ended: Event) -> None:
    while not ended.wait(DIED / _RENEWALS):
        try:
            lease.renew()
        except UserError as error:  # the lease runs out, and `require` says so
            log.debug("The lock %s is not renewed: %s", lease.key, error)


def _now() -> float:
    """Seconds on a clock that also runs while the machine sleeps, where there is one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()

"""A lock in a store: one change of a run at a time, among any number of processes and machines."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from libelle.errors import UserError
from libelle.stores.base import Store

#: A change that takes longer than this many seconds has died, and another may go on.
DIED = 30.0


@contextmanager
def locked(store: Store, key: str, what: str) -> Iterator[None]:
    """Hold the lock of this key.

    Args:
        store: where the lock is.
        key: of the lock.
        what: is locked, for the sentence, as `run_id=2026-11-23_4`.

    Raises:
        UserError: when others hold it on and on.
    """
    token = os.urandom(8).hex().encode()
    _lock(store, key, token, what)
    try:
        yield
    finally:
        _unlock(store, key, token)


def _lock(store: Store, key: str, token: bytes, what: str) -> None:
    # Clocks of machines differ: a lock has died when we have seen the same one for long.
    began = since = time.monotonic()
    seen = None
    while not store.create_if_absent(key, token):
        try:
            holder = store.get(key)
        except KeyError:
            continue  # just given back
        now = time.monotonic()
        if holder != seen:
            seen, since = holder, now
        elif now - since > DIED:
            _unlock(store, key, holder)
            continue
        if now - began > 4 * DIED:
            raise UserError(f"{what} is being changed by others all the time; try again in a minute.")
        time.sleep(0.05)


def _unlock(store: Store, key: str, token: bytes) -> None:
    try:
        if store.get(key) == token:
            store.delete(key)
    except KeyError:
        pass  # taken over, and given back since

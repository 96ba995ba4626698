"""Claims of run ids by many processes at once."""

import multiprocessing
import os
from functools import partial
from itertools import count

from libelle.stores.base import Store


def key_of(number: int) -> str:
    return f"runs/2026-11-23/{number}/2026-11-23_{number}.manifest.json"


def claim(store: Store, environment: dict[str, str], claimant: int) -> int:
    """Take the first number that is free."""
    os.environ.update(environment)
    return next(n for n in count(1) if store.create_if_absent(key_of(n), str(claimant).encode()))


def claim_at_once(store: Store, processes: int) -> list[int]:
    """Return the number that each process got."""
    # Processes of a clean server, which has the imports behind it: they begin together.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["libelle.stores.local", "libelle.stores.minio"])
    environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    with context.Pool(processes) as pool:
        return pool.map(partial(claim, store, environment), range(processes), chunksize=1)

"""Claims of run ids by many processes at once."""

import multiprocessing
import os
from functools import partial
from itertools import count
from typing import Any

from libelle.runs.run import Run
from libelle.stores.base import Store

_gate: Any = None


def key_of(number: int) -> str:
    return f"runs/2026-11-23/{number}/2026-11-23_{number}.manifest.json"


def claim(store: Store, environment: dict[str, str], claimant: int) -> int:
    """Take the first number that is free."""
    os.environ.update(environment)
    return next(n for n in count(1) if store.create_if_absent(key_of(n), str(claimant).encode()))


def claim_at_once(store: Store, processes: int) -> list[int]:
    """Return the number that each process got."""
    environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    with _context().Pool(processes) as pool:
        return pool.map(partial(claim, store, environment), range(processes), chunksize=1)


def _context() -> Any:
    # Processes of a clean server, which has the imports behind it: they begin together.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["libelle.stores.local", "libelle.stores.minio", "libelle.runs.run"])
    return context


def begin_at_once(store: Store, processes: int, rounds: int) -> list[tuple[str, int]]:
    """Begin a run in each process, all at once, several times; the ids that each got, with its number."""
    context = _context()
    environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    gate = context.Barrier(processes)
    with context.Pool(processes, _stand_at, [gate]) as pool:
        found = pool.map(partial(_begin, store, environment, rounds), range(processes), chunksize=1)
    return [each for some in found for each in some]


def _stand_at(gate: Any) -> None:
    global _gate
    _gate = gate


def _begin(store: Store, environment: dict[str, str], rounds: int, _: int) -> list[tuple[str, int]]:
    os.environ.update(environment)
    found = []
    for _ in range(rounds):
        _gate.wait()
        found.append((str(Run.begin(store, pid=os.getpid()).id), os.getpid()))
    return found

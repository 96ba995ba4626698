"""Trying inputs one after the other, in bounded memory and time, and counting what comes of them."""

import contextlib
import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np

from hydra_plugins.hydra_hyperopt_sweeper.sweep import SweepError
from libelle.errors import UserError

#: Seconds of CPU, bytes of memory and characters of a sentence that an input may take.
SECONDS, MEMORY, SENTENCE = 10, 200 << 20, 600


class Hang(BaseException):
    """An input took too long."""


class Door:
    """A way in: `name`, and its share of all inputs."""

    name: ClassVar[str]
    share: ClassVar[int]

    def __init__(self, corpus: Path, scratch: Path) -> None:
        """Read right input, and import what the door needs by passing it through."""
        self.corpus, self.scratch = corpus, scratch

    def attempt(self, random: np.random.Generator) -> Any:
        """Make an input and pass it through the door; raises `UserError` where it is refused."""
        raise NotImplementedError


def doors() -> dict[str, type[Door]]:
    """Name → door."""
    for module in ("files", "calls", "stored", "ledgers"):
        importlib.import_module(f"helpers.fuzzing.{module}")
    return {door.name: door for door in _below(Door) if "name" in vars(door)}


def _below(cls: type[Door]) -> Iterator[type[Door]]:
    for door in cls.__subclasses__():
        yield door
        yield from _below(door)


def try_all(door: Door, seed: int, first: int, count: int, progress: Path) -> dict[str, Any]:
    """Try inputs `first` to `first + count`; `progress` always holds the number of the one that is tried."""
    counts: Counter[str] = Counter()
    crashes: list[str] = []
    slowest = 0.0
    signal.signal(signal.SIGPROF, _hang)
    signal.signal(signal.SIGALRM, _hang)
    descriptor = os.open(progress, os.O_CREAT | os.O_WRONLY)
    for number in range(first, first + count):
        os.pwrite(descriptor, f"{number:12}".encode(), 0)
        before, began = _memory(), time.process_time()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.setitimer(signal.ITIMER_REAL, 20 * SECONDS)  # for what waits
        fault = _try(door, _random(door.name, seed, number), counts, verbose=count == 1)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        slowest = max(slowest, time.process_time() - began)
        if fault is None and _memory() - before > MEMORY:
            fault = f"{(_memory() - before) >> 20} MB of memory"
        if fault is not None:
            counts["crashed"] += 1
            crashes.append(f"{door.name} {seed} {number}: {fault}")
        counts["tried"] += 1
    return {**counts, "crashes": crashes, "slowest": round(slowest, 2)}


def _try(door: Door, random: np.random.Generator, counts: Counter[str], verbose: bool) -> str | None:
    """What is wrong with how an input was taken; None where it worked or was refused in a sentence."""
    try:
        with open(os.devnull, "w") as nowhere, contextlib.ExitStack() as stack:  # noqa: PTH123
            if not verbose:
                stack.enter_context(contextlib.redirect_stdout(nowhere))
                stack.enter_context(contextlib.redirect_stderr(nowhere))
            door.attempt(random)
    except (UserError, SweepError) as error:
        counts["refused"] += 1
        return wrong_sentence(str(error))
    except Hang:
        return f"more than {SECONDS} s"
    except BaseException as error:
        if verbose:
            traceback.print_exc()
        return f"{type(error).__name__}: {error}"[:300]
    counts["worked"] += 1
    return None


def wrong_sentence(said: str) -> str | None:
    """What is wrong with a refusal; None where it is a sentence."""
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in said):
        return f"not one line: {said[:300]!r}"
    if not 10 < len(said) <= SENTENCE:
        return f"{len(said)} characters: {said[:300]!r}"
    return None


def _random(door: str, seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(door.encode()), seed, number])


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _hang(*_: object) -> NoReturn:
    raise Hang


def main(corpus: str, name: str, seed: str, first: str, count: str) -> None:
    """Try inputs at a door, as the package says."""
    scratch = Path(os.environ.get("FUZZ_SCRATCH", corpus), f"{name}-{os.getpid()}")
    scratch.mkdir(parents=True)
    door = doors()[name](Path(corpus), scratch)
    found = try_all(door, int(seed), int(first), int(count), Path(scratch.parent, f"{name}-{first}.number"))
    print(json.dumps(found), file=sys.__stdout__)

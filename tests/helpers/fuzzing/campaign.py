"""Many inputs at all doors, two child processes at a time: a library that crashes takes no test with it."""

import json
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from helpers.fuzzing.runner import doors

_TESTS = Path(__file__).parents[2]


@dataclass
class Found:
    """What came of the inputs at a door: numbers by what happened, and each crash with how to try it again."""

    counts: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)


def prepare(corpus: Path) -> None:
    """Make the right input, in a process of its own."""
    _python("prepare", str(corpus), scratch=corpus).check_returncode()


def fuzz(corpus: Path, scratch: Path, total: int, seed: int) -> dict[str, Found]:
    """Try some `total` inputs, by the shares of the doors; door → what came of it."""
    shares = {name: door.share for name, door in doors().items()}
    counts = {name: -(-total * share // sum(shares.values())) for name, share in shares.items()}
    with ThreadPoolExecutor(2) as pool:
        found = {name: pool.submit(_at, name, corpus, scratch, seed, count) for name, count in counts.items()}
        return {name: future.result() for name, future in found.items()}


def _at(door: str, corpus: Path, scratch: Path, seed: int, count: int) -> Found:
    found, first = Found(), 0
    while first < count:
        done = _python(str(corpus), door, str(seed), str(first), str(count - first), scratch=scratch)
        if done.returncode == 0:
            said = json.loads(done.stdout.splitlines()[-1])
            found.crashes += said.pop("crashes")
            said.pop("slowest")
            found.counts.update(said)
            break
        # The process died: what it was at counts, and those before it are not counted but went well or crashed alike.
        last = int((scratch / f"{door}-{first}.number").read_text())
        found.crashes.append(f"{door} {seed} {last}: the process ended with {done.returncode}")
        found.counts.update(tried=last - first + 1, crashed=1)
        first = last + 1
    return found


def table(found: dict[str, Found]) -> str:
    """A line a door, and one for all."""
    columns = ("tried", "refused", "worked", "crashed")
    total: Counter[str] = Counter()
    lines = [f"{'door':<12}" + "".join(f"{name:>9}" for name in columns)]
    for name, door in found.items():
        total.update(door.counts)
        lines.append(f"{name:<12}" + "".join(f"{door.counts[column]:>9,}" for column in columns))
    return "\n".join([*lines, f"{'all':<12}" + "".join(f"{total[column]:>9,}" for column in columns)])


def _python(*arguments: str, scratch: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "helpers.fuzzing", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(_TESTS), "OMP_NUM_THREADS": "1", "FUZZ_SCRATCH": str(scratch)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

"""How much longer a training takes where others are at work: alone, then beside a busy process on each core.

    python benchmarks/shared_machine.py                            the default, `data=diaries`
    python benchmarks/shared_machine.py data=bi model=transformer  other arguments of train.py

Seconds are those of the clock, of the fastest of three whole commands each: start, report and all.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TRIES = 3


def main() -> None:
    """Measure, and print the table."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start.\n")
    print("| | s | its test metrics |\n|---|---|---|")
    alone = row("alone", sys.argv[1:])
    with busy(os.cpu_count() or 1):
        beside = row("beside a busy process on each core", sys.argv[1:])
    print(f"\nBeside others it takes {beside / alone:.1f} times as long.")


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep some processes busy."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def row(name: str, arguments: list[str]) -> float:
    """Print one row; returns its seconds."""
    found = [train(arguments) for _ in range(TRIES)]
    seconds = min(taken for taken, _ in found)
    (metrics,) = {said for _, said in found}  # the same seed, the same model
    print(f"| {name} | {seconds:.1f} | {metrics} |", flush=True)
    return seconds


def train(arguments: list[str]) -> tuple[float, str]:
    """Seconds of `train.py`, and what it says of the test rows."""
    with tempfile.TemporaryDirectory() as store:
        begun = time.monotonic()
        command = [sys.executable, str(ROOT / "train.py"), *arguments, f"store.root={store}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - begun
        if done.returncode:
            sys.exit(done.stderr)
        test = json.loads(next(Path(store).glob("runs/*/*/*.metrics.json")).read_text())["test"]
    return seconds, ", ".join(f"{test[name]:.4f}" for name in ("log_loss", "accuracy"))


if __name__ == "__main__":
    main()

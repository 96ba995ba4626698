"""Sweeps of `tests/sweeper/app.py` in processes of their own."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

APP = Path(__file__).parents[1] / "sweeper" / "app.py"


@dataclass
class Ended:
    returncode: int
    stderr: str


def command(folder: Path, *overrides: str) -> list[str]:
    return [sys.executable, str(APP), "--multirun", "hydra/sweeper=hyperopt", f"hydra.sweep.dir={folder}", *overrides]


def start(folder: Path, *overrides: str, **environment: str) -> Ended:
    """Run a sweep to its end; the environment says which of its jobs do what, see the application."""
    # A file, no pipe, and a session to end: workers of joblib outlive a parent that is killed.
    with tempfile.TemporaryFile("w+") as stderr:
        process = subprocess.Popen(
            command(folder, *overrides),
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=os.environ | environment,
            cwd=folder.parent,
            start_new_session=True,
        )
        returncode = process.wait(timeout=180)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        stderr.seek(0)
        return Ended(returncode, stderr.read())


def until(happens: Callable[[], object], what: str, said: Path | None = None) -> None:
    """Wait for something; fail where it does not come about, with what the sweep said in a file."""
    deadline = time.monotonic() + 150
    while not happens():
        assert time.monotonic() < deadline, f"{what} did not come about; {said.read_text() if said else ''}"
        time.sleep(0.1)

"""A sweep that another process runs: started so that it outlives the terminal, or found to be running; followed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from omegaconf import DictConfig

from ._errors import SweepError
from ._ledger import Ledger, SweepIsRunning, owner_path
from ._ledger_reader import LEDGER, RUNNING, SweepRecord, ranked
from ._override_values import encode

#: Environment variable of a detached sweeper: its sweep folder.
_VARIABLE = "HYDRA_HYPEROPT_DETACHED"
#: What a detached sweeper and its jobs print, in the sweep folder.
_LOG = "sweep.log"
#: Seconds between two looks at the ledger.
_LOOK = 1.0


def is_detached(folder: Path) -> bool:
    """Whether this process was started by `start_detached`."""
    return os.environ.get(_VARIABLE) == str(folder)


def start_detached(folder: Path, config: DictConfig) -> "subprocess.Popen[bytes]":
    """Run this command once more, in a process without a terminal, which could close.

    Args:
        folder: the sweep folder, absolute.
        config: of this process; a folder that is named after the time is the same there.
    """
    command = [sys.executable, *sys.orig_argv[1:], f"hydra.sweep.dir={encode(str(config.hydra.sweep.dir))}"]
    with (folder / _LOG).open("ab") as printed:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
            env=os.environ | {_VARIABLE: str(folder)},
        )
    _say(
        f"The sweep runs without this terminal and prints to {folder / _LOG}; "
        f"the same command follows it, kill -- -{process.pid} ends it"
    )
    return process


def follow_started(folder: Path, process: "subprocess.Popen[bytes]") -> None:
    """Say how a sweep goes until the process that runs it ends.

    Raises:
        SweepError: where it ended with an error.
    """
    watch = _Watch(folder)
    while process.poll() is None:
        watch.look()
        time.sleep(_LOOK)
    watch.look()
    if process.returncode:
        raise SweepError(
            f"The sweep ended with an error, the last line of {folder / _LOG}: {_last_line(folder / _LOG)}"
        )


def follow_running(folder: Path, open_ledger: Callable[[], Ledger]) -> Ledger:
    """Say how a sweep goes that some process runs, until nobody does.

    Args:
        folder: the sweep folder.
        open_ledger: opens its ledger.

    Returns:
        The open ledger.

    Raises:
        SweepError: where that process was killed or ended with an error.
    """
    watch = _Watch(folder)
    told = False
    while True:
        try:
            ledger = open_ledger()
        except SweepIsRunning:
            if not told:
                _say(f"{_runs(folder)}: following it, which Ctrl-C ends without ending the sweep")
                told = True
            watch.look()
            time.sleep(_LOOK)
            continue
        if ledger.unfinished:
            with ledger:
                raise SweepError(f"The sweep in {folder} was ended before it was done; start it again to go on")
        return ledger


def _runs(folder: Path) -> str:
    try:
        name = owner_path(folder).read_text(encoding="utf-8")
    except FileNotFoundError:  # it begins or ends at this moment
        name = "another process"
    return f"The sweep in {folder} is run by {name}"


def _last_line(path: Path) -> str:
    lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").split("\n")]
    # Hydra's advice after any error.
    said = [line for line in lines if line and not line.startswith("Set the environment variable HYDRA_FULL_ERROR")]
    return said[-1] if said else "none"


class _Watch:
    """A line for each trial that ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done = 0

    def look(self) -> None:
        if not (self.folder / LEDGER).exists():
            return
        sweep = SweepRecord.read(self.folder)
        done = sum(trial.status != RUNNING for trial in sweep.trials)
        if done > self.done:
            best = next(iter(ranked(sweep.trials, sweep.header.direction)), None)
            value = "" if best is None else f", the best {best.value:.6g} (trial {best.number})"
            _say(f"trials: {done} done, {len(sweep.trials) - done} running{value}")
        self.done = done


def _say(line: str) -> None:
    """For the people who wait; no application hides it, as it may the sweeper's log."""
    print(line, file=sys.stderr, flush=True)

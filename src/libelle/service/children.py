"""Child processes, by fork: they share what was loaded before, and write none of it."""

import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from libelle.service.refusal import where

log = logging.getLogger(__name__)

#: What a process does on these again that its parent did otherwise.
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1)
#: Seconds after which a process that ended at once is begun again, at first and at most.
_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
#: One that ended sooner than this did so at once.
_AT_ONCE = 2.0
#: Ends of pipes that are this process's alone, and that its children close.
_own: set[int] = set()


def pipe() -> tuple[int, int]:
    """A pipe whose reading end is this process's alone; a child may write to the other one."""
    reading, writing = os.pipe()
    keep(reading)
    return reading, writing


def keep(end: int) -> int:
    """Let children close an end of a pipe."""
    _own.add(end)
    os.set_blocking(end, False)
    return end


def close(end: int) -> None:
    """Close an end of a pipe that was kept."""
    _own.discard(end)
    os.close(end)


def settle() -> None:
    """Take what is loaded out of the garbage collector's sight, which would write to all of it in each child."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class Pauses:
    """When a process that has ended may be begun again: after a pause that grows where it ended at once."""

    def __init__(self) -> None:
        self._pause = self._until = 0.0

    @property
    def over(self) -> bool:
        """Whether it may be."""
        return time.monotonic() >= self._until

    def ended(self, began: float) -> None:
        """Take note of the end of one that began at a time of `time.monotonic`."""
        now = time.monotonic()
        self._pause = min(max(2 * self._pause, _PAUSE), _LONGEST_PAUSE) if now - began < _AT_ONCE else 0.0
        self._until = now + self._pause


def fork(work: Callable[[], None]) -> int:
    """Do something in a new process, and return its id here."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        _be_child(work)
    return child


def how_it_ended(status: int) -> str:
    """How a process ended, in words; `status` as the system has it."""
    code = os.waitstatus_to_exitcode(status)
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"


def send(pid: int, number: int) -> None:
    """Send a signal to a child, if it still lives."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _be_child(work: Callable[[], None]) -> NoReturn:
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        for end in _own:
            os.close(end)
        _own.clear()
        work()
        status = 0
    except (KeyboardInterrupt, SystemExit):
        status = 0
    except BaseException as error:
        log.error("a process of the service failed: %s", where(error))
    finally:
        # Nothing of the parent's is to be done twice.
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)

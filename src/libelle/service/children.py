"""Child processes, by fork: they share what was loaded before."""

import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from libelle.service.refusal import where

log = logging.getLogger(__name__)

#: What a process does on these again that its parent did otherwise.
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1)


def fork(work: Callable[[], None]) -> int:
    """Do something in a new process, and return its id here.

    What was loaded is taken out of the garbage collector's sight first: else it would write into all pages, and the
    processes would not share them.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    gc.collect()
    gc.freeze()
    child = os.fork()
    if not child:
        _be_child(work)
    gc.unfreeze()
    return child


def _be_child(work: Callable[[], None]) -> NoReturn:
    status = 1
    try:
        with contextlib.suppress(ValueError, OSError):
            signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
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

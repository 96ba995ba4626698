"""Where messages go: people read stderr, a run keeps a file. stdout is for results alone."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_NAMES = ("libelle", "pytorch_lightning", "py.warnings")
_SWEEPER = "hydra_plugins.hydra_hyperopt_sweeper"

log = logging.getLogger(__name__)

_console: "Console | None" = None


def log_to_terminal() -> None:
    """Show libelle's and its sweeper's messages, and other libraries' errors, on stderr; called once, by a script."""
    global _console
    handler: logging.Handler
    if sys.stderr.isatty():
        # Scoring in a service does without rich.
        from rich.console import Console
        from rich.logging import RichHandler

        _console = Console(stderr=True)
        handler = RichHandler(console=_console, show_path=False, log_time_format="%H:%M:%S")
    else:
        handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.setLevel(logging.INFO)
    handler.addFilter(_is_for_people)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)


def terminal() -> "Console | None":
    """What `log_to_terminal` writes to, where somebody looks on: rich keeps a bar below the lines of its console."""
    return _console


def _is_for_people(record: logging.LogRecord) -> bool:
    if record.name.startswith(_SWEEPER):
        # It logs a trial's traceback, kept with the trial, and then the reason in a sentence.
        return record.exc_info is None
    return record.name.startswith("libelle") or record.levelno >= logging.ERROR


class _LogFile(logging.FileHandler):
    """A file of messages. That it cannot be written is said once, without a traceback, and ends nothing."""

    _said = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging calls it so
        """Say that a message was lost."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._said:
            self._said = True  # before it is said: that comes here, too
            log.warning("%s cannot be written (%s) and misses lines", self.baseFilename, error.strerror or error)

    def close(self) -> None:
        """Close the file; what could not be written until now is lost."""
        with suppress(OSError):
            super().close()


@contextmanager
def log_to_file(path: Path) -> Iterator[None]:
    """Write what libelle, Lightning and warnings say into a file, tracebacks included.

    In a program that has no handlers of its own, warnings are shown as before: Python shows those that nobody handles.
    """
    handler = _LogFile(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    loggers = [logging.getLogger(name) for name in _NAMES]
    level = loggers[0].level
    unhandled = None if loggers[0].hasHandlers() else logging.lastResort
    if unhandled is not None:
        loggers[0].addHandler(unhandled)
    for logger in loggers:
        logger.addHandler(handler)
    loggers[0].setLevel(logging.DEBUG)
    try:
        yield
    finally:
        loggers[0].setLevel(level)
        for logger in loggers:
            logger.removeHandler(handler)
        if unhandled is not None:
            loggers[0].removeHandler(unhandled)
        handler.close()

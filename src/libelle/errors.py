"""The one class of errors that a user can cause, the commonest of them (a library that is missing), and SIGTERM."""

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """A mistake in a command, a config, a file or a record.

    The message is one sentence that names the config key, file, column or row and says what to do. The entry
    scripts print it without a traceback and exit with status 2.
    """


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM), and does so as it does for Ctrl-C."""


@contextmanager
def needs_extra(what: str, extra: str, otherwise: str = "") -> Iterator[None]:
    """Turn the import of a library that is not installed into a `UserError`.

    Args:
        what: the key and value that need the library, as `model=xgboost`.
        extra: the extra of libelle that installs it.
        otherwise: what else can be done, as `, or set …`.

    Raises:
        UserError: names the key, the library and the command that installs it.
    """
    try:
        yield
    except ImportError as error:
        library = (error.name or str(error)).partition(".")[0]
        raise UserError(
            f"{what} needs {library}, which is not installed; install it with pip install 'libelle[{extra}]'"
            f"{otherwise}."
        ) from error

"""The one class of errors that a user can cause, and what sentences are made of; also SIGTERM, and panics."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

#: Characters that end a line, or that a terminal obeys: control characters, those that turn the direction of writing
#: round, marks without width, and halves of characters.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
#: Characters of a message at most, and of those that are cut how many of the end are kept: it says what to do.
_LONGEST, _END = 600, 250


class UserError(Exception):
    """A mistake in a command, a config, a file or a record.

    The message is one sentence that names the config key, file, column or row and says what to do. The entry
    scripts print it without a traceback and exit with status 2. Whatever it quotes, it is one line: what a file or a
    record holds could tell a terminal what to do.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_one_line(message))


class SpoiltError(UserError):
    """What is stored is missing, or not what its manifest says: to try again, or from elsewhere, does not help."""


def _one_line(message: str) -> str:
    """The message in characters that are shown, the middle left out where a value in it is endless."""
    shown = _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), message)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - _END - 3]} … {shown[-_END:]}"


def in_brief(said: object) -> str:
    """What an exception of a library says, for a sentence of ours: on one line, 200 characters at most."""
    return " ".join(str(said).split())[:200]


def listed(names: Sequence[str], shown: int) -> str:
    """The first names, for a sentence, and an ellipsis where there are more."""
    return ", ".join([*names[:shown], *(["…"] if len(names) > shown else [])])


def counted(number: int, noun: str) -> str:
    """A number of things: `1 record`, `1,200 records`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shortened(text: str, length: int) -> str:
    """A text of so many characters at most; what is cut is its middle: paths and config keys differ at their ends."""
    if len(text) <= length:
        return text
    head = length // 3
    return f"{text[:head]}…{text[head + 1 - length :]}"


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


@contextmanager
def no_panics() -> Iterator[None]:
    """Turn a panic of a library that is written in Rust, which is no `Exception`, into a `RuntimeError`."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # each of these libraries has one of its own, and none shows it
            raise
        raise RuntimeError(str(error)) from error

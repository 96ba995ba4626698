"""What a command writes, made fit to read: no trace of how raw arguments cross Hydra, and a reader may leave early."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any, TextIO

import yaml

from libelle.cli.raw_arguments import decoded

#: What Hydra writes before it raises what a job raised; the sentence says it, and names what is wrong.
_HYDRAS_LINE = "Error executing job with overrides:"


class _WithoutHydrasLine:
    """A stream that lets pass all but one kind of line, which is written in one piece."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if text.startswith(_HYDRAS_LINE) else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def readable(shows_config: bool) -> Iterator[None]:
    """Leave out what Hydra writes for its own debugging; decode the config that it prints.

    Args:
        shows_config: whether stdout is about the config, for `--cfg` and `--info`.
    """
    stderr: Any = _WithoutHydrasLine(sys.stderr)
    with redirect_stderr(stderr):
        if not shows_config:
            yield
            return
        printed = StringIO()
        try:
            with redirect_stdout(printed):
                yield
        finally:
            print(decoded(printed.getvalue(), _as_yaml), end="")


def _as_yaml(text: str) -> str:
    """A text as YAML writes it on one line."""
    return yaml.safe_dump(text, allow_unicode=True, width=float("inf")).removesuffix("...\n").rstrip("\n")


@contextmanager
def quiet_pipe() -> Iterator[None]:
    """End quietly where whoever reads our output has seen enough, as `head` has."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain once more while closing it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

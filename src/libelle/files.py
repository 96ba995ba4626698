"""Files: written whole or not at all, and JSON."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

#: Prefix of the names of files that are not complete yet.
TEMPORARY = ".tmp-"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path, whose file takes the place of `path` at the end.

    Where writing fails, what was there before stays.

    Args:
        path: of the file that is wanted; its folder exists.
    """
    with temporary_beside(path) as temporary:
        yield temporary
        temporary.replace(path)


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """Yield a path in the folder of `path` that nobody else uses; whatever is there at the end is removed."""
    temporary = path.with_name(f"{TEMPORARY}{uuid4().hex}")
    try:
        yield temporary
    finally:
        # Still there after success too, where another process has just put a link to the same file in its place.
        with suppress(OSError):
            temporary.unlink()


def flush_to_disk(path: Path) -> None:
    """Have the system write a file, or the names in a folder, to disk: a power cut loses nothing of it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Write a value as UTF-8 JSON that people can read."""
    path.write_bytes(json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """A value as `write_json` writes it."""
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def read_json(path: Path) -> Any:
    """Read back what `write_json` wrote.

    Raises:
        ValueError: when it is not JSON.
    """
    return json.loads(path.read_text(encoding="utf-8"))

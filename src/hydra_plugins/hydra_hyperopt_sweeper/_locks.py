"""Locks on files, which end with the process that holds them, however it ends, and whichever machine it is on."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows has no POSIX locks; two sweepers in one folder go unnoticed there.
    fcntl = None  # type: ignore[assignment]


def take(path: Path, *, wait: bool = False) -> IO[str] | None:
    """An open file that is locked until it is closed or this process ends; None where another process has it.

    Args:
        path: of the file, which is made where there is none.
        wait: whether to wait for the other process.

    Raises:
        OSError: on a file system that has no locks.
    """
    file = path.open("a", encoding="utf-8")
    if fcntl is not None:
        try:
            # Belongs to this process alone: no child that outlives a kill holds on to it.
            fcntl.lockf(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except (BlockingIOError, PermissionError):
            file.close()
            return None
        except OSError:
            file.close()
            raise
    return file


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a lock for a while, on a file that is there only meanwhile; go without on a file system that has none."""
    file = None
    with contextlib.suppress(OSError):
        file = take(path, wait=True)  # `is_held` has it for a moment
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        if file is not None:
            file.close()


def is_held(path: Path) -> bool:
    """Whether another process holds a lock."""
    if not path.exists():
        return False
    try:
        file = take(path)
    except OSError:
        return False
    if file is None:
        return True
    file.close()
    return False

"""Files: written whole or not at all, their SHA-256, JSON, and disks that take no more."""

import errno
import hashlib
import json
import os
import re
import shutil
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from libelle.errors import UserError

#: What the system says of a disk that takes no more.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
#: Prefix of the names of files that are not complete yet.
TEMPORARY = ".tmp-"
#: Bytes of a small JSON file at most.
LARGEST_JSON = 1 << 23
#: Bytes of a JSON file of words, labels or records at most.
LARGEST_WORDS = 1 << 26
#: Prefix of the names of folders for the files of work that goes on, in the system's folder of temporary files.
SCRATCH = "libelle-"
#: A name of either that says whose it is.
_OWNED = re.compile(rf"({re.escape(TEMPORARY)}|{SCRATCH})(?P<host>.+)-(?P<pid>\d+)-[^-]+")


def folder_at(place: str | Path) -> Path:
    """A folder, as Python's doors take it.

    Raises:
        UserError: when it is no path.
    """
    if not isinstance(place, str | os.PathLike):
        raise UserError(f"folder={place!r} is not a path; give a text or a Path.")
    return Path(place)


def owned(prefix: str) -> str:
    """A prefix that also says which process a temporary name belongs to, so that `owner_died` can tell."""
    return f"{prefix}{socket.gethostname()}-{os.getpid()}-"


def owner_died(name: str) -> bool | None:
    """Whether the process that a temporary name belongs to has died; None where that cannot be known."""
    match = _OWNED.fullmatch(name)
    return None if match is None else process_died(match["host"], int(match["pid"]))


def process_died(host: str, pid: int) -> bool | None:
    """Whether a process has died; None where that cannot be known, since it is another machine's."""
    if host != socket.gethostname():
        return None
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        pass  # somebody else's
    return _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Whether a process has died and nobody has asked how."""
    try:
        with Path(f"/proc/{pid}/stat").open(encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def is_full(error: BaseException | None) -> bool:
    """Whether an error of the system's says that a disk takes no more."""
    return isinstance(error, OSError) and error.errno in _FULL


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
    temporary = path.with_name(f"{owned(TEMPORARY)}{uuid4().hex}")
    try:
        yield temporary
    finally:
        # Still there after success too, where another process has just put a link to the same file in its place.
        with suppress(OSError):
            temporary.unlink()


def remove_leftovers(folder: Path, silent: float = 0) -> None:
    """Remove from a folder what killed processes of this machine were writing, as far as it is ours to remove.

    Args:
        folder: where they were writing.
        silent: seconds since anybody has written to what is removed. Containers that share a folder and their host's
            name do not see each other's processes, which may be alive where no lock keeps them away.
    """
    for path in folder.glob(f"{TEMPORARY}*"):
        if owner_died(path.name):
            with suppress(OSError):
                if time.time() - path.lstat().st_mtime >= silent:
                    path.unlink()


def link_or_copy(path: Path, link: Path) -> None:
    """Make a hard link to a file that nobody will change, or a copy where links are not possible: on another disk."""
    try:
        link.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, link)


def flush_to_disk(path: Path) -> None:
    """Have the system write a file, or the names in a folder, to disk: a power cut loses nothing of it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write a value as UTF-8 JSON that people can read."""
    path.write_bytes(json_bytes(value))


def json_bytes(value: Any, *, allow_nan: bool = True) -> bytes:
    """A value as `write_json` writes it; without `allow_nan`, a `ValueError` where it holds NaN or an infinity."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=allow_nan).encode()


def read_json(path: Path, largest: int = LARGEST_JSON) -> Any:
    """Read back what `write_json` wrote.

    Args:
        path: of the file.
        largest: bytes at most; what is read takes some twenty times as many.

    Raises:
        ValueError: when it is not JSON, or larger.
    """
    with path.open("rb") as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise ValueError(f"{path.name} has more than {largest:,} bytes")
    return json.loads(data)


def require_regular(folder: Path) -> None:
    """Make sure that a folder holds regular files alone: a pipe or a device would never end, and a link leads anywhere.

    Raises:
        ValueError: names the first that is something else.
    """
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise ValueError(f"{path.relative_to(folder)} is no file but a link, a pipe or a device")

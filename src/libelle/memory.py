"""Memory and disk, asked for before they are used."""

import shutil
from pathlib import Path

import psutil

from libelle.errors import UserError

_GIGABYTE = 1e9

#: What a container may use and what it uses: the files of Linux' control groups, version 2 and version 1.
_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
    ),
)


def available_memory() -> int:
    """Bytes that can be allocated without swapping."""
    groups = (_of_group(*files) for files in _GROUPS)
    return min([psutil.virtual_memory().available, *(size for size in groups if size is not None)])


def _of_group(limit: str, used: str, details: str) -> int | None:
    """What a control group leaves; what it uses for files that can be read again is free."""
    try:
        stat = dict(line.split() for line in Path(details).read_text(encoding="ascii").splitlines())
        files = int(stat.get("total_inactive_file", stat.get("inactive_file", 0)))
        return int(Path(limit).read_text(encoding="ascii")) - int(Path(used).read_text(encoding="ascii")) + files
    except (OSError, ValueError):
        return None  # there is no group, or no limit: "max"


class NoRoomError(UserError):
    """Less memory is available than is needed."""


def require_memory(needed: int, what: str, advice: str) -> None:
    """Raise `NoRoomError` where less memory is available than `what` needs; `advice` says how to need less."""
    available = available_memory()
    if needed > available:
        raise NoRoomError(
            f"{what} needs {needed / _GIGABYTE:.1f} GB of memory and {available / _GIGABYTE:.1f} GB are available; "
            f"{advice}."
        )


def require_disk(needed: int, folder: Path, what: str, advice: str) -> None:
    """Raise `UserError` where less disk is free below `folder` than `what` needs; `advice` says what else to do."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{what} needs {needed / _GIGABYTE:.1f} GB of disk in {folder}/ and {free / _GIGABYTE:.1f} GB are free; "
            f"{advice}."
        )

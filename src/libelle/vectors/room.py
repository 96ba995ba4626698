"""Memory and disk, asked for before they are used."""

import os
import shutil
from pathlib import Path

from libelle.errors import UserError

_GIGABYTE = 1e9


def available_memory() -> int | None:
    """Bytes that can be allocated without swapping; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def require_memory(needed: int, what: str, advice: str) -> None:
    """Raise `UserError` where less memory is available than `what` needs; `advice` says how to need less."""
    available = available_memory()
    if available is not None and needed > available:
        raise UserError(
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

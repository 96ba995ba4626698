"""What dead processes have left on this machine: scratch folders, and files of the cache that nobody uses."""

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from libelle.files import SCRATCH, TEMPORARY, owner_died
from libelle.stores.cache import default_cache

SCRATCHES, CACHED = "scratch folders", "cache files"

#: Whether something that was last written then, in seconds since 1970, is old enough.
IsOld = Callable[[float], bool]


def leftovers(dead: IsOld, silent: IsOld, unused: IsOld) -> Iterator[tuple[str, str, int, Callable[[], None]]]:
    """Kind, path, size and removal of everything that can go.

    Args:
        dead: for what is known to be dead.
        silent: for what may be a process of another machine or an earlier libelle, which has stopped writing.
        unused: for files of the cache.
    """
    yield from _scratch_folders(dead, silent)
    yield from _cached_files(dead, silent, unused)


def _scratch_folders(dead: IsOld, silent: IsOld) -> Iterator[tuple[str, str, int, Callable[[], None]]]:
    for folder in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"):
        with suppress(OSError):  # removed, or not ours to read
            about = folder.lstat()
            if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
                continue
            files = [path.lstat() for path in folder.rglob("*")]
            newest = max([about.st_mtime, *(file.st_mtime for file in files)])
            if _may_go(owner_died(folder.name), newest, dead, silent):
                size = sum(file.st_size for file in files if stat.S_ISREG(file.st_mode))
                yield SCRATCHES, str(folder), size, partial(shutil.rmtree, folder, ignore_errors=True)


def _cached_files(dead: IsOld, silent: IsOld, unused: IsOld) -> Iterator[tuple[str, str, int, Callable[[], None]]]:
    """Files of the cache; a file and a link to it are as old, and count once."""
    seen: set[int] = set()
    for folder, _, names in os.walk(default_cache()):
        for path in (Path(folder, name) for name in names):
            with suppress(OSError):
                about = path.lstat()
                temporary = path.name.startswith(TEMPORARY)
                old = _may_go(owner_died(path.name), about.st_mtime, dead, silent) if temporary else None
                if old or (old is None and unused(about.st_mtime)):
                    size = 0 if about.st_ino in seen else about.st_size
                    seen.add(about.st_ino)
                    yield CACHED, str(path), size, partial(_remove_cached, path)


def _may_go(died: bool | None, newest: float, dead: IsOld, silent: IsOld) -> bool:
    return dead(newest) if died else died is None and silent(newest)


def _remove_cached(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
        for folder in path.parents:
            if folder == default_cache():
                break
            folder.rmdir()  # as far as they are empty

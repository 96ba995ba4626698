"""What dead processes have left on this machine: scratch folders, and files of the cache that nobody uses."""

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from libelle.errors import UserError
from libelle.files import SCRATCH, TEMPORARY, owner_died
from libelle.runs.ids import RunId
from libelle.runs.run import COMPLETED, DELETED, Run
from libelle.runs.work import begun_in, work_folders
from libelle.stores.base import Store
from libelle.stores.cache import default_cache
from libelle.stores.outbox import TARGET, is_held, place_of, state_folder

SCRATCHES, CACHED = "scratch folders", "cache files"

#: Whether something that was last written then, in seconds since 1970, is old enough.
IsOld = Callable[[float], bool]


def leftovers(
    store: Store, dead: IsOld, silent: IsOld, unused: IsOld
) -> Iterator[tuple[str, str, int, Callable[[], None]]]:
    """Kind, path, size and removal of everything that can go.

    Args:
        store: whose runs are known.
        dead: for what is known to be dead.
        silent: for what may be a process of another machine or an earlier libelle, which has stopped writing.
        unused: for files of the cache.
    """
    yield from _folders(Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"), dead, silent)
    yield from _folders((path for path in work_folders() if _is_left(store, path)), dead, silent)
    # Of a parcel whose store has it; its process died while it removed the folder.
    sent = (path for path in (state_folder() / "unsent").glob("*") if not (path / TARGET).exists())
    yield from _folders(sent, dead, dead)
    yield from _cached_files(dead, silent, unused)


def _is_left(store: Store, folder: Path) -> bool:
    """Whether nobody works in a work folder, and no run can be resumed from it."""
    if is_held(folder):
        return False
    begun = begun_in(folder)
    if begun is None:
        return True
    if begun.store != place_of(store):
        return False
    try:
        return Run.open(store, RunId.parse(begun.run_id)).manifest.status in (COMPLETED, DELETED)
    except UserError:  # damaged, or another libelle's
        return False


def _folders(folders: Iterable[Path], dead: IsOld, silent: IsOld) -> Iterator[tuple[str, str, int, Callable[[], None]]]:
    for folder in folders:
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

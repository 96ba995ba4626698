"""The work folder of a run: its scratch space, in the state folder of this machine, from which a killed run resumes.

The process that works in a folder holds it (`stores.outbox.held`), so that everybody sees whether it lives.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from libelle.errors import UserError
from libelle.files import SCRATCH, is_full, json_bytes, owned, whole_file
from libelle.stores.base import Store
from libelle.stores.documents import parse_document
from libelle.stores.outbox import held, is_held, make_state_folder, place_of, state_folder

#: The file that says which run works here, and how it was begun.
_RUN = "run.json"
#: Where a network's training is kept as far as it has come.
CHECKPOINTS: Final = "checkpoints"
LOG: Final = "log.txt"
#: What the process that resumes a run finds again; the rest it makes anew.
_KEPT = (_RUN, CHECKPOINTS, LOG)
#: What a run can be resumed after; after a mistake in its config it would fail again.
_RESUMABLE = (KeyboardInterrupt, OSError, MemoryError)
#: Seconds after which a folder that belongs to no run was left by a process that died.
_ABANDONED = 3600.0


@dataclass
class Begun:
    """How a run was begun, `run.json`.

    Attributes:
        run_id: the id.
        store: that keeps it, as `stores.outbox.place_of` says it.
        cwd: the working directory, for paths in the config.
        config: the resolved config; `data` is None where the records came from Python.
        options: config group → chosen option.
        typed: what was typed of the nodes that a base settles.
        command: the command line.
        sweep: name of the sweep that the run is part of.
        trial: its number there.
    """

    run_id: str
    store: dict[str, Any]
    cwd: str
    config: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    typed: dict[str, Any] = field(default_factory=dict)
    command: str = ""
    sweep: str | None = None
    trial: int | None = None


@contextmanager
def work_folder(resumed: Path | None = None) -> Iterator[Path]:
    """Yield a folder for a run's work; it goes at the end, unless the run was interrupted and can be resumed.

    Args:
        resumed: the folder of a run that is resumed.

    Raises:
        UserError: when no folder can be made, another process works in it, or the disk is full.
    """
    _sweep_up()
    folder = resumed or make_state_folder("work") / f"{owned(SCRATCH)}{os.urandom(6).hex()}"
    folder.mkdir(mode=0o700, exist_ok=resumed is not None)
    with held(folder, busy="belongs to a run that goes on; wait for its end, or stop it"):
        if resumed is not None:
            _clear(folder)
        try:
            yield folder
        except BaseException as error:
            full = _full_disk(error, folder)  # before its folder goes, which makes room
            if not (folder / _RUN).exists() or not (resumed or full or isinstance(error, _RESUMABLE)):
                shutil.rmtree(folder, ignore_errors=True)
            if full:
                raise UserError(f"There is no room left to work in {full} to a folder on another disk.") from error
            raise
        shutil.rmtree(folder, ignore_errors=True)


def remember(folder: Path, begun: Begun) -> None:
    """Note in a work folder which run it belongs to; from here on, a run that is killed can be resumed."""
    with whole_file(folder / _RUN) as temporary:
        temporary.write_bytes(json_bytes(asdict(begun)))


def forget(folder: Path) -> None:
    """Note that the run of a work folder has ended: the folder goes, whatever happens next."""
    (folder / _RUN).unlink(missing_ok=True)


def find_work(store: Store, run_id: str) -> tuple[Path, Begun] | None:
    """The work folder of a run of this store on this machine, if there is one."""
    place = place_of(store)
    for folder in work_folders():
        begun = begun_in(folder)
        if begun is not None and (begun.run_id, begun.store) == (run_id, place):
            return folder, begun
    return None


def work_folders() -> list[Path]:
    """All work folders of this machine."""
    return sorted(path for path in (state_folder() / "work").glob("*") if path.is_dir())


def begun_in(folder: Path) -> Begun | None:
    """How the run of a work folder was begun; None where it belongs to none."""
    path = folder / _RUN
    with contextlib.suppress(FileNotFoundError, UserError):
        return parse_document(path.read_bytes(), Begun, str(path))
    return None


def drop_work(store: Store, run_id: str) -> None:
    """Remove the work folder of a run that nobody is to resume, unless a process works in it."""
    found = find_work(store, run_id)
    if found is not None and not is_held(found[0]):
        shutil.rmtree(found[0], ignore_errors=True)


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name not in _KEPT:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _sweep_up() -> None:
    """Remove folders of processes that died before their run had an id."""
    for folder in (state_folder() / "work").glob("*"):
        with contextlib.suppress(OSError):
            old = time.time() - folder.stat().st_mtime > _ABANDONED
            if old and not (folder / _RUN).exists() and not is_held(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _full_disk(error: BaseException, folder: Path) -> str | None:
    """Which folder's disk is full, and what to set, where work ended of that; libraries say so in words of their own.

    Lightning writes weights into the folder of temporary files before they get to the work folder.
    """
    if isinstance(error, UserError):  # that of a store that is full, or of the drafts in the folder
        full = str(folder) in str(error) and is_full(error.__cause__)
    else:
        full = is_full(error) or "No space left on device" in str(error)
    if not full:
        return None
    with contextlib.suppress(OSError):  # of a folder of temporary files that is gone, or that no file can be made in
        temporary = Path(tempfile.gettempdir())
        if str(folder) not in str(error) and _room(temporary) < _room(folder):
            return f"{temporary}, where temporary files are made (its disk is full); make room, or set TMPDIR"
    return f"{folder} (its disk is full); make room, or set XDG_STATE_HOME"


def _room(folder: Path) -> int:
    """Bytes that are free on the disk of a folder."""
    return shutil.disk_usage(folder).free

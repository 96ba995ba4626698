"""What died has left: found, and removed if asked to. Nothing that is published or goes on is among it."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from libelle.errors import UserError
from libelle.files import owner_died, process_died
from libelle.runs import scratch
from libelle.runs.heartbeat import HEARTBEAT
from libelle.runs.ids import RunId
from libelle.runs.lock import remove
from libelle.runs.run import COMPLETED, DELETED, FAILED, Run
from libelle.runs.run_list import manifests
from libelle.runs.upkeep import erase
from libelle.stores.base import Entry, Store, in_parallel
from libelle.stores.documents import LARGEST, read_document
from libelle.stores.outbox import parcels_for, unsent

#: Days after which what nobody can know to be dead is taken for it: runs without a sign of life, unused cache files.
UNUSED = 30.0
#: Seconds after which a process has stopped writing a file, renewing a lock, or saying that it lives.
_SILENT = 3600.0
#: Seconds after which nobody works in a folder any more in which nothing is written.
_ABANDONED = 86400.0
_DAY = 86400.0

FAILED_RUNS, LOST_RUNS = "failed runs", "lost runs"
UNFINISHED = "unfinished files"
CLAIMS, BASES = "publications without a manifest", "bases without a manifest"
LOCKS = "dead locks"

Status = Literal["failed", "lost"]


class Owner(TypedDict):
    """Whose something is: a process of a machine."""

    host: Annotated[str, Field(max_length=255)]
    pid: Annotated[int, Field(ge=0, lt=1 << 32)]


@dataclass(frozen=True)
class Leftover:
    """Something that can go.

    Attributes:
        kind: what it is, in the plural.
        name: run id, key or path.
        size: in bytes.
        remove: removes it, unless it has come to life since.
    """

    kind: str
    name: str
    size: int
    remove: Callable[[], None]


@dataclass(frozen=True)
class Choice:
    """What is to be cleaned up.

    Attributes:
        older_than: days; None for what is known to be dead at any age, and `UNUSED` for what is not.
        status: of runs, and then of nothing else; None for everything.
    """

    older_than: float | None = None
    status: Status | None = None

    @classmethod
    def parse(cls, where: Mapping[str, str]) -> "Choice":
        """Read a choice as people type it.

        Raises:
            UserError: when a value cannot be one.
        """
        typed, status = where.get("older_than"), where.get("status")
        if status not in (None, "failed", "lost"):
            raise UserError(f"status={status} is not what can be cleaned up; choose failed or lost, or leave it out.")
        try:
            days = None if typed is None else float(typed)
        except ValueError:
            days = -1.0
        if days is not None and not 0 <= days < 1e6:
            raise UserError(f"older_than={typed} is not a number of days; write for instance older_than=30.")
        return cls(days, status)  # type: ignore[arg-type]  # mypy does not narrow a text to a literal

    def is_old(self, since: float, at_least: float = 0.0, known: bool = True) -> bool:
        """Whether something is old enough.

        Args:
            since: when it was last alive, in seconds since 1970.
            at_least: seconds that must have gone by whatever is chosen.
            known: whether it is known to be dead.
        """
        days = (0.0 if known else UNUSED) if self.older_than is None else self.older_than
        return time.time() - since >= max(at_least, days * _DAY)


def leftovers(store: Store, published: Collection[str], choice: Choice) -> list[Leftover]:
    """Everything that can go.

    Args:
        store: where to look; scratch folders and the cache of this machine are looked at, too.
        published: ids of runs of which something is published.
        choice: what is wanted.
    """
    in_runs = _by_folder(store, "runs/")
    found = list(_dead_runs(store, in_runs, published, choice))
    if choice.status is None:
        in_published = _by_folder(store, "published/")
        found += _unfinished(store, choice)
        found += _incomplete(store, in_published, CLAIMS, choice)
        found += _incomplete(store, _by_folder(store, "based/"), BASES, choice)
        for entry in (entry for folders in (in_runs, in_published) for some in folders.values() for entry in some):
            found += _dead_lock(store, entry, choice)
        silent = partial(choice.is_old, at_least=_ABANDONED)
        unused = partial(choice.is_old, known=False)
        found += [Leftover(*item) for item in scratch.leftovers(store, choice.is_old, silent, unused)]
    return found


def remove_all(found: Collection[Leftover]) -> None:
    """Remove what was found, several at a time."""
    in_parallel(lambda item: item.remove(), found)


def _by_folder(store: Store, prefix: str) -> dict[str, list[Entry]]:
    """Folder `<prefix><name>/<name>/` → all that is in it, and in folders below it."""
    folders: dict[str, list[Entry]] = {}
    for entry in store.list(prefix):
        parts = entry.key.split("/")
        folders.setdefault("/".join([*parts[:-1][:3], ""]), []).append(entry)
    return folders


def _dead_runs(
    store: Store, folders: Mapping[str, list[Entry]], published: Collection[str], choice: Choice
) -> Iterator[Leftover]:
    for manifest in manifests(store):
        run_id = RunId.parse(manifest.run_id)
        run = Run(store, run_id, manifest)
        entries = {entry.key: entry for entry in folders.get(run_id.folder, [])}
        own = entries.pop(run.key("manifest.json"), None)
        if own is None or manifest.run_id in published:
            continue
        kind = _dead_kind(run, entries, own, choice)
        if kind is not None and choice.status in (None, kind.split()[0]):
            size = sum(entry.size for entry in entries.values())
            yield Leftover(kind, manifest.run_id, size, partial(_remove_run, run, choice))


def _dead_kind(run: Run, entries: Mapping[str, Entry], own: Entry, choice: Choice) -> str | None:
    """What a run is if it may go."""
    if run.manifest.status == FAILED:
        return FAILED_RUNS if choice.is_old(own.modified) else None
    if run.manifest.status in (COMPLETED, DELETED) or unsent(f"run {run.id}", run.store) is not None:
        return None  # what is whole on this machine is sent by `runs.py sync`
    beat = entries.get(run.key(HEARTBEAT))
    if _process_died(run):
        return LOST_RUNS if choice.is_old((beat or own).modified) else None
    if beat is None:
        return LOST_RUNS if choice.is_old(own.modified, _ABANDONED, known=False) else None
    return LOST_RUNS if choice.is_old(beat.modified, _SILENT) else None


def _process_died(run: Run) -> bool | None:
    """Whether the process of a run has died; None where that cannot be known."""
    host, pid = run.manifest.host, run.manifest.pid
    if host is None or pid is None:  # an earlier libelle's
        return _owner_died(run.store, run.key(HEARTBEAT))
    return process_died(host, pid)  # the heartbeat may still be that of the process before


def _owner_died(store: Store, key: str) -> bool | None:
    """Whether the process that a small file names has died; None where that cannot be known."""
    try:
        owner = read_document(store, key, Owner)
    except (KeyError, UserError):
        return None
    return process_died(owner["host"], owner["pid"])


def _remove_run(run: Run, choice: Choice) -> None:
    with run.changing() as lease:
        entries = {entry.key: entry for entry in run.store.list(run.id.folder)}
        own = entries[run.key("manifest.json")]
        if _dead_kind(run, entries, own, choice) is not None:
            erase(run, lease)


def _unfinished(store: Store, choice: Choice) -> Iterator[Leftover]:
    for entry in store.leftovers():
        died = owner_died(entry.key.rpartition("/")[2])
        if choice.is_old(entry.modified, 0.0 if died else _SILENT):
            yield Leftover(UNFINISHED, entry.key, entry.size, partial(store.delete, entry.key))


def _incomplete(store: Store, folders: Mapping[str, list[Entry]], kind: str, choice: Choice) -> Iterator[Leftover]:
    """Versions of a publication or a base that were begun, and whose manifest was never written, nor is kept here."""
    kept = {entry.key for parcel in parcels_for(store) for entry in parcel.objects.list("")}
    for folder, entries in folders.items():
        keys = [entry.key for entry in entries]
        if folder.count("/") < 3 or f"{folder}manifest.json" in {*keys, *kept}:
            continue
        died = _owner_died(store, f"{folder}claim.json")
        newest = max(entry.modified for entry in entries)
        if died is not False and choice.is_old(newest, 0.0 if died else _ABANDONED):
            size = sum(entry.size for entry in entries)
            yield Leftover(kind, folder, size, partial(_remove_incomplete, store, folder, keys))


def _remove_incomplete(store: Store, folder: str, keys: list[str]) -> None:
    try:
        store.get(f"{folder}manifest.json", LARGEST)  # not a list, which some servers give as it was before
    except KeyError:
        in_parallel(store.delete, keys)


def _dead_lock(store: Store, entry: Entry, choice: Choice) -> Iterator[Leftover]:
    if entry.key.endswith(".lock") and choice.is_old(entry.modified, _SILENT):
        try:
            token = store.get(entry.key, entry.size)
        except (KeyError, UserError):  # given back, or renewed, since it was listed
            return
        yield Leftover(LOCKS, entry.key, entry.size, partial(remove, store, entry.key, token))

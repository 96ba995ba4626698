"""What was finished on this machine and is not in its store yet: kept whole in the user's state folder.

A parcel is a folder `unsent/<name>/`: `target.json` says what it is and which store it is for, `objects/` holds what is
to be sent, under the store's keys. It is packed in one rename, and its folder goes once the store has everything.
"""

import fcntl
import logging
import os
import re
import shlex
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, Field, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast

from libelle.components import build
from libelle.errors import UserError
from libelle.files import flush_to_disk, write_json
from libelle.installation import how_to_call
from libelle.stores.base import Store, in_parallel
from libelle.stores.documents import parse_document
from libelle.stores.local import LocalStore

log = logging.getLogger(__name__)

#: What a parcel can be.
Kind = Literal["run", "base", "published", "threshold"]

#: The file of a parcel that says what it is.
TARGET = "target.json"


def state_folder() -> Path:
    """Return `libelle` in the user's state folder: `XDG_STATE_HOME`, by default `~/.local/state`."""
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state", "libelle").expanduser()


def make_state_folder(name: str) -> Path:
    """Make a folder in the state folder, for this user alone.

    Raises:
        UserError: when it cannot be made.
    """
    folder = state_folder() / name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be made ({error.strerror}), and a training is kept there until its store has it; set "
            "XDG_STATE_HOME to a folder that can be written to."
        ) from error
    return folder


def place_of(store: Store) -> dict[str, Any]:
    """A store as its config node, which says the same place in every working directory; no secret is in it."""
    node = {"_target_": store.conf_name, **{field.name: getattr(store, field.name) for field in _fields(store)}}
    if isinstance(store, LocalStore):
        node["root"] = str(Path(store.root).absolute())
    return node


def store_arguments(place: Mapping[str, Any]) -> list[str]:
    """Arguments of a command line that name a store, given as `place_of` says it."""
    store = build(dict(place), Store, "store")
    defaults = {field.name: field.default for field in _fields(store) if field.default is not MISSING}
    if isinstance(store, LocalStore):
        defaults["root"] = str(Path(LocalStore.root).absolute())
    option = [] if isinstance(store, LocalStore) else [f"store={store.conf_name}"]
    keys = {name: value for name, value in place.items() if name != "_target_" and value != defaults.get(name)}
    typed = [f"store.{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in keys.items()]
    return [shlex.quote(argument) for argument in [*option, *typed]]


def _fields(store: Store) -> tuple[Field[Any], ...]:
    return fields(cast(Any, store))


@dataclass
class Target:
    """`target.json`.

    Attributes:
        kind: what was finished.
        what: the same for people, as `run 2026-11-23_4`.
        store: that it is for, as `place_of` says it.
        about: what sending needs beside the objects.
    """

    kind: Kind
    what: str
    store: dict[str, Any]
    about: dict[str, Any]


@dataclass(frozen=True)
class Parcel:
    """A folder that holds a parcel, and what its `target.json` says."""

    folder: Path
    target: Target

    @property
    def objects(self) -> LocalStore:
        """What is to be sent, under the store's keys."""
        return drafts(self.folder)

    def upload(self, store: Store, prefix: str, but: Collection[str], *, copied: bool = False) -> None:
        """Send the objects that the store has not got, several at a time.

        Args:
            store: where to.
            prefix: of all keys.
            but: keys that are left out, to be sent with `put` when all others are there.
            copied: whether a local store gets copies, not links.

        Raises:
            UserError: when the store fails.
        """
        here = {entry.key: entry.size for entry in self.objects.list("") if entry.key not in but}
        # Whoever wrote an object of this key wrote this content, and the stores write whole objects.
        there = {entry.key: entry.size for entry in store.list(prefix)}
        send = store.put_file if copied else store.take_file
        missing = [key for key, size in here.items() if there.get(key) != size]
        in_parallel(lambda key: send(key, Path(self.objects.root, key)), missing)

    def put(self, store: Store, key: str) -> None:
        """Send one object, in the place of what the store has."""
        store.put(key, self.objects.get(key))

    def discard(self) -> None:
        """Remove the folder: its store has everything, or it is no longer wanted."""
        # First what makes it a parcel: one that is cut short is none.
        (self.folder / TARGET).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


#: Sends a parcel to its store.
Sender = Callable[[Parcel, Store], None]


def drafts(folder: Path) -> LocalStore:
    """The store in a folder that is to become a parcel."""
    return LocalStore(root=str(folder / "objects"))


def dispatch(folder: Path, store: Store, kind: Kind, what: str, send: Sender, **about: Any) -> None:
    """Make a folder with objects a parcel, at once and whole, and send it; its folder goes when the store has it.

    Args:
        folder: in the state folder; its `objects/` holds what is to be sent.
        store: that it is for.
        kind: what was finished.
        what: the same for people.
        send: sends the parcel.
        about: what sending needs beside the objects, JSON values.

    Raises:
        UserError: when the store fails; the parcel stays, and the sentence says where, and how to send it later.
    """
    with held(folder):  # also under its next name, so that nobody else sends it meanwhile
        parcel = _pack(folder, Target(kind, what, place_of(store), about))
        kept = f"{what} is finished and kept whole in {parcel.folder}, but not in the store"
        later = f"send it with: {sync_command(parcel.target.store)}"
        try:
            send(parcel, store)
        except (UserError, OSError) as error:
            raise UserError(f"{kept} ({str(error).rstrip('.')}); once that is mended, {later}") from error
        except KeyboardInterrupt:
            log.warning("%s yet; %s", kept, later)
            raise
        parcel.discard()


def _pack(folder: Path, target: Target) -> Parcel:
    write_json(folder / TARGET, asdict(target))
    flush_to_disk(folder / TARGET)
    name = re.sub(r"[^\w.@-]+", "-", target.what)
    place = make_state_folder("unsent") / f"{name}-{os.urandom(4).hex()}"
    folder.rename(place)
    flush_to_disk(place.parent)
    return Parcel(place, target)


def sync_command(place: Mapping[str, Any]) -> str:
    """The command that sends what a store, given as `place_of` says it, has not got yet."""
    return " ".join([how_to_call("runs"), "sync", *store_arguments(place)])


def command_line(store: Store, command: str, *words: str) -> str:
    """A command that is ready to be pasted, for sentences that propose one: with the keys that name its store."""
    return " ".join([how_to_call(command), *map(shlex.quote, words), *store_arguments(place_of(store))])


def parcels() -> list[Parcel]:
    """The parcels of this machine; one whose `target.json` is damaged is passed over."""
    found = []
    for path in sorted((state_folder() / "unsent").glob(f"*/{TARGET}")):
        try:
            found.append(Parcel(path.parent, parse_document(path.read_bytes(), Target, str(path))))
        except FileNotFoundError:
            continue  # sent by another process just now
        except UserError as error:
            log.warning("Passed over: %s", error)
    return found


def parcels_for(store: Store) -> list[Parcel]:
    """The parcels of this machine for a store."""
    place = place_of(store)
    return [parcel for parcel in parcels() if parcel.target.store == place]


@contextmanager
def held(folder: Path, *, busy: str = "is in the hands of another process that is at work") -> Iterator[None]:
    """Hold a folder for this process; the system lets go of it when the process ends, however that is.

    Raises:
        UserError: when another process holds it.
        FileNotFoundError: when there is no such folder any more.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{folder} {busy}.") from None
        yield
    finally:
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Whether a living process holds a folder."""
    try:
        with held(folder):
            return False
    except UserError:
        return True


def unsent(what: str, store: Store) -> Parcel | None:
    """The parcel of this name for a store, if there is one."""
    return next((parcel for parcel in parcels_for(store) if parcel.target.what == what), None)

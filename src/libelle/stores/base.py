"""The contract that every store keeps."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from libelle.components import Component
from libelle.errors import SpoiltError

_THREADS = 8

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Entry:
    """One stored object.

    Attributes:
        key: its key, with `/` between the parts.
        size: in bytes.
        modified: when it was last written, in seconds since 1970 by the store's clock.
        etag: what an S3 server calls its content.
    """

    key: str
    size: int
    modified: float = field(default=0.0, compare=False)
    etag: str = field(default="", compare=False)


class Store(Component, ABC):
    """Objects under keys such as `runs/2026-11-23/4/2026-11-23_4.metrics.json`.

    Every write is whole: a reader sees the old object or the new one, never a part. All methods may be called
    from several threads. A key that is not there raises `KeyError`; a place that fails raises `UserError`.

    The parts of a key are neither empty nor `.` nor `..` (`ValueError`), and no key is the folder of another:
    a bucket would allow `a` beside `a/b`, a file system does not.
    """

    conf_group = "store"

    @abstractmethod
    def check(self) -> None:
        """Raise `UserError` unless the store can be reached and written to; called before any work starts."""

    def reach(self) -> None:
        """Raise `UserError` where a server does not answer at once; reading would wait for it much longer.

        A folder has no server.
        """

    @abstractmethod
    def put(self, key: str, data: bytes) -> None:
        """Write `data`, replacing what was there."""

    @abstractmethod
    def put_file(self, key: str, path: Path) -> None:
        """Write the content of a local file, replacing what was there."""

    def take_file(self, key: str, path: Path) -> None:
        """As `put_file`, of a file that nobody will change: a store of files may link to it."""
        self.put_file(key, path)

    @abstractmethod
    def create_if_absent(self, key: str, data: bytes) -> bool:
        """Write `data` unless the key exists; among concurrent callers exactly one gets True."""

    @abstractmethod
    def get(self, key: str, limit: int | None = None) -> bytes:
        """Return the whole object.

        Raises:
            UserError: when it has more than `limit` bytes; no more of it is read.
        """

    @abstractmethod
    def get_file(self, key: str, path: Path, limit: int | None = None) -> None:
        """Copy the object to a local file, whose folder exists.

        Raises:
            UserError: when it has more than `limit` bytes; no more of it is copied.
        """

    @abstractmethod
    def list(self, prefix: str) -> Iterator[Entry]:
        """Every object whose key begins with `prefix`, in no particular order."""

    def leftovers(self) -> Iterator[Entry]:
        """What writes that were cut short have left; `list` passes over it, and `delete` removes it."""
        yield from ()

    @abstractmethod
    def folders(self, prefix: str) -> Sequence[str]:
        """Names of the folders directly under `prefix` (which ends with `/`), sorted."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is no error."""

    def local_path(self, key: str) -> Path | None:
        """Path of the object (of the folder, if `key` ends with `/`) where it can be read in place on this machine."""
        return None

    @abstractmethod
    def __str__(self) -> str:
        """Name the place for people, as in `run 2026-11-23_4 is not in the local store store/`."""


def too_large(key: str, place: object, limit: int) -> SpoiltError:
    """What to say of an object that has more bytes than it may have."""
    return SpoiltError(f"{key} in {place} has more than the {limit:,} bytes that it should have; it was altered.")


def check_key(key: str) -> str:
    """Return `key` unless a part of it is empty, `.` or `..`, or it holds a NUL.

    Raises:
        ValueError: when it is not a key.
    """
    if any(part in ("", ".", "..") for part in key.split("/")) or "\0" in key:
        raise ValueError(f"not a key: {key!r}")
    return key


def in_parallel(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Return the results of `work`, in order, from a few threads; an error is raised and cancels the rest."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(work, items))

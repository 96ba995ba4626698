"""Stored files on the local disk, checked against the SHA-256 that a manifest gives for them.

What can be read in place is; the rest is downloaded once into a cache, where a file is named by its content.
Any number of processes may share the cache, and it may be deleted whenever none is at work.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from libelle.errors import SpoiltError, UserError
from libelle.files import link_or_copy, sha256_of, whole_file
from libelle.stores.base import Store, check_key, in_parallel


def default_cache() -> Path:
    """Return `libelle` in the user's cache folder: `XDG_CACHE_HOME`, by default `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "libelle").expanduser()


def fetch(store: Store, key: str, sha256: str, cache: Path, size: int | None = None) -> Path:
    """Return a local file that holds the object and has been checked.

    Args:
        store: where the object is.
        key: of the object.
        sha256: what it must have.
        cache: a folder for what is not read in place.
        size: in bytes, where it is known: a larger object is not read.

    Raises:
        UserError: when the object is missing or altered, or the cache cannot be written to.
    """
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise SpoiltError(f"The manifest beside {key} in {store} was altered: {sha256} is no SHA-256.")
    local = store.local_path(key)
    if local is not None:
        if not _has_content(local, sha256, size):
            raise _spoilt(store, key, found=_is_file(local))
        return local
    path = cache / sha256[:2] / sha256
    if not _has_content(path, sha256, size):
        with _new_file(path) as temporary:
            _download(store, key, sha256, temporary, size)
    else:
        with suppress(OSError):  # a cache that others filled
            os.utime(path)  # it says when the file was last used, for `runs.py clean`
    return path


def fetch_folder(store: Store, prefix: str, files: Mapping[str, tuple[int, str]], cache: Path) -> Path:
    """Return a local folder with checked `files` (name → size and SHA-256) from below `prefix`, so named.

    Libraries that look for several files side by side load from it. Nobody writes to it: its files are those
    of the store, or links to those of the cache.

    Raises:
        UserError: when a file is missing or altered, or the cache cannot be written to.
    """

    def fetch_one(name: str) -> Path:
        _check_name(store, prefix, name)
        size, sha256 = files[name]
        return fetch(store, prefix + name, sha256, cache, size)

    paths = in_parallel(fetch_one, files)
    local = store.local_path(prefix)
    if local is not None:
        return local
    listing = "".join(f"{sha256} {name}\n" for name, (_, sha256) in sorted(files.items()))
    folder = cache / "folders" / hashlib.sha256(listing.encode()).hexdigest()
    for name, path in zip(files, paths, strict=True):
        _link(path, folder / name)
    return folder


def _download(store: Store, key: str, sha256: str, path: Path, size: int | None) -> None:
    try:
        store.get_file(key, path, size)
    except KeyError:
        raise _spoilt(store, key, found=False) from None
    if not _has_content(path, sha256, size):
        raise _spoilt(store, key, found=True)


def _link(path: Path, link: Path) -> None:
    if link.exists() and link.samefile(path):
        return
    with _new_file(link) as temporary:
        link_or_copy(path, temporary)


@contextmanager
def _new_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path that takes the place of `path` once it is complete."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            yield temporary
    except OSError as error:
        raise UserError(
            f"The cache file {path} cannot be written ({error.strerror}); make room, or set XDG_CACHE_HOME "
            "to another folder."
        ) from error


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def _has_content(path: Path, sha256: str, size: int | None) -> bool:
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or (size is not None and about.st_size != size):
            return False
        return sha256_of(path) == sha256
    except OSError:
        return False


def _check_name(store: Store, prefix: str, name: str) -> None:
    try:
        check_key(name)
    except ValueError:  # it would be written outside the folder
        raise SpoiltError(f"The manifest of {prefix} in {store} was altered: {name!r} is no file name.") from None


def _spoilt(store: Store, key: str, found: bool) -> SpoiltError:
    fault = "was altered since its manifest was written" if found else "is missing"
    return SpoiltError(f"{key} in {store} {fault}; use another run, or store this one again.")

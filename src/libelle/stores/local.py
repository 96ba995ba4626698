"""A folder on this machine as a store."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from libelle.errors import UserError
from libelle.files import TEMPORARY, flush_to_disk, link_or_copy, temporary_beside
from libelle.stores.base import Entry, Store, check_key, too_large

_ATTEMPTS = 100


@dataclass
class LocalStore(Store):
    """Keys are paths below `root`, which machines may share if its file system has atomic links and renames.

    Writes go to a temporary file in the same folder, which is flushed to disk and then renamed, so that a
    crash leaves the old object or the new one.
    """

    conf_name = "local"

    root: str = "store"

    def check(self) -> None:
        """Make the folder and write to it once."""
        try:
            Path(self.root).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass
        except OSError as error:
            raise UserError(
                f"store.root={self.root} cannot be written to ({error.strerror}); choose another folder."
            ) from error

    def put(self, key: str, data: bytes) -> None:
        """Write `data`, replacing what was there."""
        with self._complete_file(key) as temporary:
            temporary.write_bytes(data)
            flush_to_disk(temporary)
            temporary.replace(self._path(key))

    def put_file(self, key: str, path: Path) -> None:
        """Write the content of a local file, replacing what was there."""
        with self._complete_file(key) as temporary:
            shutil.copyfile(path, temporary)
            flush_to_disk(temporary)
            temporary.replace(self._path(key))

    def take_file(self, key: str, path: Path) -> None:
        """Link to a local file that nobody will change, or copy it where links are not possible."""
        with self._complete_file(key) as temporary:
            temporary.unlink()
            link_or_copy(path, temporary)
            flush_to_disk(temporary)
            temporary.replace(self._path(key))

    def create_if_absent(self, key: str, data: bytes) -> bool:
        """Write `data` unless the key exists: exactly one of several processes succeeds in making the hard link."""
        with self._complete_file(key) as temporary:
            temporary.write_bytes(data)
            flush_to_disk(temporary)
            try:
                os.link(temporary, self._path(key))
            except FileExistsError:
                # A network file system that repeats a request meets its own link: count the links.
                return temporary.stat().st_nlink == 2
            return True

    def get(self, key: str, limit: int | None = None) -> bytes:
        """Return the whole object."""
        with self._reading(key, limit) as path:
            return path.read_bytes()

    def get_file(self, key: str, path: Path, limit: int | None = None) -> None:
        """Copy the object to a local file, whose folder exists."""
        with self._reading(key, limit) as stored:
            shutil.copyfile(stored, path)

    def list(self, prefix: str) -> Iterator[Entry]:
        """Every object whose key begins with `prefix`."""
        for entry in self._entries(prefix.rpartition("/")[0]):
            if entry.key.startswith(prefix) and not _is_temporary(entry.key):
                yield entry

    def leftovers(self) -> Iterator[Entry]:
        """Temporary files; those of writes that go on are among them."""
        return (entry for entry in self._entries("") if _is_temporary(entry.key))

    def _entries(self, prefix: str) -> Iterator[Entry]:
        """All files below a folder."""
        root = Path(self.root)
        for folder, _, names in os.walk(self._folder(prefix)):
            for name in names:
                path = Path(folder, name)
                try:
                    about = path.lstat()
                except FileNotFoundError:  # deleted by somebody else since the folder was read
                    continue
                yield Entry(path.relative_to(root).as_posix(), about.st_size, about.st_mtime)

    def folders(self, prefix: str) -> Sequence[str]:
        """Names of the folders directly under `prefix`."""
        folder = self._folder(prefix)
        try:
            return sorted(path.name for path in folder.iterdir() if path.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UserError(f"{folder} cannot be read ({error.strerror}); check the name and the rights.") from error

    def delete(self, key: str) -> None:
        """Remove the object, and the folders that it leaves empty, since a bucket has none of these."""
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
        except (
            IsADirectoryError,
            NotADirectoryError,
        ):  # a folder is no object, and a file has nothing below it
            return
        except OSError as error:
            raise UserError(f"{path} cannot be removed ({error.strerror}); check rights.") from error
        for folder in path.parents:
            if folder == Path(self.root):
                break
            try:
                folder.rmdir()
            except OSError:  # not empty, or already gone
                break

    def local_path(self, key: str) -> Path | None:
        """Objects are files here: they are read in place."""
        return self._folder(key)

    def __str__(self) -> str:
        return f"the local store {Path(self.root)}/"

    def _path(self, key: str) -> Path:
        return Path(self.root, *check_key(key).split("/"))

    def _folder(self, prefix: str) -> Path:
        return self._path(prefix.removesuffix("/")) if prefix else Path(self.root)

    @contextmanager
    def _reading(self, key: str, limit: int | None) -> Iterator[Path]:
        path = self._path(key)
        try:
            about = path.stat()
            if stat.S_ISDIR(about.st_mode):
                raise KeyError(key)
            # A pipe would never end, nor a device; a link could lead to any file of the machine.
            if not stat.S_ISREG(about.st_mode) or not path.resolve().is_relative_to(Path(self.root).resolve()):
                raise UserError(f"{path} is no file of {self} but a link or a device; remove it.")
            if limit is not None and about.st_size > limit:
                raise too_large(key, self, limit)
            yield path
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise KeyError(key) from None
        except OSError as error:
            raise UserError(
                f"{path} cannot be read or copied ({error.strerror}); check rights and make room."
            ) from error

    @contextmanager
    def _complete_file(self, key: str) -> Iterator[Path]:
        """Yield a temporary path beside the key's own; whatever is still there at the end is removed."""
        path = self._path(key)
        try:
            with temporary_beside(path) as temporary:
                _make_file(temporary)
                yield temporary
        except OSError as error:
            raise UserError(f"{path} cannot be written ({error.strerror}); make room or check rights.") from error
        with suppress(FileNotFoundError):  # somebody else has deleted it all since
            flush_to_disk(path.parent)


def _is_temporary(key: str) -> bool:
    return key.rpartition("/")[2].startswith(TEMPORARY)


def _make_file(path: Path) -> None:
    """Make an empty file and its folders, which a delete may remove again as long as they are empty."""
    for attempt in range(_ATTEMPTS):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(exist_ok=False)
            return
        except (FileNotFoundError, FileExistsError):
            if attempt == _ATTEMPTS - 1:
                raise


def store_at(place: Store | str | Path | None) -> Store:
    """A store, as Python's doors take it: one, the folder of a local one, or nothing for the local store `store/`.

    Raises:
        UserError: when it is something else.
    """
    if place is None:
        return LocalStore()
    if isinstance(place, str | Path):
        return LocalStore(root=str(place))
    if not isinstance(place, Store):
        raise UserError(f"store={place!r} is neither a store nor a folder; give one or the other.")
    return place

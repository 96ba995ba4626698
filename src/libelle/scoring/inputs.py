"""What `input=` names: a file, a folder or a pattern, on this machine or in a bucket."""

import glob
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO

from libelle.errors import UserError
from libelle.stores.base import Store

#: What an input in a bucket begins with.
S3 = "s3://"
#: Characters that make a pattern.
_WILD = "*?["
#: Bytes that are asked of a bucket at once.
_BUFFER = 1 << 22


@dataclass(frozen=True)
class Input:
    """One file to score.

    Attributes:
        name: what messages and answers call it.
        path: where it is, absolute, or `s3://<bucket>/<key>`.
        size: in bytes.
        stamp: what changes when its content does: when it was last written, or the ETag.
    """

    name: str
    path: str
    size: int
    stamp: str

    def open(self, store: Store | None) -> BinaryIO:
        """Open it; it can seek.

        Raises:
            UserError: when it cannot be opened, or has changed.
        """
        if self.path.startswith(S3):
            return io.BufferedReader(_RemoteFile(self, store), _BUFFER)
        try:
            self.require_unchanged()
            return Path(self.path).open("rb")
        except OSError as error:
            raise UserError(f"The file {self.name} cannot be read ({error.strerror or error}); check it.") from error

    def require_unchanged(self) -> None:
        """Raise unless a local file is what it was when its shards were planned."""
        if not self.path.startswith(S3) and _stamp(Path(self.path)) != (self.size, self.stamp):
            raise changed(self.name)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def changed(name: str) -> UserError:
    """What to say of an input that is no longer what was begun."""
    return UserError(
        f"{name} has changed since its scoring began; put back what was there, or score into another folder."
    )


def find_inputs(wanted: str, store: Store | None) -> list[Input]:
    """The files that `input=` names, by name.

    Args:
        wanted: a path or a pattern; in a folder, hidden files and those that begin with `_` are passed over.
        store: whose credentials open a bucket.

    Raises:
        UserError: when there is none.
    """
    found = list_inputs(wanted, store)
    if not found:
        raise UserError(f"input={wanted} names no file; check the path.")
    return found


def list_inputs(wanted: str, store: Store | None) -> list[Input]:
    """As `find_inputs`, though there may be none."""
    return _in_bucket(wanted, store) if wanted.startswith(S3) else _on_disk(wanted)


def is_named(address: str, wanted: str) -> bool:
    """Whether `input=` names an object, `s3://<bucket>/<key>`."""
    if is_pattern(wanted):
        return fnmatchcase(address, wanted)
    if address == wanted:
        return True
    folder = wanted.endswith("/") and address.startswith(wanted)
    return folder and not _is_hidden(address[len(wanted) :].split("/"))


def is_several(wanted: str) -> bool:
    """Whether `input=` may name several files."""
    if wanted.startswith(S3):
        return wanted.endswith("/") or is_pattern(wanted)
    return Path(wanted).is_dir() or (is_pattern(wanted) and not Path(wanted).exists())


def is_pattern(wanted: str) -> bool:
    """Whether a path holds characters that make a pattern."""
    return any(mark in wanted for mark in _WILD)


def _on_disk(wanted: str) -> list[Input]:
    path = Path(wanted)
    if path.is_dir():
        paths = [each for each in path.rglob("*") if not _is_hidden(each.relative_to(path).parts)]
    elif path.exists() or not is_several(wanted):
        paths = [path]
    else:
        paths = [Path(each) for each in glob.glob(wanted, recursive=True)]  # noqa: PTH207 - it takes any path
    try:
        files = sorted((each for each in paths if each.is_file() or each == path), key=str)
        return [Input(str(each), str(each.resolve()), *_stamp(each)) for each in files]
    except FileNotFoundError:
        raise UserError(f"The file {path} does not exist; check the path.") from None
    except OSError as error:
        raise UserError(f"input={wanted} cannot be read ({error.strerror or error}); check it.") from error


def _stamp(path: Path) -> tuple[int, str]:
    about = path.stat()
    return about.st_size, str(about.st_mtime_ns)


def _is_hidden(parts: Sequence[str]) -> bool:
    return any(part.startswith((".", "_")) for part in parts)


def _in_bucket(wanted: str, store: Store | None) -> list[Input]:
    bucket, key = object_at("input", wanted, store)
    root = f"{S3}{bucket.bucket}/"
    prefix = key[: min((key.index(mark) for mark in _WILD if mark in key), default=None)]
    entries = sorted(bucket.list(prefix), key=lambda entry: entry.key)
    found = [Input(root + entry.key, root + entry.key, entry.size, entry.etag) for entry in entries]
    return [file for file in found if is_named(file.path, wanted if key else root)]


def object_at(key: str, address: str, store: Store | None) -> tuple[Any, str]:
    """The bucket of an address, as a store with the credentials of the one that is chosen, and the key there.

    Args:
        key: of the config, that says the address.
        address: `s3://<bucket>/<key>`.
        store: that is chosen.

    Raises:
        UserError: when that is no bucket, or the address names none.
    """
    bucket, _, name = address.removeprefix(S3).partition("/")
    elsewhere = getattr(store, "elsewhere", None)
    if elsewhere is None:
        raise UserError(
            f"{key}={address} is reached by the credentials of store=minio; give store=minio store.endpoint=…."
        )
    if not bucket:
        raise UserError(f"{key}={address} names no bucket; write s3://<bucket>/<key>.")
    return elsewhere(bucket), name


class _RemoteFile(io.RawIOBase):
    """An object in a bucket as a file: each read asks for a range of bytes."""

    def __init__(self, source: Input, store: Store | None) -> None:
        self._source, self._place = source, 0
        self._bucket, self._key = object_at("input", source.path, store)

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move the place of the next read."""
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._source.size}[whence]
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        """Read the next bytes."""
        length = min(len(buffer), self._source.size - self._place)
        if length <= 0:
            return 0
        data = self._bucket.get_range(self._key, self._place, length, self._source.stamp)
        if data is None:
            raise changed(self._source.name)
        buffer[:length] = data
        self._place += length
        return length

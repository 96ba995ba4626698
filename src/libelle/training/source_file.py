"""The file that a base was prepared from: whether it is still the same."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from libelle.data.file_source import FileSource
from libelle.data.shipped import resolve
from libelle.data.source import Source
from libelle.errors import UserError
from libelle.files import sha256_of


@dataclass(frozen=True)
class SourceFile:
    """A file as it was when it was read.

    Attributes:
        path: as `data.path` says it.
        size: in bytes.
        modified: when it was last written, in nanoseconds since 1970.
        sha256: of its bytes.
    """

    path: str
    size: int
    modified: int
    sha256: str

    @classmethod
    def of(cls, source: Source) -> Self | None:
        """The file of a source; None where it has none, or it cannot be read."""
        if not isinstance(source, FileSource) or not source.path:
            return None
        try:
            place = resolve(source.path)
            about = place.stat()
            return cls(source.path, about.st_size, about.st_mtime_ns, sha256_of(place))
        except (OSError, UserError):
            return None  # reading it will say why

    def warning(self, base: str) -> str | None:
        """What to say where the file is not as it was when a base, of this name, was prepared from it; else None."""
        try:
            place = resolve(self.path)
            about = place.stat()
            if about.st_size == self.size and about.st_mtime_ns == self.modified:
                return None
            # Copied or written again: only what is in it counts.
            if about.st_size == self.size and sha256_of(place) == self.sha256:
                return None
        except (OSError, UserError):
            return (
                f"data.path={self.path}, which the base {base!r} was prepared from, is not there any more; this run "
                "uses the rows that the base holds."
            )
        return (
            f"data.path={self.path} has changed since the base {base!r} was prepared from it; this run uses the rows "
            "as they were, and mode=prepare takes the new ones."
        )

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

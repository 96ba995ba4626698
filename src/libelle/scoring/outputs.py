"""Where parts lie, and their ledger beside them: in a folder of this machine, or in one of a bucket."""

import fcntl
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from libelle.errors import UserError
from libelle.files import TEMPORARY, flush_to_disk, is_full, remove_leftovers, whole_file
from libelle.scoring.inputs import Input, list_inputs
from libelle.stores.base import Store

#: The ledger's name; readers of Parquet folders pass over names that begin with `_`.
NAME = "_ledger.jsonl"


class Entries(Protocol):
    """What a ledger holds, as JSON values; what `begin` and `add` have written survives a kill."""

    def read(self) -> list[Any]:
        """The plan and the entries of shards; nothing where nothing was begun.

        Raises:
            ValueError: when it is damaged.
        """

    def begin(self, plan: Any) -> None:
        """Write the plan.

        Raises:
            UserError: when another command has just done that.
        """

    def add(self, shard: int, entry: Any) -> None:
        """Write the entry of a shard."""


class Output(ABC):
    """A folder of parts.

    Attributes:
        folder: as messages call it.
        store: whose credentials open a bucket.
    """

    folder: str
    store: Store | None

    @property
    def place(self) -> str:
        """The key that says it, for messages."""
        return f"output={self.folder}"

    @property
    @abstractmethod
    def ledger(self) -> str:
        """Where the ledger is, for messages."""

    @abstractmethod
    def is_begun(self) -> bool:
        """Whether there is a ledger."""

    @abstractmethod
    def is_read_as(self, wanted: str) -> bool:
        """Whether its parts would be among the inputs that `wanted` names."""

    @abstractmethod
    def holds(self, path: str) -> bool:
        """Whether an input lies in it."""

    def require_apart(self, wanted: str, inputs: Sequence[Input]) -> None:
        """Raise `UserError` where the output would be among the inputs, which `wanted` names."""
        if self.is_read_as(wanted):
            raise UserError(f"{self.place} lies in input={wanted}, and would be read as well; choose another folder.")
        inside = next((file for file in inputs if self.holds(file.path)), None)
        if inside is not None:
            raise UserError(f"{self.place} is where the input {inside.name} lies; choose another folder.")

    def require_new(self, others: Sequence[str], ledger: str) -> None:
        """Raise `UserError` where files are there already, and the `ledger` is not among them."""
        if others and ledger not in others:
            raise UserError(f"{self.place} holds other files, {min(others)} for instance; choose a new folder.")

    @abstractmethod
    def hold(self) -> AbstractContextManager[Entries]:
        """Make it ready to be written to.

        Raises:
            UserError: when it holds something else, cannot be written to, or another process writes into it.
        """

    @abstractmethod
    def parts(self) -> list[Input]:
        """The files that are there."""

    @abstractmethod
    def new_part(self, name: str) -> AbstractContextManager[Path]:
        """Yield a path; the file that is written there becomes a part at the end, whole or not at all."""

    @property
    def unwritable(self) -> str:
        """How a sentence begins that says that no part can be written."""
        return f"{self.place} cannot be written to"

    @abstractmethod
    def written_in(self) -> Path:
        """The folder of this machine in which a part is written."""

    def unwritten(self, error: OSError) -> UserError | None:
        """What to say of an error that came while parts were written; None where it is not about their folder."""
        folder = self.written_in()
        if not is_full(error) and not Path(str(error.filename or "")).is_relative_to(folder):
            return None
        reason = os.strerror(error.errno) if error.errno else error  # Arrow's own words are longer
        return UserError(f"{self.unwritable} ({reason}); make room or check rights, and the same command goes on.")


@dataclass(frozen=True)
class LocalOutput(Output):
    """A folder of this machine, which one process holds at a time.

    Attributes:
        folder: as it was typed.
        path: the same, absolute.
    """

    folder: str
    path: Path
    store: Store | None = None

    @property
    def ledger(self) -> str:
        """Where the ledger is."""
        return str(Path(self.folder) / NAME)

    def is_begun(self) -> bool:
        """Whether there is a ledger."""
        return (self.path / NAME).exists()

    def is_read_as(self, wanted: str) -> bool:
        """Whether it lies in a folder that is read."""
        return Path(wanted).is_dir() and self.path.is_relative_to(Path(wanted).resolve())

    def holds(self, path: str) -> bool:
        """Whether an input lies in it."""
        return Path(path).is_relative_to(self.path)

    @contextmanager
    def hold(self) -> Iterator[Entries]:
        """Hold the folder, which is made if its parent is there."""
        try:
            self.path.mkdir(exist_ok=True)
            others = [path.name for path in self.path.iterdir() if not path.name.startswith(TEMPORARY)]
            self.require_new(others, NAME)
            file = (self.path / NAME).open("a+b")
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"{self.place} cannot be written to ({reason}); choose another folder.") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"{self.place} is being written by another process; wait for it, or end it.") from None
            remove_leftovers(self.path)
            yield _Lines(self.path, file)

    def parts(self) -> list[Input]:
        """The files that are there."""
        return list_inputs(str(self.path), None)

    @contextmanager
    def new_part(self, name: str) -> Iterator[Path]:
        """Yield a temporary path beside the part's own."""
        with whole_file(self.path / name) as temporary:
            yield temporary
            flush_to_disk(temporary)
        flush_to_disk(self.path)

    def written_in(self) -> Path:
        """The folder itself."""
        return self.path


@dataclass(frozen=True)
class _Lines:
    """A file with a line of JSON for the plan and one for each shard; a line that a kill has cut short is cut off."""

    folder: Path
    file: IO[bytes]

    def read(self) -> list[Any]:
        self.file.seek(0)
        content = self.file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self.file.truncate(whole)
        return [json.loads(line) for line in content[:whole].splitlines()]

    def begin(self, plan: Any) -> None:
        self.file.truncate(0)
        self._append(plan)
        flush_to_disk(self.folder)

    def add(self, shard: int, entry: Any) -> None:
        self._append(entry)

    def _append(self, entry: Any) -> None:
        self.file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        self.file.flush()
        os.fsync(self.file.fileno())

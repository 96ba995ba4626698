"""Parts in a bucket: what writes them needs the credentials of the store, and no folder that all machines see.

Objects cannot be appended to, so that the ledger is an object for the plan and one for each shard whose part is there.
Nobody holds the bucket. The plan is written by a request of which the server lets one pass; parts and entries are the
same bytes whoever writes them, so that two commands at the same time do the work twice, and no harm.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from libelle.errors import UserError
from libelle.files import SCRATCH, is_full, owned
from libelle.scoring.inputs import Input, is_named, list_inputs
from libelle.scoring.outputs import Entries, Output
from libelle.stores.base import Store, in_parallel

#: Where the ledger is below the folder.
_LEDGER = "_ledger/"
_PLAN = f"{_LEDGER}plan.json"
_ENTRY = _LEDGER + "{:05}.json"


@dataclass(frozen=True)
class BucketOutput(Output):
    """A folder in a bucket, `s3://<bucket>/<folder>/`.

    Attributes:
        folder: as messages call it.
        store: the same place as a store, whose keys are the names below it.
    """

    folder: str
    store: Store

    @property
    def ledger(self) -> str:
        """Where the ledger is."""
        return self.folder + _LEDGER

    def is_begun(self) -> bool:
        """Whether there is a plan."""
        return any(entry.key == _PLAN for entry in self.store.list(_PLAN))

    def is_read_as(self, wanted: str) -> bool:
        """Whether the address names its parts, too."""
        return is_named(f"{self.folder}part-00000.parquet", wanted)

    def holds(self, path: str) -> bool:
        """Whether an input lies in it."""
        return path.startswith(self.folder)

    @contextmanager
    def hold(self) -> Iterator[Entries]:
        """Make sure that the bucket can be written to, and holds nothing else there."""
        there = [entry.key for entry in self.store.list("") if not entry.key.startswith(".")]
        self.require_new(there, _PLAN)
        self.store.check()
        yield _Objects(self)

    def parts(self) -> list[Input]:
        """The objects that are there."""
        return list_inputs(self.folder, self.store)

    @contextmanager
    def new_part(self, name: str) -> Iterator[Path]:
        """Yield a path on this machine; its file is sent at the end."""
        with tempfile.TemporaryDirectory(prefix=owned(SCRATCH)) as folder:
            path = Path(folder) / name
            yield path
            self.store.put_file(name, path)

    @property
    def unwritable(self) -> str:
        """How a sentence begins that says that no part can be written."""
        return f"{self.place} cannot be written to: its parts are made in {self.written_in()} (TMPDIR) first"

    def written_in(self) -> Path:
        """The system's folder of temporary files."""
        return Path(tempfile.gettempdir())

    def unwritten(self, error: OSError) -> UserError | None:
        """As of any output, of a full disk alone: much else lies in the folder of temporary files."""
        return super().unwritten(error) if is_full(error) else None


@dataclass(frozen=True)
class _Objects:
    """An object of JSON for the plan and one for each shard."""

    output: BucketOutput

    def read(self) -> list[Any]:
        store = self.output.store
        keys = sorted(entry.key for entry in store.list(_LEDGER) if entry.key != _PLAN)
        try:
            return in_parallel(lambda key: json.loads(store.get(key)), [_PLAN, *keys])
        except KeyError:
            return []

    def begin(self, plan: Any) -> None:
        if not self.output.store.create_if_absent(_PLAN, _json(plan)):
            raise UserError(
                f"{self.output.place} was begun by another command just now; wait for that, or choose another folder."
            )

    def add(self, shard: int, entry: Any) -> None:
        self.output.store.put(_ENTRY.format(shard), _json(entry))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()

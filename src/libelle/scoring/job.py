"""What a worker needs to score a shard, and what it gives back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any

from libelle.data.file_parts import Cut, Part
from libelle.files import json_bytes
from libelle.loading import load_published, load_run
from libelle.pipeline import Pipeline
from libelle.published import find
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.scoring.inputs import Input
from libelle.scoring.outputs import Output
from libelle.scoring.request import FileRequest
from libelle.stores.base import Store

#: Refused rows of a shard whose places are kept; all are counted.
KEPT_ROWS = 1000


@dataclass(frozen=True)
class ModelSource:
    """Where a pipeline is loaded from, by all workers the same one.

    Attributes:
        name: a run id, or a published name with its version.
        published: which of both it is.
        store: where it is.
        trusted: file of public keys, of which one must have signed it.
    """

    name: str
    published: bool
    store: Store
    trusted: str | None = None

    def load(self) -> Pipeline:
        """Load it, and replay its golden records."""
        if self.published:
            return load_published(self.name, self.store, self.trusted)
        return load_run(self.name, self.store)

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of its files' checksums and its thresholds."""
        if self.published:
            about = find(self.store, self.name, self.trusted)
            files, chosen = about.files, [about.threshold, about.label_thresholds]
        else:
            run = Run.open(self.store, RunId.parse(self.name))
            files, chosen = run.folder_files("pipeline"), [run.read_threshold()]
        sums = sorted((name, file["sha256"]) for name, file in files.items())
        return sha256(json_bytes([sums, chosen])).hexdigest()


@dataclass(frozen=True)
class Planned:
    """An input with the parts that it is cut into."""

    input: Input
    cut: Cut


@dataclass(frozen=True)
class Shard:
    """What is scored in one go and becomes one part of the output.

    Attributes:
        number: from 0.
        file: the number of its input.
        part: of that file.
    """

    number: int
    file: int
    part: Part

    @property
    def output(self) -> str:
        """The name of its file."""
        return f"part-{self.number:05}.parquet"


@dataclass(frozen=True)
class Job:
    """All that the shards of an output have in common.

    Attributes:
        request: what is asked.
        model: what scores.
        output: where the parts go.
        files: the inputs.
    """

    request: FileRequest
    model: ModelSource
    output: Output
    files: Sequence[Planned]

    @property
    def shards(self) -> list[Shard]:
        """In the order of the inputs' rows."""
        parts = [(number, part) for number, planned in enumerate(self.files) for part in planned.cut.parts]
        return [Shard(number, file, part) for number, (file, part) in enumerate(parts)]

    def where(self, shard: Shard) -> str:
        """A shard, for messages."""
        name, part = self.files[shard.file].input.name, shard.part
        if part.rows is None or self.files[shard.file].cut.by == "file":
            return name
        return f"rows {part.records + 1:,} to {part.records + part.rows:,} of {name}"


@dataclass(frozen=True)
class Refused:
    """A record that was passed over.

    Attributes:
        file: its file.
        unit: what `first` and `last` count, `line` or `row`.
        first, last: where it stands.
        reason: what is wrong with it.
    """

    file: str
    unit: str
    first: int
    last: int
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What became of a shard.

    Attributes:
        shard: its number.
        size, sha256: of its file.
        rows: records in it.
        refused: records that were passed over.
        refused_rows: the first of them.
        seen: counts of what was scored, where a page is wanted.
        said: warnings, which are not kept.
    """

    shard: int
    size: int
    sha256: str
    rows: int
    refused: int
    refused_rows: list[Refused] = field(default_factory=list)
    seen: dict[str, Any] | None = None
    said: list[str] = field(default_factory=list)


def file_request(request: FileRequest) -> FileRequest:
    """What concerns the file alone of a command's request: workers need not know the command."""
    names = FileRequest.__dataclass_fields__
    return FileRequest(**{name: getattr(request, name) for name in names})

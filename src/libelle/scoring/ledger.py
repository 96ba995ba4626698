"""The ledger of a folder of parts: what is scored, in which shards, and which of them are done."""

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from libelle.data.file_parts import Cut, Part
from libelle.errors import UserError
from libelle.progress import stage
from libelle.scoring.inputs import Input
from libelle.scoring.job import Job, ModelSource, Outcome, Planned, Refused, Shard
from libelle.scoring.outputs import Entries, Output
from libelle.scoring.request import FileRequest
from libelle.stores.base import in_parallel

log = logging.getLogger(__name__)

_FORMAT = 1
#: Keys of a request that are as well other when the work goes on: they change nothing of what is written.
_FREE = ("input", "output", "format", "on_error")


@dataclass
class Ledger:
    """What is done of an output.

    Attributes:
        output: where the parts are.
        about: the plan, as it is written; None where nothing was begun.
        done: shard → what became of it.
    """

    output: Output
    about: dict[str, Any] | None
    done: dict[int, Outcome]
    _entries: Entries

    def begin(self, job: Job) -> None:
        """Write the plan."""
        about = _about(job)
        self._entries.begin(about)
        self.about = about

    def same_job(self, request: FileRequest, model: ModelSource, inputs: list[Input]) -> Job:
        """The job that was begun, from what is asked for now.

        Raises:
            UserError: when the model, a key of the request or an input is another one.
        """
        assert self.about is not None
        place, (begun, now) = self.output.place, (self.about["model"], _model(model))
        if now != begun:
            what = "that has changed" if now["name"] == begun["name"] else f"this is {now['name']}"
            raise UserError(f"{place} was begun with model {begun['name']}, and {what}; choose another folder.")
        for key, value in _request(request).items():
            before = self.about["request"].get(key)
            if value != before:
                raise UserError(
                    f"{place} was begun with {key}={json.dumps(before)}; ask for the same, or choose another folder."
                )
        files = [(Input(**file["input"]), _cut(file["cut"])) for file in self.about["files"]]
        _require_inputs(inputs, {file.name: file for file, _ in files}, place)
        cuts = {file.name: cut for file, cut in files}
        return Job(request, model, self.output, [Planned(file, cuts[file.name]) for file in inputs])

    def add(self, outcome: Outcome) -> None:
        """Note that the part of a shard is there."""
        self.done[outcome.shard] = outcome
        entry = {name: value for name, value in asdict(outcome).items() if name != "said"}
        self._entries.add(outcome.shard, entry)

    def left(self, shards: Sequence[Shard]) -> list[Shard]:
        """The shards that are still to be scored: those without an entry, or whose part is not what was written.

        Parts that are gone or were altered are said, and count as not done.
        """
        begun = [shard for shard in shards if shard.number in self.done]
        there = {file.name.rpartition("/")[2]: file for file in self.output.parts()} if begun else {}
        with stage(f"checking the parts of {self.output.place}"):
            whole = in_parallel(lambda shard: self._is_whole(shard, there.get(shard.output)), begun)
        lost = [shard for shard, is_whole in zip(begun, whole, strict=True) if not is_whole]
        if lost:
            log.warning(
                "%s: finished parts that are gone or were altered are scored again: %d of %d, from %s",
                self.output.place,
                len(lost),
                len(begun),
                lost[0].output,
            )
        for shard in lost:
            del self.done[shard.number]
        return [shard for shard in shards if shard.number not in self.done]

    def _is_whole(self, shard: Shard, file: Input | None) -> bool:
        outcome = self.done[shard.number]
        if file is None or file.size != outcome.size:
            return False
        with file.open(self.output.store) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == outcome.sha256  # type: ignore[arg-type]


@contextmanager
def open_ledger(output: Output) -> Iterator[Ledger]:
    """Make an output ready to be written to, and yield its ledger.

    Raises:
        UserError: when it holds something else, another process works on it, or its ledger is damaged.
    """
    with output.hold() as entries:
        yield _read(output, entries)


def _read(output: Output, entries: Entries) -> Ledger:
    try:
        lines = entries.read()
        if not lines:
            return Ledger(output, None, {}, entries)
        if lines[0]["format"] != _FORMAT:
            raise UserError(f"{output.place} was written by another version of libelle; choose another folder.")
        ledger = Ledger(output, lines[0], {}, entries)
        [(Input(**file["input"]), _cut(file["cut"])) for file in lines[0]["files"]]
        for line in lines[1:]:
            rows = [Refused(**row) for row in line.pop("refused_rows")]
            ledger.done[line["shard"]] = Outcome(**line, refused_rows=rows)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{output.ledger} is damaged; remove the folder, and score again.") from error
    return ledger


def _about(job: Job) -> dict[str, Any]:
    """The plan of a job as JSON values."""
    return {
        "format": _FORMAT,
        "model": _model(job.model),
        "request": _request(job.request),
        "files": [{"input": planned.input.to_json(), "cut": _cut_to_json(planned.cut)} for planned in job.files],
    }


def _model(model: ModelSource) -> dict[str, str]:
    return {"name": model.name, "checksum": model.checksum}


def _request(request: FileRequest) -> dict[str, Any]:
    return {key: value for key, value in asdict(request).items() if key not in _FREE}


def _cut_to_json(cut: Cut) -> dict[str, Any]:
    parts = [[part.start, part.end, part.records, part.lines, part.rows] for part in cut.parts]
    return {**vars(cut), "parts": parts}


def _cut(about: dict[str, Any]) -> Cut:
    return Cut(**{**about, "parts": [Part(*part) for part in about["parts"]]})


def _require_inputs(now: list[Input], begun: Mapping[str, Input], place: str) -> None:
    """Raise unless the inputs are those that were begun with; that they lie elsewhere is no matter."""
    other = sorted({file.name for file in now}.symmetric_difference(begun))
    if other:
        what = "is not among them now" if other[0] in begun else "was not among them"
        raise UserError(
            f"{place} was begun with other input files: {other[0]} {what}; give input= as then, or choose another "
            "folder."
        )
    for file in now:
        if (file.size, file.stamp) != (begun[file.name].size, begun[file.name].stamp):
            raise UserError(
                f"{place} was begun with another {file.name}: it has changed since; put back what was there, or choose "
                "another folder."
            )

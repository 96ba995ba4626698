"""The ledger of a folder of parts: what is scored, in which shards, and which of them are done.

`_ledger.jsonl` holds a line of JSON for the plan and one for each shard whose part is there. Readers of Parquet folders
pass over names that begin with `_`. A line that a kill has cut short is cut off.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from libelle.data.file_parts import Cut, Part
from libelle.errors import UserError
from libelle.files import TEMPORARY, flush_to_disk, owner_died
from libelle.scoring.inputs import Input
from libelle.scoring.job import Job, ModelSource, Outcome, Planned, Refused, Shard
from libelle.scoring.request import FileRequest

#: The file's name.
NAME = "_ledger.jsonl"
_FORMAT = 1
#: Keys of a request that are as well other when the work goes on: they change nothing of what is written.
_FREE = ("input", "output", "format", "on_error")


@dataclass
class Ledger:
    """A folder of parts, held by one process.

    Attributes:
        folder: the output.
        about: the plan, as it is written; None where nothing was begun.
        done: shard → what became of it.
    """

    folder: Path
    about: dict[str, Any] | None
    done: dict[int, Outcome]
    _file: IO[bytes]

    def begin(self, job: Job) -> None:
        """Write the plan."""
        self.about = _about(job)
        self._file.truncate(0)
        self._append(self.about)
        flush_to_disk(self.folder)

    def same_job(self, request: FileRequest, model: ModelSource, inputs: list[Input]) -> Job:
        """The job that was begun, from what is asked for now.

        Raises:
            UserError: when the model, a key of the request or an input is another one.
        """
        assert self.about is not None
        place, (begun, now) = f"output={self.folder}", (self.about["model"], _model(model))
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
        return Job(request, model, self.folder.resolve(), [Planned(file, cuts[file.name]) for file in inputs])

    def add(self, outcome: Outcome) -> None:
        """Note that the part of a shard is there."""
        self.done[outcome.shard] = outcome
        self._append({name: value for name, value in asdict(outcome).items() if name != "said"})

    def left(self, shards: list[Shard]) -> list[Shard]:
        """The shards that are still to be scored: those without an entry, or whose part is gone."""
        return [shard for shard in shards if not self._is_there(shard)]

    def _is_there(self, shard: Shard) -> bool:
        path, outcome = self.folder / shard.output, self.done.get(shard.number)
        return outcome is not None and path.is_file() and path.stat().st_size == outcome.size

    def _append(self, entry: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def open_ledger(folder: Path) -> Iterator[Ledger]:
    """Hold a folder for parts, and yield its ledger; the folder is made if its parent is there.

    Raises:
        UserError: when the folder holds something else, another process works on it, or its ledger is damaged.
    """
    place = f"output={folder}"
    try:
        folder.mkdir(exist_ok=True)
        others = [path.name for path in folder.iterdir() if not path.name.startswith(TEMPORARY)]
        if others and NAME not in others:
            raise UserError(f"{place} holds other files, {min(others)} for instance; choose a new folder.")
        file = (folder / NAME).open("a+b")
    except OSError as error:
        raise UserError(f"{place} cannot be written to ({error.strerror or error}); choose another folder.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{place} is being written by another process; wait for it, or end it.") from None
        _remove_leftovers(folder)
        yield _read(folder, file)


def _read(folder: Path, file: IO[bytes]) -> Ledger:
    file.seek(0)
    content = file.read()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        file.truncate(whole)
    try:
        lines = [json.loads(line) for line in content[:whole].splitlines()]
        if not lines:
            return Ledger(folder, None, {}, file)
        if lines[0]["format"] != _FORMAT:
            raise UserError(f"output={folder} was written by another version of libelle; choose another folder.")
        ledger = Ledger(folder, lines[0], {}, file)
        [(Input(**file["input"]), _cut(file["cut"])) for file in lines[0]["files"]]
        for line in lines[1:]:
            rows = [Refused(**row) for row in line.pop("refused_rows")]
            ledger.done[line["shard"]] = Outcome(**line, refused_rows=rows)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder / NAME} is damaged; remove the folder, and score again.") from error
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


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed workers were writing."""
    for path in folder.glob(f"{TEMPORARY}*"):
        if owner_died(path.name):
            path.unlink(missing_ok=True)

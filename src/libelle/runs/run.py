"""A run: its id, its folder in the store, its manifest. Nobody else builds the name of a run's file."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import Field

from libelle.errors import UserError
from libelle.files import json_bytes, sha256_of
from libelle.runs.ids import RunId
from libelle.runs.lock import Lease, locked
from libelle.runs.threshold_file import parse_choice
from libelle.stores.base import Store, in_parallel
from libelle.stores.cache import default_cache, fetch_folder
from libelle.stores.documents import FileName, Moment, StoredFile, expected_files, read_formatted
from libelle.stores.formats import RUN
from libelle.stores.plain_data import parse_config, parse_json

Status = Literal["running", "lost", "completed", "failed", "deleted"]
RUNNING: Final = "running"
#: How a run is shown that is `running` by its manifest and whose process has died; never stored.
LOST: Final = "lost"
COMPLETED: Final = "completed"
FAILED: Final = "failed"
DELETED: Final = "deleted"
STATUSES: Final[tuple[str, ...]] = get_args(Status)

#: The file of the decision threshold that was chosen, with all choices before.
THRESHOLD = "threshold.json"

#: The file with a line a label, once thresholds have been chosen for more than two labels.
THRESHOLDS = "thresholds.csv"

#: Bytes of a file that may be changed, at most: those of the manifest may be of another version.
_LARGEST_CHANGED = 1 << 24
#: One lock for all of a run, since each change rewrites the manifest.
_LOCK = f"{THRESHOLD}.lock"


@dataclass
class Manifest:
    """What is said of a run: who it is, how it stands, and every file with its size and checksum.

    Attributes:
        run_id: the id.
        status: `running`, `completed`, `failed` or `deleted`. Only a completed run is ever loaded.
        started: when the id was claimed, ISO 8601 with the offset from UTC.
        finished: when it ended.
        command: the command line.
        git_commit: of the code, where it is a checkout.
        seed: of everything random in training.
        data: the data's name.
        model: the model's name.
        data_fingerprint: SHA-256 of the records.
        libraries: versions of what computed.
        objective: name of the metric that the run is judged by, as `validation.average_precision`.
        value: its value.
        base: name and version of the base, for a run of `mode=train`.
        sweep: name of the sweep that the run is part of.
        trial: its number in the sweep.
        error: why a failed run failed, in a sentence.
        note: what a person has noted on the run.
        host: the machine that trains, or trained, the run.
        pid: the process there.
        files: name, as in the run's folder → `size` in bytes and `sha256`; `previous`, the checksum before, for a file
            that was changed after the run had completed.
        format: of the manifest.
    """

    run_id: str
    status: Status
    started: Moment
    finished: Moment | None = None
    command: str = ""
    git_commit: str | None = None
    seed: int | None = None
    data: str | None = None
    model: str | None = None
    data_fingerprint: str | None = None
    libraries: dict[str, str] = field(default_factory=dict)
    objective: str | None = None
    value: float | None = None
    base: str | None = None
    sweep: str | None = None
    trial: int | None = None
    error: str | None = None
    note: str | None = None
    host: Annotated[str, Field(max_length=255)] | None = None
    pid: Annotated[int, Field(ge=0, lt=1 << 62)] | None = None
    files: dict[FileName, StoredFile] = field(default_factory=dict)
    format: int = RUN

    def to_json(self) -> bytes:
        """The manifest as it is stored."""
        return json_bytes(asdict(self))


class Run:
    """One run in a store. `Run.begin` starts a new one, `Run.open` finds one.

    Attributes:
        store: where the run is kept.
        drafts: where its files are written; another place than `store` while it is trained (`runs.sending`).
        id: the run's id.
        manifest: as it was read, or is to be written.
    """

    def __init__(self, store: Store, run_id: RunId, manifest: Manifest) -> None:
        self.store = self.drafts = store
        self.id = run_id
        self.manifest = manifest

    @classmethod
    def begin(cls, store: Store, **about: Any) -> "Run":
        """Claim the day's next id; safe among any number of processes and machines.

        Args:
            store: where the run is kept.
            about: fields of the manifest that are known already.
        """
        now = datetime.now().astimezone()
        day = now.date()
        taken = [int(name) for name in store.folders(f"runs/{day.isoformat()}/") if name.isdecimal()]
        number = max(taken, default=0)
        while True:
            # Listing only says where to start: the claim is the manifest, created by exactly one of those who try.
            number += 1
            run_id = RunId(day, number)
            manifest = Manifest(str(run_id), RUNNING, now.isoformat(timespec="seconds"), **about)
            run = cls(store, run_id, manifest)
            if store.create_if_absent(run.key("manifest.json"), manifest.to_json()):
                return run

    @classmethod
    def open(cls, store: Store, run_id: RunId, typed: str = "run_id") -> "Run":
        """Find a run whatever its status.

        Args:
            store: where it is.
            run_id: the run.
            typed: the key by which it was asked for, for messages.

        Raises:
            UserError: when there is none, or it is damaged or in another format.
        """
        run = cls(store, run_id, Manifest(str(run_id), RUNNING, ""))
        key = run.key("manifest.json")
        try:
            run.manifest = read_formatted(store, key, Manifest, RUN, f"{typed}={run_id}", "train again")
        except KeyError:
            raise UserError(f"{typed}={run_id} is not in {store}; check the id and the store.") from None
        if run.manifest.run_id != str(run_id):
            raise UserError(f"{key} in {store} is damaged: it names run_id={run.manifest.run_id}; use another run.")
        return run

    def key(self, name: str) -> str:
        """The key of a file of this run: its name stamped with the id."""
        return f"{self.id.folder}{self.id}.{name}"

    def put(self, name: str, data: bytes) -> None:
        """Write a file and note it for the manifest."""
        self.drafts.put(self.key(name), data)
        self.manifest.files[f"{self.id}.{name}"] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def put_json(self, name: str, value: Any) -> None:
        """Store a value as JSON."""
        self.put(name, json_bytes(value, allow_nan=False))

    def put_file(self, name: str, path: Path) -> None:
        """Write a copy of, or link to, a local file that nobody will change."""
        digest = sha256_of(path)
        self.drafts.take_file(self.key(name), path)
        self.manifest.files[f"{self.id}.{name}"] = {"size": path.stat().st_size, "sha256": digest}

    def put_folder(self, name: str, folder: Path) -> None:
        """Store a local folder; the files in it keep the names that their library wants."""
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        in_parallel(lambda path: self.put_file(f"{name}/{path.relative_to(folder).as_posix()}", path), paths)

    def finish(self, status: Status, error: str | None = None) -> None:
        """Write the manifest, last of all."""
        self.manifest.status, self.manifest.error = status, error
        self.manifest.finished = datetime.now().astimezone().isoformat(timespec="seconds")
        self.put_manifest()

    def read(self, name: str) -> bytes:
        """Return a file of the run, checked against the manifest.

        Raises:
            KeyError: when the run has no such file.
            UserError: when it was altered.
        """
        expected = self.manifest.files[f"{self.id}.{name}"]
        try:
            data = self.store.get(self.key(name), _LARGEST_CHANGED if "previous" in expected else expected["size"])
        except KeyError:
            raise UserError(f"{self.key(name)} is missing from {self.store}; the run is damaged.") from None
        digest = hashlib.sha256(data).hexdigest()
        if digest not in _digests(expected):
            # Somebody may have changed it since we read the manifest.
            expected = Run.open(self.store, self.id).manifest.files.get(f"{self.id}.{name}", expected)
        if digest not in _digests(expected):
            raise UserError(
                f"{self.key(name)} in {self.store} was altered: its checksum is not the manifest's; use another run."
            )
        return data

    def read_json(self, name: str) -> Any:
        """Return a file of the run as JSON; otherwise as `read`."""
        return parse_json(self.read(name), f"{self.key(name)} in {self.store}")

    def read_config(self) -> dict[str, Any]:
        """Return the run's config; otherwise as `read`."""
        return parse_config(self.read("config.yaml"), f"{self.key('config.yaml')} in {self.store}")

    def read_threshold(self) -> dict[str, Any] | None:
        """The threshold that was chosen, as `libelle.evaluation.threshold.save` keeps it; None where none was yet.

        Raises:
            UserError: when the file was altered, or is damaged.
        """
        if f"{self.id}.{THRESHOLD}" not in self.manifest.files:
            return None
        return parse_choice(self.read(THRESHOLD), f"{self.key(THRESHOLD)} in {self.store}")

    def change(self, name: str, change: Callable[[bytes | None], bytes]) -> bytes:
        """Add or change a file of a completed run; one change at a time, and whole whenever it is cut short.

        A new file is stored before the manifest names it. For one that it names, the manifest first says the new
        checksum beside the old: either is right until the file is replaced.

        Args:
            name: of the file.
            change: from the content, None where there is none yet, to the new content.

        Raises:
            UserError: when somebody else's change goes on and on, or came between while this process slept.
        """
        with self.changing() as lease:
            self.require_completed()
            full = f"{self.id}.{name}"
            before = self.read(name) if full in self.manifest.files else None
            data = change(before)
            entry: StoredFile = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            lease.require()
            if before is None:
                self.store.put(self.key(name), data)
                lease.require()
            else:
                entry["previous"] = hashlib.sha256(before).hexdigest()
            self.manifest.files[full] = entry
            self.put_manifest()
            if before is not None:
                lease.require()
                self.store.put(self.key(name), data)
        return data

    @contextmanager
    def changing(self) -> Iterator[Lease]:
        """Change a run that has ended, with its manifest as it is now; whoever else would change it waits.

        Yields:
            The lock, which is asked before each write.

        Raises:
            UserError: when somebody else's change goes on and on.
        """
        with locked(self.store, self.key(_LOCK), f"run_id={self.id}") as lease:
            self.manifest = Run.open(self.store, self.id).manifest
            yield lease

    def put_manifest(self) -> None:
        """Write the manifest as it is."""
        self.drafts.put(self.key("manifest.json"), self.manifest.to_json())

    def folder_files(self, name: str) -> dict[str, StoredFile]:
        """Files of a saved part, by their name in it, with `size` and `sha256`."""
        prefix = f"{self.id}.{name}/"
        return {
            path.removeprefix(prefix): about for path, about in self.manifest.files.items() if path.startswith(prefix)
        }

    def fetch_folder(self, name: str) -> Path:
        """Return a local folder with the files of a saved part, checked against the manifest.

        Raises:
            UserError: when the part or a file of it is missing, or was altered.
        """
        files = expected_files(self.folder_files(name))
        if not files:
            raise UserError(f"run_id={self.id} has no {name} in {self.store}; choose another run.")
        return fetch_folder(self.store, self.key(f"{name}/"), files, default_cache())

    def verify(self) -> "Run":
        """Read every file of the run and compare it with the manifest; return the run itself.

        Raises:
            UserError: names the first file that is missing or was altered.
        """
        in_parallel(self.read, [name.removeprefix(f"{self.id}.") for name in self.manifest.files])
        return self

    def require_completed(self) -> "Run":
        """Return the run itself.

        Raises:
            UserError: when it has not completed.
        """
        if self.manifest.status != COMPLETED:
            raise UserError(f"run_id={self.id} is {self.manifest.status}, not completed; choose a run that completed.")
        return self


def _digests(entry: StoredFile) -> tuple[str | None, ...]:
    return entry["sha256"], entry.get("previous")

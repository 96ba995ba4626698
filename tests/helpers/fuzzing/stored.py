"""Doors for what is stored: pipelines, and the manifests, pointers and notes of a store."""

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from helpers.fuzzing.mutation import Random, altered_json, damaged, pick
from helpers.fuzzing.runner import Door
from helpers.tiny import make_forms
from libelle import published
from libelle.cli import json_output
from libelle.loading import load_folder, load_published, load_run
from libelle.runs import cleaning, run_list
from libelle.runs.published import published_runs
from libelle.runs.run import Run
from libelle.stores.local import LocalStore
from libelle.training.bases import read_base


class Pipelines(Door):
    """A saved pipeline of which one file, or two, are wrong."""

    name, share = "pipelines", 800

    def __init__(self, *places: Any) -> None:
        super().__init__(*places)
        shutil.copytree(self.corpus / "pipelines", self.scratch / "pipelines")
        self.folders = sorted((self.scratch / "pipelines").iterdir())
        forms = make_forms(4).assign(age=["1", "2", None, "99"]).drop(columns="label")
        self.records = forms.astype(object).where(forms.notna(), None).to_dict("records")
        for folder in self.folders:
            load_folder(folder).predict(self.records)

    def attempt(self, random: Random) -> Any:
        """Damage a pipeline, load it and score with it; then mend it."""
        folder = pick(random, self.folders)
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        before = {}
        try:
            for _ in range(1 if random.random() < 0.9 else 2):
                path = pick(random, paths)
                if path not in before:
                    before[path] = path.read_bytes()
                data = before[path]
                if random.random() < 0.01:
                    path.unlink()
                else:
                    path.write_bytes(wrong_file(random, path.name, data))
            return load_folder(folder).predict(self.records)
        finally:
            for path, data in before.items():
                path.write_bytes(data)


def wrong_file(random: Random, name: str, data: bytes) -> bytes:
    """A wrong copy of a file, by what its name says it is."""
    if name.endswith(".json"):
        return altered_json(random, data)
    if name.endswith(".safetensors") and random.random() < 0.8:
        return _wrong_header(random, data) if random.random() < 0.4 else _wrong_arrays(random, data)
    if name.endswith(".skops") and random.random() < 0.8:
        return _wrong_archive(random, data)
    if name.endswith((".npy", ".parquet", ".skops", ".ubj")) and random.random() < 0.5:
        wrong = bytearray(data)  # of the same length, so that more of it is right
        for _ in range(int(random.integers(1, 4))):
            wrong[int(random.integers(len(data)))] = int(random.integers(256))
        return bytes(wrong)
    return damaged(random, data)


def _wrong_archive(random: Random, data: bytes) -> bytes:
    """An archive whose checksums are right, and one of whose files is wrong."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as right, zipfile.ZipFile(stream, "w") as wrong:
        chosen = pick(random, right.namelist())
        for name in right.namelist():
            content = right.read(name)
            wrong.writestr(name, wrong_file(random, name, content) if name == chosen else content)
    return stream.getvalue()


def _wrong_header(random: Random, data: bytes) -> bytes:
    size = int.from_bytes(data[:8], "little")
    header = altered_json(random, data[8 : 8 + size])
    return len(header).to_bytes(8, "little") + header + data[8 + size :]


def _wrong_arrays(random: Random, data: bytes) -> bytes:
    arrays = dict(load(data))
    name = pick(random, sorted(arrays))
    array = arrays[name].copy()
    match int(random.integers(7)):
        case 0:
            arrays[name] = array.reshape(-1)[: int(random.integers(array.size + 1))].copy()
        case 1:
            arrays[name] = array.astype(pick(random, [np.float64, np.int8, np.uint8, np.int64, np.bool_, np.float16]))
        case 2:
            arrays[name] = np.concatenate([array, array]) if array.ndim else array[None]
        case 3:
            arrays[pick(random, ["x", name[:-1] or "y"])] = arrays.pop(name)
        case 4 if array.ndim == 2:
            arrays[name] = np.ascontiguousarray(array.T)
        case _ if array.size:
            odd = [0, -1, 1, 1 << 30, 2**31 - 1, -(1 << 31), 1 << 62, np.nan, np.inf, -np.inf]
            odd = odd if array.dtype.kind == "f" else odd[:-3]
            with np.errstate(all="ignore"):
                array.reshape(-1)[int(random.integers(array.size))] = np.array(pick(random, odd)).astype(array.dtype)
            arrays[name] = array
    return save(arrays)


class Stores(Door):
    """A store of which one document is wrong, with a manifest that fits it."""

    name, share = "manifests", 500

    def __init__(self, *places: Any) -> None:
        super().__init__(*places)
        shutil.copytree(self.corpus / "store", self.scratch / "store")
        self.store = LocalStore(root=str(self.scratch / "store"))
        self.run_id = next(run_list.run_ids(self.store))
        self.run = f"{self.run_id.folder}{self.run_id}."
        keys = [entry.key for entry in self.store.list("")]
        self.manifests = [key for key in keys if key.endswith("manifest.json")]
        self.pointers = [key for key in keys if key.endswith(("current.json", "claim.json"))]
        self.files = [key for key in keys if key.startswith(self.run) and key.count("/") == 3]
        self.files = [key for key in self.files if not key.endswith(("manifest.json", ".txt", ".html", ".csv"))]
        self.based = [key for key in keys if key.startswith("based/") and key not in self.manifests + self.pointers]
        self.published = [key for key in keys if key.startswith("published/tiny/2/") and key not in self.manifests]
        for read in self.readings.values():
            read()

    def attempt(self, random: Random) -> Any:
        """Damage a document, and read what depends on it; then mend it."""
        before: dict[str, bytes] = {}
        try:
            kind = pick(random, ["manifests", "manifests", "pointers", "files", "files", "published", "based"])
            key = pick(random, getattr(self, kind))
            before[key] = self.store.get(key)
            wrong = self._wrong(random, key, before[key])
            self.store.put(key, wrong)
            if kind in ("files", "published", "based") and random.random() < 0.9:
                self._correct(key, wrong, before)
            return self.readings[pick(random, self._of(key))]()
        finally:
            for key, data in before.items():
                self.store.put(key, data)

    def _wrong(self, random: Random, key: str, data: bytes) -> bytes:
        return wrong_file(random, key, data)

    def _of(self, key: str) -> list[str]:
        """The readings that a document matters for."""
        if key.startswith("based/"):
            return ["base"]
        if key.startswith("published/"):
            return ["published", "version", "overview", "runs of published", "clean"]
        return ["show", "list", "threshold", "diff", "pipeline", "clean"]

    def _correct(self, key: str, data: bytes, before: dict[str, bytes]) -> None:
        """Have the manifest say what the wrong file is: who replaces one can replace the other."""
        about = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        (manifest,) = [item for item in self.manifests if key.startswith(item.removesuffix("manifest.json"))]
        before[manifest] = self.store.get(manifest)
        said = json.loads(before[manifest])
        said["files"] = {name: about if key.endswith(f"/{name}") else known for name, known in said["files"].items()}
        self.store.put(manifest, json.dumps(said).encode())

    @property
    def readings(self) -> Mapping[str, Callable[[], Any]]:
        """What reads documents, as the commands do."""
        store = self.store
        return {
            "base": self._read_base,
            "published": lambda: load_published("tiny", store),
            "version": lambda: load_published("tiny@2", store),
            "overview": lambda: published.overview(store),
            "runs of published": lambda: published_runs(store),
            "clean": lambda: cleaning.leftovers(store, published_runs(store), cleaning.Choice.parse({})),
            "list": lambda: json_output.print_runs(run_list.manifests(store), {}),
            "show": lambda: json_output.print_run(Run.open(store, self.run_id), None),
            "threshold": lambda: Run.open(store, self.run_id).read_threshold(),
            "diff": self._diff,
            "pipeline": lambda: load_run(self.run_id, store),
        }

    def _diff(self) -> None:
        run = Run.open(self.store, self.run_id)
        json_output.print_differences(run, run, run_list.differences(run, run))

    def _read_base(self) -> Any:
        scratch = self.scratch / "read"
        try:
            prepared = read_base(self.store, "based", scratch).prepared
            return prepared.dataset("train")
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

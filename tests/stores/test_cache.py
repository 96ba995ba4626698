import hashlib
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from libelle.errors import UserError
from libelle.stores.base import Store
from libelle.stores.cache import default_cache, fetch, fetch_folder
from libelle.stores.local import LocalStore
from libelle.stores.minio import MinioStore

MODEL = {"weights.bin": os.urandom(5000), "sub/config.json": b"{}", "sub/same.json": b"{}"}


@dataclass
class RemoteStore(LocalStore):
    """A local store that hides where its files are, and notes what is fetched."""

    fetched: list[str] = field(default_factory=list)

    def get_file(self, key: str, path: Path, limit: int | None = None) -> None:
        self.fetched.append(key)
        super().get_file(key, path, limit)

    def local_path(self, key: str) -> None:
        return None


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def listing() -> dict[str, tuple[int, str]]:
    return {name: (len(data), sha(data)) for name, data in MODEL.items()}


def fill(store: Store) -> None:
    for name, data in MODEL.items():
        store.put(f"runs/1/model/{name}", data)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def remote(tmp_path: Path) -> RemoteStore:
    store = RemoteStore(str(tmp_path / "store"))
    fill(store)
    return store


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.mark.parametrize("variable", ["", "/elsewhere"])
def test_default_cache(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", variable)
    assert default_cache() == Path(variable or "/home/me/.cache", "libelle")


def test_a_folder_as_the_store_has_it(store: Store, cache: Path) -> None:
    fill(store)
    folder = fetch_folder(store, "runs/1/model/", listing(), cache)
    assert files(folder) == MODEL
    assert cache.exists() == isinstance(store, MinioStore)
    weights = MODEL["weights.bin"]
    assert fetch(store, "runs/1/model/weights.bin", sha(weights), cache).read_bytes() == weights


def test_each_content_is_fetched_once(remote: RemoteStore, cache: Path) -> None:
    folder = fetch_folder(remote, "runs/1/model/", listing(), cache)
    assert fetch_folder(remote, "runs/1/model/", listing(), cache) == folder
    for name, (_, digest) in listing().items():
        fetch(remote, f"runs/1/model/{name}", digest, cache)
    assert remote.fetched.count("runs/1/model/weights.bin") == 1
    assert len(remote.fetched) <= len(MODEL)  # two files of one content may be fetched at the same time
    assert not list(cache.rglob(".tmp-*"))


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(b"{ }"), Path.unlink], ids=["altered", "deleted"])
def test_a_spoilt_cache_is_mended(remote: RemoteStore, cache: Path, spoil: Callable[[Path], object]) -> None:
    folder = fetch_folder(remote, "runs/1/model/", listing(), cache)
    for path in [*cache.glob("??/*"), *(path for path in folder.rglob("*") if path.is_file())]:
        spoil(path)
        assert files(fetch_folder(remote, "runs/1/model/", listing(), cache)) == MODEL


def test_another_listing_is_another_folder(remote: RemoteStore, cache: Path) -> None:
    few = {"weights.bin": listing()["weights.bin"]}
    every = fetch_folder(remote, "runs/1/model/", listing(), cache)
    assert set(files(fetch_folder(remote, "runs/1/model/", few, cache))) == {"weights.bin"}
    assert files(every) == MODEL


@pytest.mark.parametrize("kind", [LocalStore, RemoteStore])
def test_an_altered_or_missing_object_is_refused(tmp_path: Path, cache: Path, kind: type[LocalStore]) -> None:
    store = kind(str(tmp_path / "store"))
    fill(store)
    data = MODEL["weights.bin"]
    store.put("runs/1/model/weights.bin", data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(UserError, match=r"^runs/1/model/weights\.bin in the local store \S+ was altered"):
        fetch_folder(store, "runs/1/model/", listing(), cache)
    store.delete("runs/1/model/weights.bin")
    with pytest.raises(UserError, match=r"^runs/1/model/weights\.bin in the local store \S+ is missing"):
        fetch_folder(store, "runs/1/model/", listing(), cache)
    assert sha(data) not in {path.name for path in cache.rglob("*")}
    assert not list(cache.rglob(".tmp-*"))


@pytest.mark.parametrize("name", ["../../evil", "/evil", "", "a//b"])
def test_a_manifest_cannot_name_a_place_outside(remote: RemoteStore, cache: Path, name: str) -> None:
    with pytest.raises(UserError, match="is no file name"):
        fetch_folder(remote, "runs/1/model/", {name: (2, sha(b"{}"))}, cache)
    with pytest.raises(UserError, match="is no SHA-256"):
        fetch(remote, "runs/1/model/sub/config.json", "../../evil", cache)


def test_a_cache_that_cannot_be_written_to(remote: RemoteStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"^The cache file .* set XDG_CACHE_HOME"):
        fetch_folder(remote, "runs/1/model/", listing(), tmp_path / "file")


def test_a_disk_without_hard_links(remote: RemoteStore, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    for _ in range(2):
        assert files(fetch_folder(remote, "runs/1/model/", listing(), cache)) == MODEL


def _fetch_all(root: str, cache: Path) -> dict[str, bytes]:
    return files(fetch_folder(RemoteStore(root), "runs/1/model/", listing_of(root), cache))


def listing_of(root: str) -> dict[str, tuple[int, str]]:
    store = LocalStore(root)
    start = "runs/1/model/"
    return {entry.key.removeprefix(start): (entry.size, sha(store.get(entry.key))) for entry in store.list(start)}


def test_processes_share_a_cache(remote: RemoteStore, cache: Path) -> None:
    with multiprocessing.get_context("forkserver").Pool(8) as pool:
        results = pool.starmap(_fetch_all, [(remote.root, cache)] * 8, chunksize=1)
    assert results == [MODEL] * 8
    assert not list(cache.rglob(".tmp-*"))

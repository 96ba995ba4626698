import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.servers import MotoServer, S3Server, own_server
from libelle.stores.base import Store, in_parallel
from libelle.stores.local import LocalStore
from libelle.stores.minio import MinioStore
from libelle.stores.s3 import PATIENT

_PLACES = ["local", "moto", pytest.param("ceph", marks=pytest.mark.slow)]
if own_server():
    _PLACES.append("own")


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Put these variables, and no others that hold credentials, into the environment."""

    def use(variables: dict[str, str]) -> None:
        for name in [name for name in os.environ if name.startswith(("AWS_", "MINIO_"))]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return use


@pytest.fixture
def moto_server(session_moto: MotoServer, credentials: Callable[[dict[str, str]], None]) -> Iterator[MotoServer]:
    credentials(session_moto.credentials)
    yield session_moto
    session_moto.faults.clear()
    session_moto.down = False


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are repeated at once."""
    at_once = PATIENT._replace(retries=PATIENT.retries.new(backoff_factor=0))
    monkeypatch.setattr("libelle.stores.minio.PATIENT", at_once)
    monkeypatch.setattr("libelle.stores.minio._PAUSE", 0)


@pytest.fixture
def moto_store(moto_server: MotoServer) -> MinioStore:
    """An empty bucket of a server that can be made to fail."""
    store = moto_server.store()
    store.check()
    return store


@pytest.fixture
def ceph_server(session_ceph: S3Server, credentials: Callable[[dict[str, str]], None]) -> S3Server:
    credentials(session_ceph.credentials)
    return session_ceph


@pytest.fixture(params=_PLACES)
def store(
    request: pytest.FixtureRequest, tmp_path: Path, credentials: Callable[[dict[str, str]], None]
) -> Iterator[Store]:
    """An empty store, of each kind in turn."""
    if request.param == "local":
        yield LocalStore(str(tmp_path / "store"))
        return
    if request.param == "own":
        server = own_server()
        assert server is not None
        credentials(server.credentials)
    else:
        server = request.getfixturevalue(f"{request.param}_server")
    store = server.store()
    store.check()
    yield store
    if request.param == "own":
        _remove(store, with_bucket=server.bucket is None)


def _remove(store: MinioStore, with_bucket: bool) -> None:
    in_parallel(store.delete, [entry.key for entry in store.list("")])
    if with_bucket:
        store._client.remove_bucket(store.bucket)

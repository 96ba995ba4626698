"""Requests to a bucket that go wrong in every way: what is stored stays whole, and what is said is true."""

import random
from collections.abc import Callable, Iterator
from itertools import count as numbers
from pathlib import Path

import pytest

from faults.kills import WRONG
from faults.proxy import KINDS, Message, Proxy, proxied
from helpers.counts import SEED, Count, some
from helpers.servers import S3Server
from libelle.errors import UserError
from libelle.stores.minio import MinioStore

pytestmark = [pytest.mark.slow, pytest.mark.faults]

OLD, NEW = b"old" * 1000, b"new" * 1000
#: A list has no checksum: over plain HTTP nobody sees that one was changed on its way, or is an earlier one.
UNSEEN = ("reply flipped", "stale list")


@pytest.fixture(params=["moto", "ceph"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    server = request.getfixturevalue(f"session_{request.param}")
    for name, value in server.credentials.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def proxy(server: S3Server) -> Iterator[Proxy]:
    with proxied(server.endpoint) as proxy:
        yield proxy


class Trials:
    """Requests of each kind to a store behind a proxy, and what came of them.

    Attributes:
        direct: the same store, without the proxy.
        counts: of outcomes.
        found: sentences on what was wrong.
    """

    def __init__(self, proxy: Proxy, server: S3Server, folder: Path) -> None:
        self.direct = server.store()
        self.direct.check()
        self.store = MinioStore(proxy.endpoint, self.direct.bucket, secure=False)
        self.proxy, self.folder, self.number = proxy, folder, numbers()
        self.store.folders("")  # the server is asked for its region once
        self.counts = {"faults": 0, "done": 0, "refused": 0, **dict.fromkeys(WRONG, 0)}
        self.found: list[str] = []
        (folder / "file").write_bytes(NEW)

    def operations(self) -> dict[str, Callable[[str], None]]:
        return {
            "put": lambda key: self._replaced(key, lambda: self.store.put(key, NEW)),
            "put_file": lambda key: self._replaced(key, lambda: self.store.put_file(key, self.folder / "file")),
            "get": self._got,
            "get_file": self._copied,
            "list": self._listed,
            "folders": self._folders,
            "delete": self._deleted,
            "claim": self._claimed,
            "claim of what is taken": self._not_claimed,
        }

    def run(self, kind: str, strikes: int) -> None:
        """Try each operation, of which the first requests befalls a fault of a kind."""
        for name, operation in self.operations().items():
            key = f"runs/{next(self.number)}/key"
            if not name.startswith("claim") or "taken" in name:
                self.direct.put(key, OLD)
            self.kind, self.what = kind, f"{kind}, {name}"
            done = self.proxy.done.total()
            self.proxy.fault = strike(kind, strikes)
            try:
                operation(key)
            except Exception as error:
                self.wrong("crashed", f"{type(error).__name__}: {error}")
            self.proxy.fault = lambda _: None
            self.counts["faults"] += self.proxy.done.total() - done

    def wrong(self, outcome: str, sentence: str) -> None:
        self.counts[outcome] += 1
        self.found.append(f"{self.what}: {outcome}: {sentence}")

    def ask(self, work: Callable[[], object]) -> tuple[bool, object]:
        """What a request comes to: whether it was done, and its result."""
        try:
            result = work()
        except UserError:
            self.counts["refused"] += 1
            return False, None
        self.counts["done"] += 1
        return True, result

    def _replaced(self, key: str, work: Callable[[], None]) -> None:
        done, _ = self.ask(work)
        there = self._there(key)
        if there not in (OLD, NEW, None):
            self.wrong("half-used", f"{len(there)} bytes of neither content")
        elif done and there not in (NEW, None):
            self.wrong("lost", "said to be written, and is not")

    def _there(self, key: str) -> bytes | None:
        """What is stored; None where it is known to be damaged: moto does not compare the checksums of a request."""
        try:
            return self.direct.get(key)
        except UserError:
            if self.kind != "request flipped":
                raise
            return None

    def _got(self, key: str) -> None:
        try:
            done, content = self.ask(lambda: self.store.get(key))
        except KeyError:
            self.counts["refused"] += 1
            if self.kind != "404 of what is there":
                self.wrong("lost", "said not to be there")
            return
        if done and content != OLD:
            self.wrong("believed", repr(content)[:80])

    def _copied(self, key: str) -> None:
        path = self.folder / "copy"
        try:
            done, _ = self.ask(lambda: self.store.get_file(key, path))
        except KeyError:
            self.counts["refused"] += 1
            return
        if done and path.read_bytes() != OLD:
            self.wrong("believed", "another content")

    def _listed(self, key: str) -> None:
        done, found = self.ask(lambda: [entry.key for entry in self.store.list(key)])
        if done and found != [key] and self.kind not in UNSEEN:
            self.wrong("believed", f"{found} for {key}")

    def _folders(self, key: str) -> None:
        done, found = self.ask(lambda: self.store.folders("runs/"))
        if done and key.split("/")[1] not in list(found) and self.kind not in UNSEEN:  # type: ignore[call-overload]
            self.wrong("believed", f"no {key} among the folders")

    def _deleted(self, key: str) -> None:
        done, _ = self.ask(lambda: self.store.delete(key))
        if done and self.kind not in ("a page of the network", "404 of what is there") and list(self.direct.list(key)):
            self.wrong("lost", "said to be deleted, and is there")

    def _claimed(self, key: str) -> None:
        done, won = self.ask(lambda: self.store.create_if_absent(key, NEW))
        there = [self._there(entry.key) for entry in self.direct.list(key)]
        if done and bool(won) != (there in ([NEW], [None])):
            self.wrong("lost", f"a claim that is {'won' if won else 'lost'}, and {len(there)} objects are there")

    def _not_claimed(self, key: str) -> None:
        done, won = self.ask(lambda: self.store.create_if_absent(key, NEW))
        if (done and won) or self.direct.get(key) != OLD:
            self.wrong("doubled", "two have claimed it")


def strike(kind: str, times: int) -> Callable[[Message], str | None]:
    """Which request befalls a fault: the next ones that it can befall."""
    left = [times]

    def fault(request: Message) -> str | None:
        possible = {
            "stale list": request.is_list,
            "404 of what is there": not request.is_list and "location" not in request.first_line,
            "request flipped": bool(request.body),
            "request cut short": bool(request.body),
        }
        if left[0] == 0 or not possible.get(kind, True):
            return None
        left[0] -= 1
        return kind

    return fault


def hurry(patch: pytest.MonkeyPatch, seconds: float = 10.0) -> None:
    """Repeat requests soon, and wait for no answer longer than some seconds."""
    from libelle.stores import minio, s3

    for name in ("PATIENT", "HASTY"):
        patience = getattr(s3, name)
        soon = patience._replace(
            retries=patience.retries.new(backoff_factor=0.02), timeout=s3.Timeout(connect=3, read=seconds)
        )
        patch.setattr(minio, name, soon)
    patch.setattr(minio, "_PAUSE", 0.01)


def test_faulty_requests(
    server: S3Server, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    chance = random.Random(SEED)
    wrong = []
    for kind in KINDS[: some(len(KINDS))]:
        hurry(monkeypatch, 1.0 if kind == "no reply in time" else 10.0)
        trials = Trials(proxy, server, tmp_path)
        for strikes in (1, chance.choice([2, 3])):
            trials.run(kind, strikes)
        count(f"{kind}, {type(server).__name__}", trials.counts)
        wrong += trials.found
    assert not wrong, "\n".join(wrong)

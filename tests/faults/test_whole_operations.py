"""Trainings and publications while requests to the bucket go wrong: what is refused is kept, and done later."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.going_on import same
from faults.kills import TRAIN, WRONG, Before, Faults, Place
from faults.proxy import KINDS, Message, Proxy, proxied
from faults.test_requests import hurry
from helpers.counts import SEED, Count, some
from helpers.servers import MotoServer, S3Server
from libelle import published
from libelle.errors import UserError
from libelle.runs.run import COMPLETED
from libelle.stores.minio import MinioStore

pytestmark = [pytest.mark.slow, pytest.mark.faults]

#: Which share of requests goes wrong.
SHARE = 0.2
#: Connections that are lost, before or after the server has done what it was asked.
LOSSES = ("reset before the server", "reset after the server", "empty reply", "connection refused")


@pytest.fixture
def proxy(session_moto: MotoServer) -> Iterator[Proxy]:
    with proxied(session_moto.endpoint) as proxy:
        yield proxy


def place_at(proxy: Proxy, server: S3Server, home: Path, patch: pytest.MonkeyPatch) -> Place:
    """A filled place whose store is a bucket behind the proxy."""
    for name, value in server.credentials.items():
        patch.setenv(name, value)
    store = MinioStore(proxy.endpoint, server.store().bucket, secure=False)
    options = ["store=minio", "store.secure=false", f"store.endpoint={store.endpoint}", f"store.bucket={store.bucket}"]
    place = Place(home, store, options, Faults())
    place.prepare()
    assert place.faults.found == []
    return place


def some_requests(kind: Callable[[], str], share: float, chance: random.Random) -> Callable[[Message], str | None]:
    """A share of all requests goes wrong, so that none does so again and again: that would be another fault."""
    return lambda _: kind() if chance.random() < share else None


def use(place: Place, fault: Callable[[Message], str | None], proxy: Proxy, first: str) -> dict[str, int]:
    """Train, choose and publish while requests go wrong; then send what was kept, and look; returns counts."""
    before, known = proxy.done.total(), Before.of(place)
    refused = 0
    chosen, publish = ["threshold.py", "value=0.4"], ["publish.py", "name=forms"]
    for command in (["train.py", *TRAIN], [*chosen, f"run_id={first}"], [*publish, f"run_id={first}"]):
        proxy.fault = fault
        refused += place.status(*command) == 2
        proxy.fault = lambda _: None
    place.runs("sync")
    for run_id, status in place.statuses().items():
        if status == COMPLETED:
            same(place, first, run_id)
    place.look(known, 0)
    versions = published.versions(place.store, "forms")
    if published.find(place.store, "forms").version != versions[-1].version:
        place.faults.add("lost", "the last version is not current")
    place.settle()
    return {"faults": proxy.done.total() - before, "commands": 3, "refused": refused}


def test_whole_operations_while_requests_go_wrong(
    home: Path, session_moto: MotoServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    hurry(monkeypatch)
    place = place_at(proxy, session_moto, home, monkeypatch)
    first, chance, wrong = place.ids()[0], random.Random(SEED), []
    # moto takes a request whose checksum is wrong; real servers do not, which `test_requests.py` shows.
    kinds = [kind for kind in KINDS if kind != "request flipped"]
    for kind in kinds[: some(len(kinds))]:
        hurry(monkeypatch, 1.0 if kind == "no reply in time" else 10.0)
        counts = use(place, some_requests(lambda kind=kind: kind, SHARE, chance), proxy, first)  # type: ignore[misc]
        counts |= {each: place.faults.number(each) for each in WRONG}
        count(f"{kind}, whole operations", counts)
        wrong += [f"{kind}: {each}: {sentence}" for each, sentence in place.faults.found]
        place.faults.found.clear()
    assert not wrong, "\n".join(wrong)


def test_three_connections_of_ten_are_lost(
    home: Path, session_moto: MotoServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    place = place_at(proxy, session_moto, home, monkeypatch)
    chance = random.Random(SEED)
    proxy.fault = some_requests(lambda: chance.choice(LOSSES), 0.3, chance)
    checks, refused = some(40), 0
    for _ in range(checks):
        try:
            MinioStore(proxy.endpoint, place.store.bucket, secure=False).check()
        except UserError:
            refused += 1
    count(
        "checks of the store, 3 of 10 connections lost",
        {"faults": proxy.done.total(), "done": checks - refused, "refused": refused},
    )
    before = proxy.done.total()
    operations = [["train.py", *TRAIN], ["publish.py", "name=forms", f"run_id={place.ids()[0]}"], ["runs.py", "sync"]]
    statuses = [place.status(*command) for command in operations]
    proxy.fault = lambda _: None
    done = statuses.count(0)
    count(
        "whole operations, 3 of 10 connections lost",
        {"faults": proxy.done.total() - before, "done": done, "refused": len(statuses) - done},
    )
    assert (refused, statuses) == (0, [0, 0, 0])
    assert published.find(place.store, "forms").version == 2
    assert place.faults.found == []

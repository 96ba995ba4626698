"""Commands that publish, choose a threshold, sync and clean up, killed at their steps and at random moments."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.going_on import choose, publish, sync
from faults.kills import TRAIN, Place, kill_all
from faults.places import remade
from faults.warm import Warm
from helpers.counts import Count
from libelle.errors import UserError
from libelle.files import TEMPORARY
from libelle.stores.local import LocalStore

pytestmark = [pytest.mark.slow, pytest.mark.faults]

PUBLISH = ["publish.py", "name=forms", "threshold=0.3"]
CHOOSE = ["threshold.py", "value=0.4"]


def test_a_publication_that_is_killed(warm: Warm, make: Callable[[], Place], count: Count) -> None:
    command = [*PUBLISH, f"run_id={make().ids()[0]}"]
    counts, found = kill_all(warm, 45, command, make, lambda place, turn: publish(place, command, turn))
    count("kills of publish", counts)
    assert not found, found


def test_a_choice_of_a_threshold_that_is_killed(warm: Warm, make: Callable[[], Place], count: Count) -> None:
    counts, found = kill_all(warm, 40, CHOOSE, make, lambda place, turn: choose(place, CHOOSE, turn))
    count("kills of threshold", counts)
    assert not found, found


def test_a_sync_that_is_killed(warm: Warm, make: Callable[[], Place], count: Count) -> None:
    place = make()
    run_id = place.ids()[0]
    base = json.loads(place.store.get("based/based/current.json"))["version"]
    with pytest.MonkeyPatch.context() as patch:
        fail(patch, "predictions", "threshold.json", "pipeline.json", "prepared.json")
        for command in (["train.py", *TRAIN], ["train.py", "mode=prepare", *TRAIN], [*CHOOSE, f"run_id={run_id}"]):
            keep(place, command)
        keep(place, [*PUBLISH, f"run_id={run_id}"])
    kept = remade(place, "unsent")
    counts, found = kill_all(warm, 45, ["runs.py", "sync"], kept, lambda place, _: sync(place, base))
    count("kills of sync", counts)
    assert not found, found


def fail(patch: pytest.MonkeyPatch, *words: str) -> None:
    """Have a local store fail where it is to write a key that holds a word; what is kept on this machine is written."""
    for name in ("put", "put_file", "take_file"):
        write = getattr(LocalStore, name)

        def refuse(store: LocalStore, key: str, data: bytes | Path, write: Callable[..., None] = write) -> None:
            if Path(store.root).name == "store" and any(word in key for word in words):
                raise UserError("as asked.")
            write(store, key, data)

        patch.setattr(LocalStore, name, refuse)


def keep(place: Place, command: list[str]) -> None:
    """Run a command whose store fails."""
    before = len(place.faults.found)
    place.succeed(*command)
    assert "kept whole" in place.faults.found.pop()[1]
    assert len(place.faults.found) == before


def test_a_cleaning_that_is_killed(warm: Warm, make: Callable[[], Place], count: Count) -> None:
    place = make()
    for at, by in ((150, 9), (250, 9), (200, 15)):
        warm.run("train.py", *TRAIN, cwd=place.folder, at=at, by=by)
    warm.run(*PUBLISH, f"run_id={place.ids()[0]}", cwd=place.folder, at=60)
    owner = {"run_id": place.ids()[0], "host": socket.gethostname(), "pid": 1 << 30}
    place.store.put("published/forms/9/claim.json", json.dumps(owner).encode())
    Path(place.folder, "store", f"{TEMPORARY}{owner['host']}-{owner['pid']}-x").write_bytes(b"x")
    dead = remade(place, "dead")
    counts, found = kill_all(warm, 35, ["runs.py", "clean", "yes=true"], dead, lambda place, _: None)
    count("kills of clean", counts)
    assert not found, found

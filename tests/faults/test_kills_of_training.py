"""Commands that train, prepare and resume, killed at their steps and at random moments."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.kills import TRAIN, Faults, Place, copy, kill_all
from faults.warm import Warm
from helpers.counts import Count
from helpers.scripts import call
from libelle.runs.run import COMPLETED
from libelle.stores.local import LocalStore
from libelle.training.bases import read_base

pytestmark = [pytest.mark.slow, pytest.mark.faults]


@pytest.fixture
def make(template: Path) -> Callable[[], Place]:
    """Makes the filled place anew."""

    def anew() -> Place:
        home = copy(template, template.with_name("home"))
        (home / "tmp").mkdir(exist_ok=True)
        return Place(home, LocalStore(root=str(home / "store")), [], Faults())

    return anew


def finish(place: Place, known: str, turn: int) -> None:
    """Resume, or send, what was begun and is not whole; each second time it is left to who cleans up."""
    for run_id, status in place.statuses().items():
        if run_id == known or turn % 2:
            continue
        if status not in ("lost", "failed", COMPLETED):
            place.faults.add("lost", f"{run_id} is {status} though its process died")
        if status != COMPLETED:
            resume(place, run_id)
        if place.open(run_id).manifest.status == COMPLETED:
            same(place, known, run_id)


def resume(place: Place, run_id: str) -> None:
    answer = call("train.py", f"resume={run_id}", *place.options, cwd=place.folder)
    place.judge("resume", answer.returncode, answer.stderr)
    if "runs.py sync" in answer.stderr:
        place.runs("sync")
    elif answer.returncode != 0 and "nothing is left of it" in answer.stderr:
        return  # killed between its first two steps: it had not begun
    if place.open(run_id).manifest.status != COMPLETED:
        place.faults.add("lost", f"{run_id} cannot be resumed: {answer.stderr[-1000:]}")


def same(place: Place, known: str, run_id: str) -> None:
    """A run that was killed comes to the same as one that was not."""
    for name in ("predictions.parquet", "metrics.json", "split.parquet"):
        if place.open(run_id).read(name) != place.open(known).read(name):
            place.faults.add("believed", f"{run_id}.{name} is not that of a run that was not killed")


def test_a_training_that_is_killed(warm: Warm, make: Callable[[], Place], count: Count) -> None:
    def go_on(place: Place, turn: int) -> None:
        finish(place, place.ids()[0], turn)

    counts, found = kill_all(warm, 75, ["train.py", *TRAIN], make, go_on)
    count("kills of train", counts)
    assert found == []


def test_a_resumed_training_that_is_killed(warm: Warm, make: Callable[[], Place], count: Count) -> None:
    place = make()
    warm.run("train.py", *TRAIN, cwd=place.folder, at=250)
    killed = place.folder.rename(place.folder.with_name("killed"))

    def make_killed() -> Place:
        home = copy(killed, killed.with_name("home"))
        return Place(home, LocalStore(root=str(home / "store")), [], Faults())

    run_id = make_killed().ids()[1]

    def go_on(place: Place, turn: int) -> None:
        finish(place, place.ids()[0], turn - turn % 2)

    counts, found = kill_all(warm, 40, ["train.py", f"resume={run_id}"], make_killed, go_on)
    count("kills of resume", counts)
    assert found == []


def test_a_preparation_that_is_killed(warm: Warm, make: Callable[[], Place], count: Count) -> None:
    def version(place: Place) -> str:
        return str(json.loads(place.store.get("based/based/current.json"))["version"])

    def go_on(place: Place, turn: int) -> None:
        before = version(place)
        sent = place.runs("sync")
        if "sent" in sent and version(place) == before:
            place.faults.add("lost", "a base was sent, and is not the current one")
        if turn % 2:
            place.succeed("train.py", "mode=prepare", *TRAIN)
            if version(place) == before:
                place.faults.add("lost", "a base was prepared, and is not the current one")
        read_base(place.store, "based", place.folder / "read")

    counts, found = kill_all(warm, 50, ["train.py", "mode=prepare", *TRAIN], make, go_on)
    count("kills of prepare", counts)
    assert found == []

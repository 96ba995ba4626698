"""Commands that train, prepare and resume, killed at their steps and at random moments."""

import json
from collections.abc import Callable

import pytest

from faults.going_on import finish
from faults.kills import TRAIN, Place, kill_all
from faults.places import remade
from faults.warm import Warm
from helpers.counts import Count
from libelle.training.bases import read_base

pytestmark = [pytest.mark.slow, pytest.mark.faults]


def test_a_training_that_is_killed(warm: Warm, make: Callable[[], Place], count: Count) -> None:
    def go_on(place: Place, turn: int) -> None:
        finish(place, place.ids()[0], turn)

    counts, found = kill_all(warm, 60, ["train.py", *TRAIN], make, go_on)
    count("kills of train", counts)
    assert not found, found


def test_a_resumed_training_that_is_killed(warm: Warm, make: Callable[[], Place], count: Count) -> None:
    place = make()
    warm.run("train.py", *TRAIN, cwd=place.folder, at=100)
    make_killed = remade(place, "killed")
    run_id = make_killed().ids()[1]

    def go_on(place: Place, turn: int) -> None:
        finish(place, place.ids()[0], turn - turn % 2)

    counts, found = kill_all(warm, 30, ["train.py", f"resume={run_id}"], make_killed, go_on)
    count("kills of resume", counts)
    assert not found, found


def test_a_preparation_that_is_killed(warm: Warm, make: Callable[[], Place], count: Count) -> None:
    def version(place: Place) -> str:
        return str(json.loads(place.store.get("based/based/current.json"))["version"])

    before = version(make())

    def go_on(place: Place, turn: int) -> None:
        sent = place.runs("sync")
        if "sent" in sent and version(place) == before:
            place.faults.add("lost", "a base was sent, and is not the current one")
        if turn % 2:
            place.succeed("train.py", "mode=prepare", *TRAIN)
            if version(place) == before:
                place.faults.add("lost", "a base was prepared, and is not the current one")
        read_base(place.store, "based", place.folder / "read")

    counts, found = kill_all(warm, 35, ["train.py", "mode=prepare", *TRAIN], make, go_on)
    count("kills of prepare", counts)
    assert not found, found

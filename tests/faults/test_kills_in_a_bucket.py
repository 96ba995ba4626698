"""Commands whose store is a bucket, killed before their requests, after the answers, and at random moments."""

import pytest

from faults.going_on import choose, finish, publish
from faults.kills import TRAIN, Place, kill_all
from faults.warm import Warm
from helpers.counts import Count

pytestmark = [pytest.mark.slow, pytest.mark.faults]


def test_commands_that_are_killed_between_requests(warm: Warm, bucket: Place, count: Count) -> None:
    first = bucket.ids()[0]
    chosen, published = (
        ["threshold.py", "value=0.4", f"run_id={first}"],
        ["publish.py", "name=forms", f"run_id={first}"],
    )
    commands = {
        "train": (["train.py", *TRAIN], lambda place, turn: finish(place, first, turn)),
        "threshold": (chosen, lambda place, turn: choose(place, chosen, turn)),
        "publish": (published, lambda place, turn: publish(place, published, turn)),
    }
    wrong = ""
    for name, (command, go_on) in commands.items():
        counts, found = kill_all(warm, 10, command, lambda: bucket, go_on)
        count(f"kills of {name}, in a bucket", counts)
        wrong += found
    assert not wrong, wrong

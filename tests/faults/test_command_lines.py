"""Commands in processes of their own, killed at their steps: what the warmed process shows holds for them, too."""

import signal
from collections.abc import Callable

import pytest

from faults.going_on import finish
from faults.kills import TRAIN, Before, Place
from helpers.counts import Count
from helpers.killing import killed_at

pytestmark = [pytest.mark.slow, pytest.mark.faults]

STEPS = {
    "train.py": (
        "libelle.training.resuming:remember",
        "libelle.training.fitting:fit",
        "libelle.runs.sending:dispatch",
        "libelle.stores.outbox:Parcel.put",
        "libelle.runs.heartbeat:Heart.stop",
    ),
    "threshold.py": ("libelle.runs.run:Run.put_manifest", "libelle.stores.outbox:Parcel.discard"),
    "publish.py": ("libelle.publication:dispatch", "libelle.publication:read_version", "libelle.publication:locked"),
    "runs.py": ("libelle.runs.cleaning:erase", "libelle.stores.local:LocalStore.delete"),
}


def test_command_lines_that_are_killed(make: Callable[[], Place], count: Count) -> None:
    killed, wrong = 0, []
    place = make()
    first = place.ids()[0]
    commands = {
        "train.py": TRAIN,
        "threshold.py": ["value=0.4", f"run_id={first}"],
        "publish.py": ["name=forms", f"run_id={first}"],
        "runs.py": ["clean", "yes=true"],
    }
    for script, steps in STEPS.items():
        for turn, step in enumerate(steps):
            place = make()
            before = Before.of(place)
            if script == "runs.py":
                killed_at("libelle.training.fitting:fit", 1, "train.py", *TRAIN, cwd=place.folder)
            answer = killed_at(step, 1, script, *commands[script], cwd=place.folder)
            assert answer.returncode == -signal.SIGKILL, f"{script} {step}: {answer.stderr}"
            killed += 1
            place.look(before, turn)
            finish(place, first, turn)
            place.settle()
            place.look(before)
            wrong += [f"{script}, {step}: {kind}: {sentence}" for kind, sentence in place.faults.found]
    count("kills of command lines", {"killed": killed, "wrong": len(wrong)})
    assert not wrong, "\n".join(wrong)

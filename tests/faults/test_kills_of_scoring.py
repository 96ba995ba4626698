"""Scoring into a folder of parts, killed at its steps and at random moments, as are its workers."""

import random
from pathlib import Path

import pytest

from faults.warm import Warm
from helpers.counts import SEED, Count, some
from helpers.scoring import answers_in, parts
from helpers.scripts import call
from helpers.tiny import make_forms

pytestmark = [pytest.mark.slow, pytest.mark.faults]

#: Kills of the command or of a worker at a step, and at a moment.
AT_STEPS, AT_MOMENTS = 30, 20
SCORE = ["runtime.py", "input=forms", "workers=2", "report=true"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run, and files of forms, of which one has records that are refused."""
    place = tmp_path_factory.mktemp("scoring")
    make_forms().to_csv(place / "forms.csv", index=False)
    data = ["data=csv", "data.path=forms.csv", "data.id=form", "data.columns=employer,job,town", "data.target=label"]
    answer = call("train.py", *data, "model=naive_bayes", cwd=place)
    assert answer.returncode == 0, answer.stderr
    (place / "forms").mkdir()
    for number in range(12):
        forms = make_forms(50, seed=number).assign(form=[f"{number}-{row}" for row in range(50)])
        forms.to_csv(place / "forms" / f"{number:02}.csv", index=False)
    with (place / "forms" / "07.csv").open("a") as file:
        file.write("too,short\n")
    return place


def test_scoring_that_is_killed_loses_and_doubles_no_row(warm: Warm, place: Path, count: Count) -> None:
    whole = warm.run(*SCORE, "output=whole", cwd=place)
    assert whole.returncode == 0, whole.stderr
    expected, ids = parts(place / "whole"), answers_in(place / "whole")["id"]
    assert len(ids) == 600
    chance = random.Random(SEED)
    kills = [{"at": chance.randint(1, whole.steps)} for _ in range(some(AT_STEPS))]
    kills += [{"after": chance.uniform(0, 0.8 * whole.seconds)} for _ in range(some(AT_MOMENTS))]
    counts = dict.fromkeys(("kills", "ended", "finished before", "lost", "doubled", "other bytes"), 0)
    for number, kill in enumerate(kills):
        output = f"killed{number}"
        first = warm.run(*SCORE, f"output={output}", cwd=place, **kill)
        again = warm.run(*SCORE, f"output={output}", cwd=place)
        if "being written by another process" in again.stderr:  # a worker of the dead one is about to notice
            again = warm.run(*SCORE, f"output={output}", cwd=place)
        assert again.returncode == 0, again.stderr
        found = answers_in(place / output)["id"]
        counts["kills"] += 1
        counts["ended"] += first.returncode != 0
        counts["finished before"] += first.returncode == 0
        counts["lost"] += len(set(ids) - set(found))
        counts["doubled"] += len(found) - found.nunique()
        counts["other bytes"] += parts(place / output) != expected
        page = (place / f"{output}.report.html").read_text()
        assert page == (place / "whole.report.html").read_text()
    count("kills of scoring", counts)
    assert counts["ended"] > counts["kills"] / 2
    assert (counts["lost"], counts["doubled"], counts["other bytes"]) == (0, 0, 0)

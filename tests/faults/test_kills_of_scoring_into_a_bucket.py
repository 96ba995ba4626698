"""Scoring into a real bucket, killed at its steps, requests among them, and at random moments, as are its workers."""

import random
from pathlib import Path

import pytest

from faults.warm import Warm
from helpers.counts import SEED, Count, some
from helpers.scoring import bytes_in
from helpers.scripts import call
from helpers.servers import S3Server
from helpers.tiny import make_forms
from libelle.stores.minio import MinioStore

pytestmark = [pytest.mark.slow, pytest.mark.faults]

#: Kills of the command or of a worker at a step, and at a moment.
AT_STEPS, AT_MOMENTS = 20, 10
DATA = ["data=csv", "data.path=forms.csv", "data.id=form", "data.columns=employer,job,town", "data.target=label"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with forms to learn from, and files of forms to score."""
    place = tmp_path_factory.mktemp("scoring")
    make_forms().to_csv(place / "forms.csv", index=False)
    (place / "forms").mkdir()
    for number in range(8):
        forms = make_forms(50, seed=number).assign(form=[f"{number}-{row}" for row in range(50)])
        forms.to_csv(place / "forms" / f"{number:02}.csv", index=False)
    return place


@pytest.fixture(scope="module")
def reach(session_ceph: S3Server) -> tuple[MinioStore, list[str]]:
    """A bucket at the real gateway, and the arguments that reach it."""
    store = session_ceph.store()
    keys = [f"store.endpoint={store.endpoint}", f"store.bucket={store.bucket}", f"store.prefix={store.prefix}"]
    return store, ["store=minio", "store.secure=false", *keys]


def test_scoring_into_a_bucket_that_is_killed_goes_on_to_the_same_bytes(
    warm: Warm,
    place: Path,
    session_ceph: S3Server,
    reach: tuple[MinioStore, list[str]],
    count: Count,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in session_ceph.credentials.items():
        monkeypatch.setenv(name, value)
    store, keys = reach
    trained = call("train.py", *DATA, "model=naive_bayes", *keys, cwd=place)
    assert trained.returncode == 0, trained.stderr
    below = f"s3://{store.bucket}/{store.prefix}/" if store.prefix else f"s3://{store.bucket}/"
    score = ["runtime.py", "input=forms", "workers=2", *keys]
    whole = warm.run(*score, f"output={below}whole/", cwd=place)
    assert whole.returncode == 0, whole.stderr
    expected = bytes_in(store, "whole/")
    assert len(expected) == 8 + 8 + 1
    chance = random.Random(SEED)
    kills = [{"at": chance.randint(1, whole.steps)} for _ in range(some(AT_STEPS))]
    kills += [{"after": chance.uniform(0, 0.8 * whole.seconds)} for _ in range(some(AT_MOMENTS))]
    counts = dict.fromkeys(("kills", "ended", "finished before", "other bytes"), 0)
    for number, kill in enumerate(kills):
        first = warm.run(*score, f"output={below}killed{number}/", cwd=place, **kill)
        again = warm.run(*score, f"output={below}killed{number}/", cwd=place)
        assert again.returncode == 0, again.stderr
        found = {name: data for name, data in bytes_in(store, f"killed{number}/").items() if name[0] != "."}
        counts["kills"] += 1
        counts["ended"] += first.returncode != 0
        counts["finished before"] += first.returncode == 0
        counts["other bytes"] += found != expected
    count("kills of scoring into a bucket", counts)
    assert counts["ended"] > counts["kills"] / 2
    assert counts["other bytes"] == 0

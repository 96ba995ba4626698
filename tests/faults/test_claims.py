"""Run ids that many processes claim at once."""

from pathlib import Path

import pytest

from helpers.claims import begin_at_once
from helpers.counts import Count, some
from helpers.servers import S3Server
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.base import Store
from libelle.stores.local import LocalStore

pytestmark = [pytest.mark.slow, pytest.mark.faults]

PROCESSES, ROUNDS = 32, 20


@pytest.fixture(params=["local", "ceph"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    if request.param == "local":
        return LocalStore(root=str(tmp_path / "store"))
    server: S3Server = request.getfixturevalue("session_ceph")
    for name, value in server.credentials.items():
        monkeypatch.setenv(name, value)
    bucket = server.store()
    bucket.check()
    return bucket


def test_many_processes_begin_runs_at_once(store: Store, count: Count) -> None:
    rounds = some(ROUNDS)
    won = begin_at_once(store, PROCESSES, rounds)
    ids = [run_id for run_id, _ in won]
    doubled = len(ids) - len(set(ids))
    # Whose claim is another's in the store has lost it.
    lost = sum(Run.open(store, RunId.parse(run_id)).manifest.pid != pid for run_id, pid in won)
    numbers = sorted(RunId.parse(run_id).number for run_id in set(ids))
    gaps = 0 if len({run_id.partition("_")[0] for run_id in ids}) > 1 else numbers[-1] - len(numbers)  # a midnight
    count(
        f"claims in {type(store).__name__}",
        {"processes": PROCESSES, "rounds": rounds, "claims": len(won), "doubled": doubled, "lost": lost, "gaps": gaps},
    )
    assert len(won) == PROCESSES * rounds
    assert (doubled, lost, gaps) == (0, 0, 0)

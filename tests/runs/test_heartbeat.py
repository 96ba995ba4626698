"""Whether a run still goes on: by its process on this machine, by its heartbeat on another."""

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from libelle.errors import UserError
from libelle.runs.heartbeat import HEARTBEAT, Heart, as_seen, beating, this_process
from libelle.runs.run import COMPLETED, LOST, RUNNING, Run
from libelle.stores.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(root=str(tmp_path))


def begun(store: LocalStore, host: str | None, pid: int | None, beat: timedelta | None = None) -> Run:
    run = Run.begin(store, host=host, pid=pid)
    if beat is not None:
        said = {"host": host, "pid": pid, "time": (datetime.now().astimezone() - beat).isoformat()}
        store.put(run.key(HEARTBEAT), json.dumps(said).encode())
    return run


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def seen(store: LocalStore, run: Run) -> str:
    return as_seen(store, run.manifest).status


def test_on_this_machine_the_process_counts(store: LocalStore) -> None:
    host, _ = this_process()
    assert seen(store, begun(store, host, os.getpid())) == RUNNING
    assert seen(store, begun(store, host, dead_process(), beat=timedelta())) == LOST


def test_on_another_machine_the_heartbeat_counts(store: LocalStore) -> None:
    assert seen(store, begun(store, "elsewhere", 1, beat=timedelta(minutes=1))) == RUNNING
    assert seen(store, begun(store, "elsewhere", 1, beat=timedelta(hours=1))) == LOST
    assert seen(store, begun(store, "elsewhere", 1)) == RUNNING  # begun just now


def test_of_a_run_of_an_earlier_libelle_nothing_is_known(store: LocalStore) -> None:
    assert seen(store, begun(store, None, None)) == RUNNING


def test_a_damaged_heartbeat_counts_as_none(store: LocalStore) -> None:
    run = begun(store, "elsewhere", 1)
    store.put(run.key(HEARTBEAT), b"[" * 1000)
    assert seen(store, run) == RUNNING


def test_a_heart_beats_at_once_and_leaves_nothing_behind(store: LocalStore) -> None:
    run = begun(store, *this_process())
    with beating(run) as heart:
        heart.stop()
    assert [entry.key for entry in store.list("")] == [run.key("manifest.json")]
    heart = Heart(run)
    heart.end()
    assert json.loads(store.get(run.key(HEARTBEAT)))["pid"] == os.getpid()
    run.finish(COMPLETED)
    assert seen(store, run) == COMPLETED


def test_a_store_that_is_away_fails_no_run(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(store, *this_process())

    def away(*_: object) -> None:
        raise UserError("the store is away.")

    monkeypatch.setattr(LocalStore, "put", away)
    monkeypatch.setattr(LocalStore, "delete", away)
    with beating(run) as heart:
        heart.stop()

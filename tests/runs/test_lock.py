"""Locks that their holders renew, and what a holder that slept may still do."""

import threading
from pathlib import Path

import pytest

from libelle.errors import UserError
from libelle.runs import lock
from libelle.runs.lock import locked
from libelle.runs.run import COMPLETED, Run
from libelle.stores.local import LocalStore

KEY = "runs/a.lock"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(root=str(tmp_path))


@pytest.fixture
def asleep(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds by which the clock of this process has jumped, as after a sleep; and nobody renews by itself."""
    jumped = [0.0]
    now = lock._now
    monkeypatch.setattr(lock, "_now", lambda: now() + jumped[0])
    monkeypatch.setattr(lock, "_renew", lambda *_: None)
    return jumped


def test_a_holder_that_slept_does_not_overwrite_a_later_choice(store: LocalStore, asleep: list[float]) -> None:
    run = Run.begin(store)
    run.finish(COMPLETED)
    run.change("choice.txt", lambda _: b"first")

    def slow(before: bytes | None) -> bytes:
        # Whoever waits sees the same lock for longer than a lease lasts, takes it over, and chooses.
        lock.remove(store, run.key("threshold.json.lock"), store.get(run.key("threshold.json.lock")))
        Run.open(store, run.id).change("choice.txt", lambda before: (before or b"") + b" later")
        return (before or b"") + b" slept"

    with pytest.raises(UserError, match=f"run_id={run.id} was changed by others while this command slept"):
        Run.open(store, run.id).change("choice.txt", slow)
    assert Run.open(store, run.id).verify().read("choice.txt") == b"first later"
    assert list(store.list(run.key("threshold.json.lock"))) == []


def test_a_lease_that_has_run_out_is_not_renewed_even_where_nobody_took_it(
    store: LocalStore, asleep: list[float]
) -> None:
    with locked(store, KEY, "run_id=x") as lease:
        lease.require()
        asleep[0] += 2 * lock.DIED
        lease.renew()
        with pytest.raises(UserError, match="say it again"):
            lease.require()


def test_a_holder_that_works_for_long_keeps_its_lock(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "DIED", 1.0)
    renewed, put = threading.Semaphore(0), LocalStore.put

    def watched(self: LocalStore, key: str, data: bytes) -> None:
        put(self, key, data)
        renewed.release()

    monkeypatch.setattr(LocalStore, "put", watched)
    others: list[bytes] = []

    def wait() -> None:
        with locked(store, KEY, "run_id=x"):
            others.append(store.get(KEY))

    with locked(store, KEY, "run_id=x") as lease:
        waiting = threading.Thread(target=wait)
        waiting.start()
        for _ in range(8):  # longer than a lease lasts
            assert renewed.acquire(timeout=60)
        lease.require()
        assert others == []
    waiting.join()
    assert len(others) == 1
    assert list(store.list(KEY)) == []

"""Choices of a threshold for a run that lives in the store: one at a time, all remembered, whole when cut short."""

import copy
import threading
from pathlib import Path

import pytest

from helpers.servers import MotoServer, lose_answer, refuse
from libelle.errors import UserError
from libelle.evaluation.threshold import decide, save
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.pipeline import Pipeline
from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.base import Store, in_parallel
from libelle.stores.local import LocalStore
from libelle.stores.s3 import PATIENT


def put_run(store: Store, trained: tuple[LocalStore, str]) -> Run:
    local, run_id = trained
    run_id = RunId.parse(run_id)
    in_parallel(lambda entry: store.put(entry.key, local.get(entry.key)), local.list(run_id.folder))
    return Run.open(store, run_id)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def run(store: Store, trained: tuple[LocalStore, str]) -> Run:
    return put_run(store, trained)


def reopened(run: Run) -> Run:
    """The run as another machine finds it: over connections of its own."""
    return Run.open(copy.copy(run.store), run.id)


def values(run: Run) -> list[float]:
    """All choices so far, by the file, whose checksum is the manifest's."""
    choice = reopened(run).verify().read_threshold()
    return [] if choice is None else [item["value"] for item in choice["history"]]


def choose(run: Run, value: float) -> None:
    save(run, decide(run, ThresholdRequest(value=value)))


def test_a_choice_is_kept_applied_and_published(run: Run) -> None:
    with pytest.raises(UserError, match="no chosen threshold"):
        publish(run.store, reopened(run), "forms")
    for value in (0.25, 0.75):
        choose(reopened(run), value)
        assert Pipeline.load(str(run.id), run.store).rule.threshold == value
    assert values(run) == [0.25, 0.75]
    publish(run.store, reopened(run), "forms")
    choose(reopened(run), 0.5)
    assert Pipeline.load("forms", run.store).rule.threshold == 0.75
    publish(run.store, reopened(run), "forms")
    assert [Pipeline.load(name, run.store).rule.threshold for name in ("forms", "forms@1")] == [0.5, 0.75]


def test_choices_at_once_are_made_one_after_the_other(run: Run) -> None:
    targets = [number / 10 for number in range(1, 7)]
    workers = [threading.Thread(target=choose, args=(reopened(run), target)) for target in targets]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(values(run)) == targets
    assert Pipeline.load(str(run.id), run.store).rule.threshold == values(run)[-1]
    assert not [entry.key for entry in run.store.list(run.id.folder) if entry.key.endswith(".lock")]


def test_a_choice_waits_for_the_one_that_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, refused, go_on = threading.Event(), threading.Event(), threading.Event()
    claim = type(run.store).create_if_absent

    def watched(store: Store, key: str, data: bytes) -> bool:
        claimed = claim(store, key, data)
        if not claimed:
            refused.set()
        return claimed

    def slowly(before: bytes | None) -> bytes:
        begun.set()
        assert go_on.wait(60)
        return b"slow"

    monkeypatch.setattr(type(run.store), "create_if_absent", watched)
    slow = threading.Thread(target=reopened(run).change, args=("note.txt", slowly))
    slow.start()
    assert begun.wait(60)
    quick = threading.Thread(target=reopened(run).change, args=("note.txt", lambda before: before + b" and quick"))
    quick.start()
    assert refused.wait(60)
    go_on.set()
    slow.join()
    quick.join()
    assert reopened(run).verify().read("note.txt") == b"slow and quick"


def test_the_lock_of_a_machine_that_died_is_taken_over(run: Run) -> None:
    run.store.put(run.key("threshold.json.lock"), b"somebody")
    choose(run, 0.3)
    assert values(run) == [0.3]


@pytest.fixture
def moto_run(moto_server: MotoServer, trained: tuple[LocalStore, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    at_once = PATIENT._replace(retries=PATIENT.retries.new(backoff_factor=0))
    monkeypatch.setattr("libelle.stores.minio.PATIENT", at_once)
    monkeypatch.setattr("libelle.stores.minio._PAUSE", 0)
    store = moto_server.store()
    store.check()
    return put_run(store, trained)


@pytest.mark.parametrize("earlier", [[], [0.25]])
@pytest.mark.parametrize("name", ["threshold.json", "manifest.json"])
def test_a_choice_that_the_server_refuses_leaves_a_whole_run(
    moto_run: Run, moto_server: MotoServer, name: str, earlier: list[float]
) -> None:
    for value in earlier:
        choose(moto_run, value)
    moto_server.faults.append(("PUT", moto_run.key(name), refuse("403 Forbidden", "AccessDenied")))
    with pytest.raises(UserError, match="not enough rights"):
        choose(reopened(moto_run), 0.75)
    assert moto_server.faults == []
    assert values(moto_run) == earlier
    choose(reopened(moto_run), 0.5)  # the lock was given back
    assert values(moto_run) == [*earlier, 0.5]


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("PUT", "threshold.json.lock"),
        ("PUT", "threshold.json"),
        ("PUT", "manifest.json"),
        ("DELETE", "threshold.json.lock"),
    ],
)
def test_a_choice_whose_answers_are_lost_is_saved_once(
    moto_run: Run, moto_server: MotoServer, method: str, name: str
) -> None:
    moto_server.faults += [(method, moto_run.key(name), lose_answer)]
    choose(moto_run, 0.75)
    assert values(moto_run) == [0.75]
    assert moto_server.faults == []
    assert not [entry.key for entry in moto_run.store.list("") if entry.key.endswith(".lock")]

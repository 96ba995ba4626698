"""Folders that dead processes have left on this machine go, and those from which something comes again stay."""

import json
import os
import socket
from pathlib import Path

import pytest

from helpers.killing import killed_at
from helpers.scripts import call
from helpers.tiny import make_forms
from libelle.files import SCRATCH
from libelle.runs.cleaning import Choice, leftovers
from libelle.runs.run import Run
from libelle.stores.local import LocalStore

HOST = socket.gethostname()
DEAD = 1 << 30
TRAIN = [
    *("data=csv", "data.path=forms.csv", "data.id=form", "data.columns=employer,job,town", "data.target=label"),
    "model=naive_bayes",
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    make_forms().to_csv(tmp_path / "forms.csv", index=False)
    return tmp_path


def folders(place: Path) -> list[Path]:
    return sorted((place / "state" / "libelle").glob("*/*"))


def clean(place: Path) -> None:
    answer = call("runs.py", "clean", "yes=true", cwd=place)
    assert answer.returncode == 0, answer.stderr


def found(store: LocalStore, kind: str) -> list[str]:
    return [item.name for item in leftovers(store, [], Choice()) if item.kind == kind]


def test_the_folder_of_a_lost_run_goes_with_it(place: Path) -> None:
    killed_at("libelle.training.run_files:keep", 1, "train.py", *TRAIN, cwd=place)
    assert len(folders(place)) == 1
    clean(place)
    assert folders(place) == []


def test_folders_of_the_dead_go_and_one_that_a_living_process_made_stays(place: Path) -> None:
    state = place / "state" / "libelle"
    for name in (f"work/{SCRATCH}{HOST}-{DEAD}-a", "unsent/run-2026-01-01_1-a/objects", f"work/{SCRATCH}elsewhere-1-a"):
        (state / name).mkdir(parents=True)
    clean(place)
    assert [path.name for path in folders(place)] == [f"{SCRATCH}elsewhere-1-a"]


def test_a_run_whose_process_died_before_its_first_heartbeat_is_lost(place: Path) -> None:
    store = LocalStore(root=str(place / "store"))
    run = Run.begin(store, host=HOST, pid=DEAD)
    assert found(store, "lost runs") == [str(run.id)]


def test_a_resumed_run_is_not_lost_though_its_heartbeat_is_still_that_of_the_process_before(place: Path) -> None:
    store = LocalStore(root=str(place / "store"))
    run = Run.begin(store, host=HOST, pid=os.getpid())
    store.put(run.key("heartbeat.json"), json.dumps({"host": HOST, "pid": DEAD, "time": "x"}).encode())
    assert found(store, "lost runs") == []

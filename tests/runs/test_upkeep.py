"""Notes on runs, and deleting them, through the command."""

import json
import shutil
from pathlib import Path

import pytest

from helpers.place import files_below
from helpers.scripts import call
from libelle.errors import UserError
from libelle.runs import upkeep
from libelle.runs.ids import RunId
from libelle.runs.run import COMPLETED, Run
from libelle.stores.local import LocalStore


@pytest.fixture
def place(compared: Path, tmp_path: Path) -> Path:
    """A copy, with three runs, that a test may change."""
    shutil.copytree(compared, tmp_path / "place")
    return tmp_path / "place"


@pytest.fixture
def ids(place: Path) -> list[str]:
    return sorted(f"{path.parent.name}_{path.name}" for path in place.glob("store/runs/*/*"))


def folder(place: Path, run_id: str) -> Path:
    return place / "store" / RunId.parse(run_id).folder


def test_a_note_is_shown_by_list_and_show_and_taken_away(place: Path, ids: list[str]) -> None:
    text = 'premier essai,  l\'été = 50 % "bio" ${x}'
    answer = call("runs.py", "note", ids[0], f"text={text}", cwd=place)
    assert answer.returncode == 0, answer.stderr
    noted = " ".join(text.split())
    for verb in (["list"], ["show", ids[0]]):
        assert noted in call("runs.py", *verb, cwd=place).stdout
    listed = json.loads(call("runs.py", "list", "format=json", cwd=place).stdout)
    assert {item["run_id"]: item["note"] for item in listed} == {ids[0]: noted, ids[1]: None, ids[2]: None}
    Run.open(LocalStore(root=str(place / "store")), RunId.parse(ids[0])).verify()
    assert call("runs.py", "note", ids[0], "text=", cwd=place).returncode == 0
    assert "note" not in call("runs.py", "list", cwd=place).stdout


def test_a_list_without_runs_says_why_and_not_where_programs_read(place: Path) -> None:
    for keys, words in (
        (["status=failed", "model=svm"], "matches status=failed model=svm"),
        (["limit=0"], "limit=0 leaves no run"),
        (["store.root=elsewhere"], "there is no run in"),
    ):
        answer = call("runs.py", "list", *keys, "format=json", cwd=place)
        assert (answer.returncode, answer.stdout.strip()) == (0, "[]")
        assert words in answer.stderr
    assert call("runs.py", "list", "status=completed", cwd=place).stderr == ""


def test_deletion_shows_what_would_go_and_with_yes_it_goes(place: Path, ids: list[str]) -> None:
    before = files_below(place)
    shown = call("runs.py", "delete", *ids[:2], cwd=place)
    assert shown.returncode == 0
    assert files_below(place) == before
    assert f"delete {ids[0]} {ids[1]} yes=true" in shown.stdout
    done = call("runs.py", "delete", *ids[:2], "yes=true", cwd=place)
    assert done.returncode == 0, done.stderr
    assert files_below(folder(place, ids[0])) == {f"{ids[0]}.manifest.json"}
    listed = call("runs.py", "list", "format=json", cwd=place)
    assert [item["run_id"] for item in json.loads(listed.stdout)] == [ids[2]]
    assert listed.stderr == ""
    gone = call("runs.py", "list", "status=deleted", "format=json", cwd=place).stdout
    assert {item["run_id"] for item in json.loads(gone)} == set(ids[:2])
    refused = call("runtime.py", f"run_id={ids[0]}", "text=x", cwd=place)
    assert refused.returncode == 2
    assert "is deleted" in refused.stderr


def test_the_id_of_a_deleted_run_is_not_given_again(place: Path, ids: list[str]) -> None:
    store = LocalStore(root=str(place / "store"))
    first = Run.begin(store)
    first.finish(COMPLETED)
    upkeep.delete(first)
    assert Run.begin(store).id.number == first.id.number + 1


def test_what_is_published_is_never_deleted_nor_is_what_is_named_beside_it(place: Path, ids: list[str]) -> None:
    for threshold in ("0.5", "0.4"):
        assert call("publish.py", f"run_id={ids[0]}", "name=forms", f"threshold={threshold}", cwd=place).returncode == 0
    before = files_below(place)
    answer = call("runs.py", "delete", ids[1], ids[0], "yes=true", cwd=place)
    assert answer.returncode == 2
    assert f"run_id={ids[0]} is published as forms@1, forms@2" in answer.stderr
    assert files_below(place) == before


def test_a_running_run_is_neither_deleted_nor_noted_on(place: Path) -> None:
    run = Run.begin(LocalStore(root=str(place / "store")))
    for words in (["delete", str(run.id), "yes=true"], ["note", str(run.id), "text=x"]):
        answer = call("runs.py", *words, cwd=place)
        assert answer.returncode == 2
        assert "is running" in answer.stderr


def test_a_deletion_that_is_cut_short_leaves_no_run_that_looks_whole(
    place: Path, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(root=str(place / "store"))
    run = Run.open(store, RunId.parse(ids[0]))

    def refuse(_: LocalStore, key: str) -> None:
        if not key.endswith(".lock"):
            raise UserError("no rights")

    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "delete", refuse)
        with pytest.raises(UserError, match="no rights"):
            upkeep.delete(run)
    assert len(files_below(folder(place, ids[0]))) > 2
    with pytest.raises(UserError, match="is deleted"):
        Run.open(store, run.id).require_completed()
    assert call("runs.py", "delete", ids[0], "yes=true", cwd=place).returncode == 0
    assert {name for name in files_below(folder(place, ids[0])) if not name.endswith(".lock")} == {
        f"{ids[0]}.manifest.json"
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["delete", "{}", "yes=oui"], "yes=oui"),
        (["delete", "{}", "force=true"], "knows no force="),
        (["note", "{}"], "text="),
        (["note", "{}", "note=x"], "knows no note="),
        (["show", "{}", "staus=x"], "knows no staus="),
        (["delte", "{}"], "did you mean delete?"),
    ],
)
def test_a_wrong_word_is_a_sentence(place: Path, ids: list[str], words: list[str], said: str) -> None:
    before = files_below(place)
    answer = call("runs.py", *(word.format(ids[0]) for word in words), cwd=place)
    assert answer.returncode == 2
    assert said in answer.stderr
    assert files_below(place) == before

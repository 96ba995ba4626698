"""What died is shown, removed if asked to, and nothing else is."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from helpers.place import files_below
from helpers.scripts import call
from libelle.files import SCRATCH, TEMPORARY
from libelle.loading import load_published
from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import FAILED, Run
from libelle.stores.cache import fetch
from libelle.stores.local import LocalStore

HOST = socket.gethostname()


@pytest.fixture(scope="module")
def dead() -> int:
    """The id of a process that has died."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


@pytest.fixture
def place(
    trained: tuple[LocalStore, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, LocalStore, Run]:
    """A folder with a store that holds a completed run, and temporary and cache folders of its own."""
    for variable, name in {"TMPDIR": "scratch", "XDG_CACHE_HOME": "cache"}.items():
        (tmp_path / name).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / name))
    monkeypatch.setattr(tempfile, "tempdir", None)  # Python remembers the folder of temporary files
    shutil.copytree(trained[0].root, tmp_path / "store")
    store = LocalStore(root=str(tmp_path / "store"))
    return tmp_path, store, Run.open(store, RunId.parse(trained[1]))


def clean(place: Path, *arguments: str) -> dict[str, list[str]]:
    answer = call("runs.py", "clean", "format=json", *arguments, cwd=place)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, list[str]] = {}
    for item in json.loads(answer.stdout)["found"]:
        found.setdefault(item["kind"], []).append(item["name"])
    return found


def beat(run: Run, pid: int, host: str = HOST) -> None:
    run.store.put(run.key("heartbeat.json"), json.dumps({"host": host, "pid": pid, "time": "x"}).encode())


def age(path: Path, days: float) -> None:
    moment = path.stat().st_mtime - days * 86400
    os.utime(path, (moment, moment))


def test_what_died_is_shown_and_then_goes_and_all_else_stays(place: tuple[Path, LocalStore, Run], dead: int) -> None:
    folder, store, run = place
    publish(store, run, "forms", 0.5)
    failed, lost, alive, silent = (Run.begin(store) for _ in range(4))
    failed.put("log.txt", b"x" * 5000)
    failed.finish(FAILED, "no")
    beat(lost, dead)
    store.put(lost.key("config.yaml"), b"x")
    beat(alive, os.getpid())
    claim = {"run_id": str(run.id), "host": HOST, "pid": dead}
    store.put("published/forms/2/claim.json", json.dumps(claim).encode())
    store.put("published/forms/3/claim.json", json.dumps({**claim, "pid": os.getpid()}).encode())
    store.put("based/based/2020-01-01T00-00-00_aa/rows.parquet", b"x")
    age(Path(store.root, "based/based/2020-01-01T00-00-00_aa/rows.parquet"), 2)
    store.put(run.key("threshold.json.lock"), b"somebody")
    age(Path(store.root, run.key("threshold.json.lock")), 1)
    for pid, name in ((dead, "died"), (os.getpid(), "lives")):
        Path(store.root, f"runs/{TEMPORARY}{HOST}-{pid}-{name}").write_bytes(b"x")
        (folder / f"scratch/{SCRATCH}{HOST}-{pid}-{name}").mkdir()
    for days in (1, 40):
        (folder / f"cache/libelle/{days}").parent.mkdir(exist_ok=True)
        (folder / f"cache/libelle/{days}").write_bytes(b"x")
        age(folder / f"cache/libelle/{days}", days)

    before = files_below(folder)
    found = clean(folder)
    assert files_below(folder) == before
    assert found == {
        "failed runs": [str(failed.id)],
        "lost runs": [str(lost.id)],
        "unfinished files": [f"runs/{TEMPORARY}{HOST}-{dead}-died"],
        "publications without a manifest": ["published/forms/2/"],
        "bases without a manifest": ["based/based/2020-01-01T00-00-00_aa/"],
        "dead locks": [run.key("threshold.json.lock")],
        "scratch folders": [str(folder / f"scratch/{SCRATCH}{HOST}-{dead}-died")],
        "cache files": [str(folder / "cache/libelle/40")],
    }
    shown = call("runs.py", "clean", cwd=folder).stdout
    assert "5.0 kB" in shown
    assert "runs.py clean yes=true" in shown
    assert clean(folder, "yes=true") == found
    assert clean(folder) == {}
    assert "nothing to clean up" in call("runs.py", "clean", "yes=true", cwd=folder).stdout

    for gone in (failed, lost):  # the manifest keeps the id from being given again
        assert files_below(Path(store.root, gone.id.folder)) == {f"{gone.id}.manifest.json"}
        assert Run.open(store, gone.id).manifest.status == "deleted"
    for kept in (alive, silent):
        assert Run.open(store, kept.id).manifest.status == "running"
    assert (folder / f"scratch/{SCRATCH}{HOST}-{os.getpid()}-lives").is_dir()
    run.verify()
    assert load_published("forms", store).name == "forms@1"


def test_age_and_status_choose_what_goes(place: tuple[Path, LocalStore, Run], dead: int) -> None:
    folder, store, _ = place
    old, new, lost, silent = (Run.begin(store) for _ in range(4))
    for run in (old, new):
        run.finish(FAILED, "no")
    beat(lost, dead)
    for run in (old, silent):
        age(Path(store.root, run.key("manifest.json")), 50)
    assert clean(folder, "status=lost") == {"lost runs": [str(silent.id), str(lost.id)]}
    assert clean(folder, "older_than=20") == {"failed runs": [str(old.id)], "lost runs": [str(silent.id)]}
    assert clean(folder, "older_than=20", "status=failed") == {"failed runs": [str(old.id)]}
    assert clean(folder, "older_than=100") == {}
    shown = call("runs.py", "clean", "older_than=20", "status=failed", cwd=folder).stdout
    assert "clean older_than=20 status=failed yes=true" in shown


def test_a_run_of_another_machine_is_lost_once_it_is_silent(place: tuple[Path, LocalStore, Run], dead: int) -> None:
    folder, store, _ = place
    run = Run.begin(store)
    beat(run, dead, host="elsewhere")
    assert clean(folder) == {}
    age(Path(store.root, run.key("heartbeat.json")), 0.1)
    assert clean(folder) == {"lost runs": [str(run.id)]}


def test_what_came_to_life_meanwhile_stays(place: tuple[Path, LocalStore, Run], dead: int) -> None:
    from libelle.runs.cleaning import Choice, leftovers, remove_all

    _, store, _ = place
    run = Run.begin(store)
    beat(run, dead)
    found = leftovers(store, [], Choice())
    beat(run, os.getpid())  # it is resumed
    remove_all(found)
    assert [item.name for item in found] == [str(run.id)]
    assert Run.open(store, run.id).manifest.status == "running"


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("older_than=x", "older_than=x is not a number of days"),
        ("older_than=-1", "older_than=-1 is not"),
        ("older_than=nan", "older_than=nan is not"),
        ("status=completed", "choose failed or lost"),
        ("yes=maybe", "yes=maybe is not known"),
        ("limit=3", "clean knows no limit="),
        ("RUN", "clean takes no run ids"),
    ],
)
def test_what_clean_does_not_know_is_one_sentence(
    place: tuple[Path, LocalStore, Run], argument: str, sentence: str
) -> None:
    _, store, run = place
    argument = str(run.id) if argument == "RUN" else argument
    answer = call("runs.py", "clean", argument, f"store.root={store.root}", cwd=place[0])
    assert answer.returncode == 2
    assert sentence in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_file_of_the_cache_that_is_used_is_not_old(tmp_path: Path) -> None:
    class Remote(LocalStore):
        conf_name = "remote"

        def local_path(self, key: str) -> None:
            return None

    store = Remote(root=str(tmp_path / "store"))
    store.put("a", b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    path = fetch(store, "a", empty, tmp_path / "cache")
    age(path, 40)
    aged = path.stat().st_mtime
    fetch(store, "a", empty, tmp_path / "cache")
    assert path.stat().st_mtime > aged + 30 * 86400


def test_the_size_of_a_run_is_listed_shown_and_sorted_by(place: tuple[Path, LocalStore, Run]) -> None:
    folder, _, run = place
    (listed,) = json.loads(call("runs.py", "list", "sort=-size", "format=json", cwd=folder).stdout)
    assert listed["size"] == sum(file["size"] for file in run.manifest.files.values())
    shown = f"{listed['size'] / 1e3:.1f} kB"
    assert shown in call("runs.py", "list", cwd=folder).stdout
    assert shown in call("runs.py", "show", str(run.id), cwd=folder).stdout

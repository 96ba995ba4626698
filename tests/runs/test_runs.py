"""Runs: ids that are claimed once, manifests that say how it went, files that nobody altered."""

import hashlib
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libelle.cli.run_tables import print_run
from libelle.errors import UserError
from libelle.runs.environment import environment, git_commit, library_versions
from libelle.runs.ids import RunId
from libelle.runs.run import COMPLETED, FAILED, RUNNING, Manifest, Run
from libelle.runs.run_list import manifests, newest, run_ids, runs_of_sweep
from libelle.stores.formats import RUN
from libelle.stores.local import LocalStore

#: A manifest with what it must have.
WHOLE = {"format": RUN, "run_id": "2026-11-23_4", "status": COMPLETED, "started": "2026-11-23T09:00:00+00:00"}

run_ids_of_any_day = st.builds(RunId, st.dates(), st.integers(1, 10**6))


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(root=str(tmp_path / "store"))


def put_run(store: LocalStore, text: str, status: str = COMPLETED, **about) -> None:
    run_id = RunId.parse(text)
    manifest = Manifest(text, status, "2026-11-23T09:00:00+00:00", **about)
    store.put(Run(store, run_id, manifest).key("manifest.json"), manifest.to_json())


def claim(root: str) -> str:
    return str(Run.begin(LocalStore(root=root)).id)


@given(run_ids_of_any_day)
def test_an_id_is_read_as_it_is_written(run_id):
    assert RunId.parse(str(run_id)) == run_id
    assert run_id.folder == f"runs/{str(run_id).replace('_', '/')}/"


@given(run_ids_of_any_day, run_ids_of_any_day)
def test_ids_are_ordered_as_the_runs_began(one, other):
    assert (one < other) == ((one.day, one.number) < (other.day, other.number))


@pytest.mark.parametrize(
    "text",
    ["", "20261123_1", "2026-11-23", "2026-11-23_0", "2026-11-23_01", "2026-13-01_1", "2026-11-23_1\n", "2026-11-23_٣"],
)
def test_what_is_no_id_is_refused_with_an_example(text):
    with pytest.raises(UserError, match=r"(?s)run_id=.*as in run_id=2026-11-23_4"):
        RunId.parse(text)


def test_sixteen_processes_at_once_claim_sixteen_ids(store):
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(16, mp_context=context) as pool:
        claimed = list(pool.map(claim, [store.root] * 16))
    assert sorted(RunId.parse(text).number for text in claimed) == list(range(1, 17))


def test_a_number_is_never_given_twice_even_after_a_gap(store):
    first = Run.begin(store).id
    put_run(store, f"{first.day}_7")
    assert Run.begin(store).id.number == 8


def test_the_manifest_says_running_then_completed_with_every_file(store, tmp_path):
    run = Run.begin(store, command="python train.py", seed=3)
    assert run.id.day == date.fromisoformat(run.manifest.started[:10])
    kept = Run.open(store, run.id).manifest
    assert (kept.status, kept.command, kept.seed, kept.files) == (RUNNING, "python train.py", 3, {})

    run.put_json("metrics.json", {"é": 0.1})
    (tmp_path / "part" / "deep").mkdir(parents=True)
    (tmp_path / "part" / "deep" / "weights.bin").write_bytes(b"\x00" * 1000)
    run.put_folder("part", tmp_path / "part")
    run.finish(COMPLETED)

    manifest = json.loads(store.get(run.key("manifest.json")))
    assert manifest["status"] == COMPLETED
    assert manifest["finished"] >= manifest["started"]
    assert set(manifest["files"]) == {f"{run.id}.metrics.json", f"{run.id}.part/deep/weights.bin"}
    for name, about in manifest["files"].items():
        data = store.get(run.id.folder + name)
        assert about == {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert json.loads(Run.open(store, run.id).read("metrics.json")) == {"é": 0.1}


def test_every_file_of_a_run_carries_its_id(store):
    run = Run.begin(store)
    run.put("a.txt", b"a")
    run.finish(COMPLETED)
    keys = [entry.key for entry in store.list("runs/")]
    assert sorted(keys) == [f"{run.id.folder}{run.id}.a.txt", f"{run.id.folder}{run.id}.manifest.json"]


def test_a_failed_run_says_why(store):
    run = Run.begin(store)
    run.finish(FAILED, "the disk is full")
    manifest = Run.open(store, run.id).manifest
    assert (manifest.status, manifest.error) == (FAILED, "the disk is full")
    assert manifest.finished is not None


@pytest.mark.parametrize("status", [RUNNING, FAILED])
def test_a_run_that_has_not_completed_is_refused(store, status):
    put_run(store, "2026-11-23_4", status)
    with pytest.raises(UserError, match=f"run_id=2026-11-23_4 is {status}"):
        Run.open(store, RunId.parse("2026-11-23_4")).require_completed()


def test_a_missing_run_is_refused(store):
    with pytest.raises(UserError, match=r"run_id=2026-11-23_4 is not in the local store"):
        Run.open(store, RunId.parse("2026-11-23_4"))


@pytest.mark.parametrize("content", [b"", b"[]", b'"x"', b'{"format": 2}', b"\xff", b"[" * 100_000])
def test_a_damaged_manifest_is_refused(store, content):
    run_id = RunId.parse("2026-11-23_4")
    store.put(f"{run_id.folder}{run_id}.manifest.json", content)
    with pytest.raises(UserError, match=r"2026-11-23_4\.manifest\.json .* is damaged"):
        Run.open(store, run_id)


def test_keys_that_a_manifest_did_not_have_before_are_passed_over(store):
    run_id = RunId.parse("2026-11-23_4")
    manifest = {**WHOLE, "mood": "good"}
    store.put(f"{run_id.folder}{run_id}.manifest.json", json.dumps(manifest).encode())
    assert Run.open(store, run_id).manifest.status == COMPLETED


@pytest.mark.parametrize(
    "change",
    [
        {"run_id": "2026-11-23_5"},
        {"status": "done"},
        {"started": "x"},
        {"started": "2026-11-23T09:00:00"},
        {"finished": 3},
        {"libraries": [1]},
        {"files": {"../x": {"size": 1, "sha256": "0" * 64}}},
        {"files": {"a\0b": {"size": 1, "sha256": "0" * 64}}},
        {"files": {"a": {"size": -1, "sha256": "0" * 64}}},
        {"files": {"a": {"size": 1, "sha256": "0"}}},
        {"files": {"a": []}},
    ],
)
def test_a_manifest_that_cannot_be_true_is_refused(store, change):
    run_id = RunId.parse("2026-11-23_4")
    store.put(f"{run_id.folder}{run_id}.manifest.json", json.dumps({**WHOLE, **change}).encode())
    with pytest.raises(UserError, match=r"2026-11-23_4\.manifest\.json in .* is damaged"):
        Run.open(store, run_id)


def test_an_altered_byte_is_found(store, tmp_path):
    run = Run.begin(store)
    run.put("a.txt", b"abc")
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "b.bin").write_bytes(b"abc")
    run.put_folder("part", tmp_path / "part")
    run.finish(COMPLETED)
    opened = Run.open(store, run.id)
    assert (opened.fetch_folder("part") / "b.bin").read_bytes() == b"abc"

    store.put(run.key("a.txt"), b"abd")
    store.put(run.key("part/b.bin"), b"abd")
    with pytest.raises(UserError, match=r"a\.txt .* altered"):
        opened.read("a.txt")
    with pytest.raises(UserError, match=r"b\.bin .* altered"):
        opened.fetch_folder("part")

    store.delete(run.key("a.txt"))
    store.delete(run.key("part/b.bin"))
    with pytest.raises(UserError, match=r"a\.txt is missing"):
        opened.read("a.txt")
    with pytest.raises(UserError, match=r"b\.bin .* is missing"):
        opened.fetch_folder("part")
    with pytest.raises(KeyError):
        opened.read("never.txt")
    with pytest.raises(UserError, match=f"run_id={run.id} has no model"):
        opened.fetch_folder("model")


def test_a_command_is_shown_as_it_was_typed(store, capsys):
    run = Run.begin(store, command="python train.py cleaner=[accents,stopwords] data.columns=[/b]")
    print_run(run)
    assert run.manifest.command in capsys.readouterr().out


def test_numbers_that_json_does_not_know_are_refused(store):
    with pytest.raises(ValueError, match="not JSON compliant"):
        Run.begin(store).put_json("metrics.json", {"a": float("nan")})


def test_the_newest_run_is_the_one_that_completed_last(store):
    for text, status in (
        ("2026-11-22_3", COMPLETED),
        ("2026-11-23_2", COMPLETED),
        ("2026-11-23_10", COMPLETED),
        ("2026-11-23_11", FAILED),
        ("2026-11-24_1", RUNNING),
    ):
        put_run(store, text, status)
    assert str(newest(store)) == "2026-11-23_10"
    assert [str(run_id) for run_id in run_ids(store)] == [
        "2026-11-24_1",
        "2026-11-23_11",
        "2026-11-23_10",
        "2026-11-23_2",
        "2026-11-22_3",
    ]
    assert [manifest.status for manifest in manifests(store)] == [RUNNING, FAILED, COMPLETED, COMPLETED, COMPLETED]


def test_without_a_completed_run_the_message_says_how_to_make_one(store):
    with pytest.raises(UserError, match=r"no completed run .*python train\.py"):
        newest(store)


def test_a_run_that_is_just_being_claimed_or_damaged_hides_no_other(store):
    put_run(store, "2026-11-23_1")
    Path(store.root, "runs/2026-11-23/2").mkdir()
    store.put("runs/2026-11-23/3/2026-11-23_3.manifest.json", b"{")
    store.put("runs/notes/4/x.txt", b"")
    assert str(newest(store)) == "2026-11-23_1"
    assert [manifest.run_id for manifest in manifests(store)] == ["2026-11-23_1"]


def test_the_runs_of_a_sweep_come_in_the_order_of_their_trials(store):
    for text, sweep, trial in (("2026-11-23_1", "s", 1), ("2026-11-23_2", "s", 0), ("2026-11-23_3", "t", 0)):
        put_run(store, text, sweep=sweep, trial=trial)
    assert [manifest.run_id for manifest in runs_of_sweep(store, "s")] == ["2026-11-23_2", "2026-11-23_1"]


def test_the_environment_is_json_and_names_what_can_change_a_score():
    about = json.loads(json.dumps(environment()))
    assert {"torch", "numpy", "scikit-learn", "libelle"} <= set(about["libraries"])


def test_libraries_of_extras_are_recorded_where_they_are_installed(monkeypatch):
    def version(name):
        if name in ("gensim", "xgboost"):
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(metadata, "version", version)
    libraries = library_versions()
    assert {"transformers", "tokenizers", "peft", "fasttext", "skops", "xgboost-cpu"} <= set(libraries)
    assert not {"gensim", "xgboost"} & set(libraries)
    commit = git_commit()
    assert commit is None or len(commit.removesuffix("+")) == 40

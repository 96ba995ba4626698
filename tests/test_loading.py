"""Three doors to a pipeline, and which of them a source leads to."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from helpers.scripts import call
from libelle.errors import UserError
from libelle.loading import load_folder, load_published, load_run
from libelle.pipeline import Pipeline
from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import Run


@pytest.fixture(scope="module")
def published(trained, tmp_path_factory):
    """A store in a folder of its own, with a run in it that is published as `forms`."""
    store, run_id = trained
    root = tmp_path_factory.mktemp("doors") / "store"
    shutil.copytree(store.root, root)
    store = dataclasses.replace(store, root=str(root))
    publish(store, Run.open(store, RunId.parse(run_id)), "forms", threshold=0.25)
    return store, run_id


@pytest.fixture
def decoys(published, tmp_path, monkeypatch):
    """A working directory with folders of another model with the id and the name of what is in the store."""
    store, run_id = published
    other = load_run(run_id, store).with_threshold(0.99)
    for name in ("forms", run_id):
        other.save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return store, run_id


def test_a_folder_in_the_working_directory_takes_nobodys_place(decoys):
    store, run_id = decoys
    assert Pipeline.load(run_id, store).rule.threshold == 0.5
    assert Pipeline.load("forms", store).rule.threshold == 0.25
    arguments = ["text=infirmière", "format=json", f"store.root={store.root}"]
    for source, threshold in ((f"run_id={run_id}", 0.5), ("published=forms", 0.25)):
        answer = call("runtime.py", source, *arguments, cwd=".")
        assert json.loads(answer.stdout)[0]["threshold"] == threshold
    again = call("publish.py", f"run_id={run_id}", "name=again", "threshold=0.5", f"store.root={store.root}", cwd=".")
    assert again.returncode == 0, again.stderr
    assert load_published("again", store).rule.threshold == 0.5


def test_a_store_is_also_said_by_its_folder(published):
    store, run_id = published
    assert load_run(run_id, store.root).rule.threshold == 0.5
    assert load_published("forms", Path(store.root)).rule.threshold == 0.25
    assert Pipeline.load("forms", store.root).rule.threshold == 0.25
    with pytest.raises(UserError, match="store=3 is neither a store nor a folder"):
        load_run(run_id, 3)


@pytest.mark.parametrize("nothing", [None, 3, b"forms", ["forms"]])
def test_what_is_no_name_and_no_folder_is_a_sentence(published, nothing, tmp_path):
    store, run_id = published
    pipeline = load_run(run_id, store)
    for door in (load_run, load_published, load_folder, Pipeline.load, pipeline.save):
        with pytest.raises(UserError, match=r"is not a|is neither a") as caught:
            door(nothing)
        assert str(nothing) in str(caught.value)


def test_a_folder_is_said_as_one(decoys, tmp_path):
    for source in (tmp_path / "forms", "./forms", f"{tmp_path}/forms"):
        assert Pipeline.load(source).rule.threshold == 0.99
    assert load_folder("forms").name == "forms"
    with pytest.raises(UserError, match="does not exist"):
        load_folder("nowhere")
    with pytest.raises(UserError, match="holds no pipeline"):
        load_folder(tmp_path)


def test_a_name_that_looks_like_a_run_id_is_refused(published):
    store, run_id = published
    with pytest.raises(UserError, match="is a run id"):
        publish(store, Run.open(store, RunId.parse(run_id)), "2026-11-23_4", threshold=0.5)
    with pytest.raises(UserError, match="published=2026-11-23_4 is not in"):
        load_published("2026-11-23_4", store)


def test_a_path_as_a_published_name_is_refused(decoys):
    store, _ = decoys
    answer = call("runtime.py", "published=./forms", "text=a", f"store.root={store.root}", cwd=".")
    assert answer.returncode == 2
    assert "is not a name" in answer.stderr


def test_a_pipeline_is_not_saved_over_something(published, tmp_path):
    store, run_id = published
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="is not empty"):
        load_run(run_id, store).save(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_pipeline_is_not_saved_where_a_file_is(published, tmp_path):
    store, run_id = published
    (tmp_path / "model").write_text("a file")
    for place in (tmp_path / "model", tmp_path / "model" / "deeper"):
        with pytest.raises(UserError, match=r"cannot be made .*; save into a new folder"):
            load_run(run_id, store).save(place)

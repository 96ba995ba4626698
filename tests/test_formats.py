"""What another version stored in another format is one sentence, and hides nothing else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.scripts import call
from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore

OTHERS = pytest.mark.parametrize(
    ("number", "words"),
    [(3, "was written in format 3 by a later libelle"), (None, "was written in format 1 by an earlier libelle")],
)


@pytest.fixture
def place(trained: tuple[LocalStore, str], tmp_path: Path) -> Path:
    """A working directory whose store holds a run, published twice as `tiny`."""
    shutil.copytree(trained[0].root, tmp_path / "store")
    store = LocalStore(root=str(tmp_path / "store"))
    run = Run.open(store, RunId.parse(trained[1]))
    for threshold in (0.3, 0.4):
        publish(store, run, "tiny", threshold=threshold)
    return tmp_path


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    stored = json.loads(path.read_text(encoding="utf-8"))
    edit(stored)
    path.write_text(json.dumps(stored), encoding="utf-8")


def renumber(path: Path, number: int | None) -> None:
    change(path, lambda stored: stored.pop("format") if number is None else stored.update(format=number))


@OTHERS
def test_a_run_in_another_format_is_refused_and_passed_over_in_lists(
    place: Path, number: int | None, words: str
) -> None:
    (manifest,) = place.glob("store/runs/*/*/*.manifest.json")
    run_id = manifest.name.removesuffix(".manifest.json")
    renumber(manifest, number)
    for command in (["runtime.py", f"run_id={run_id}", "text=x"], ["runs.py", "show", run_id]):
        answer = call(*command, cwd=place)
        assert answer.returncode == 2
        assert answer.stderr.startswith(f"run_id={run_id} {words}")
        assert len(answer.stderr.splitlines()) == 1
    listed = call("runs.py", "list", "format=json", cwd=place)
    assert listed.returncode == 0
    assert json.loads(listed.stdout) == []


@OTHERS
def test_a_published_model_in_another_format_is_refused_and_passed_over_in_lists(
    place: Path, number: int | None, words: str
) -> None:
    renumber(place / "store" / "published" / "tiny" / "2" / "manifest.json", number)
    answer = call("runtime.py", "published=tiny", "text=x", cwd=place)
    assert answer.returncode == 2
    assert answer.stderr.startswith(f"published=tiny@2 {words}")
    assert call("runtime.py", "published=tiny@1", "text=x", cwd=place).returncode == 0
    listed = call("publish.py", "list=true", cwd=place)
    assert listed.returncode == 0
    assert "tiny" in listed.stdout


@OTHERS
def test_a_saved_pipeline_in_another_format_is_refused(
    trained: tuple[LocalStore, str], tmp_path: Path, number: int | None, words: str
) -> None:
    from libelle.errors import UserError
    from libelle.pipeline import Pipeline

    (saved,) = Path(trained[0].root).glob("runs/*/*/*.pipeline")
    folder = Path(shutil.copytree(saved, tmp_path / "saved"))
    renumber(folder / "pipeline.json", number)
    with pytest.raises(UserError, match=words):
        Pipeline.load(folder)


@OTHERS
def test_a_base_in_another_format_is_refused_and_can_be_replaced(
    tiny_forms: Callable[..., Path], tmp_path: Path, number: int | None, words: str
) -> None:
    tiny_forms()
    data = "data=csv data.path=forms.csv data.id=form data.columns=employer,job,town data.target=label".split()
    prepare = ["train.py", "mode=prepare", "process=tfidf", *data]
    assert call(*prepare, cwd=tmp_path).returncode == 0
    (manifest,) = tmp_path.glob("store/based/based/*/manifest.json")
    assert json.loads(manifest.read_text(encoding="utf-8"))["config"]["process"]["_target_"] == "tfidf"
    renumber(manifest, number)
    train = ["train.py", "mode=train", "model=logreg"]
    refused = call(*train, cwd=tmp_path)
    assert refused.returncode == 2
    assert words in refused.stderr.strip().splitlines()[-1]
    assert call(*prepare, cwd=tmp_path).returncode == 0
    trained = call(*train, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    (config,) = tmp_path.glob("store/runs/*/*/*.config.yaml")
    stored = yaml.safe_load(config.read_text(encoding="utf-8"))
    names = [stored[group]["_target_"] for group in ("data", "process", "model", "store")]
    assert names == ["csv", "tfidf", "logreg", "local"]

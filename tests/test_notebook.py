"""The notebook runs whole, as a person would run it, and is stored without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from libelle.components import describe
from libelle.evaluation import threshold
from libelle.evaluation.wishes import Request
from libelle.pipeline import Pipeline
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.workflow import full
from scripts import ROOT
from tiny import tiny_plan

NOTEBOOK = ROOT / "notebooks" / "choose_threshold.ipynb"


def execute(folder, **parameters):
    """Run every cell from a folder, with the parameters as a person would edit them; all that was shown, as text."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in parameters.items())
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any("image/png" in output.get("data", ()) for output in shown)
    return "\n".join(output.get("text") or output["data"].get("text/plain", "") for output in shown)


def test_notebook_holds_no_outputs():
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_notebook_chooses_saves_and_shows_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    plan = tiny_plan(tmp_path)
    plan.config = {"data": describe(plan.source)}
    store = plan.store
    run = Run.open(store, RunId.parse(full(plan).run_id))
    shown = execute(tmp_path, PROJECT=".", RUN_ID=str(run.id), WISH={"recall": 0.8})
    expected = threshold.decide(run, Request(recall=0.8))
    saved = Run.open(store, run.id).verify().read_threshold()
    assert {name: saved[name] for name in ("value", "validation", "test", "sentence")} == {
        name: expected[name] for name in ("value", "validation", "test", "sentence")
    }
    assert Pipeline.load(str(run.id), store).threshold == expected["value"]
    assert expected["sentence"] in shown
    assert f"{expected['test']['fn']} false negatives" in shown
    assert f"{expected['test']['fp']} false positives" in shown
    # Ids of the records, and their texts from the source.
    assert "F0" in shown
    assert "employer" in shown

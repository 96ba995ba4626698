"""The notebook runs whole, as a person would run it, and is stored without outputs."""

from dataclasses import replace
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from helpers.scripts import ROOT
from helpers.tiny import make_forms, tiny_plan
from libelle.components import describe
from libelle.evaluation import threshold
from libelle.evaluation.threshold_mistakes import mistakes
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.pipeline import Pipeline
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.training.plan import Provenance
from libelle.training.workflow import full

#: Whole commands, one after the other.
pytestmark = pytest.mark.slow

NOTEBOOK = ROOT / "notebooks" / "choose_threshold.ipynb"


def execute(folder, **parameters):
    """Run every cell from a folder, with the parameters as a person would edit them; all that was shown, as text."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in parameters.items())
    NotebookClient(notebook, timeout=100, resources={"metadata": {"path": str(folder)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any("image/png" in output.get("data", ()) for output in shown)
    return "\n".join(output.get("text") or output["data"].get("text/plain", "") for output in shown)


def with_source(plan):
    """The plan, and a config that says where its records come from: the notebook reads their texts there."""
    return replace(plan, provenance=Provenance(config={"data": describe(plan.source)}))


def test_notebook_holds_no_outputs():
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_notebook_chooses_saves_and_shows_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    plan = with_source(tiny_plan(tmp_path))
    store = plan.store
    run = Run.open(store, RunId.parse(full(plan).run_id))
    shown = execute(tmp_path, PROJECT=".", RUN_ID=str(run.id), TARGET={"recall": 0.8}, SAVE=True)
    expected = threshold.decide(run, ThresholdRequest(recall=0.8))
    saved = Run.open(store, run.id).verify().read_threshold()
    assert {name: saved[name] for name in ("value", "validation", "test", "sentence")} == {
        name: expected[name] for name in ("value", "validation", "test", "sentence")
    }
    assert Pipeline.load(str(run.id), store).rule.threshold == expected["value"]
    assert expected["sentence"] in shown
    assert "by recall=0.8" in Run.open(store, run.id).read("report.html").decode()
    assert f"{expected['test']['fn']} false negatives" in shown
    assert f"{expected['test']['fp']} false positives" in shown
    # Ids of the records, and their texts from the source.
    assert "F0" in shown
    assert "employer" in shown


def test_run_all_chooses_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    plan = with_source(tiny_plan(tmp_path))
    run = Run.open(plan.store, RunId.parse(full(plan).run_id))
    before = files_of(tmp_path / "store")
    shown = execute(tmp_path, PROJECT=".")
    assert "no threshold chosen" in shown
    assert "false positives" in shown  # of the decisions as they are
    assert "SAVE = True" in execute(tmp_path, PROJECT=".", TARGET={"recall": 0.8})
    assert files_of(tmp_path / "store") == before
    assert run.read_threshold() is None


def files_of(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("target", [{"accuracy": 0.9}, {"precision": 0.5}])
def test_notebook_chooses_for_multiclass_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    forms = make_forms(600)
    forms["label"] = forms["job"].map({"infirmière": "soins", "médecin": "médecine", "maçon": "gros œuvre"})
    forms["label"] = forms["label"].fillna("autre")
    forms.to_csv(tmp_path / "forms.csv", index=False)
    plan = with_source(tiny_plan(tmp_path, trainer={"max_epochs": 4, "accelerator": "cpu"}))
    run = Run.open(plan.store, RunId.parse(full(plan).run_id))
    shown = execute(tmp_path, PROJECT=".", RUN_ID=str(run.id), TARGET=target, SAVE=True)
    expected = threshold.decide(run, ThresholdRequest(**target))
    saved = Run.open(plan.store, run.id).verify().read_threshold()
    assert saved["value"] == expected["value"]
    assert saved["test"] == expected["test"]
    assert saved.get("classes") == expected.get("classes")
    missed, wrong = mistakes(run, expected["value"] if "accuracy" in target else expected["classes"])
    assert f"{len(wrong)} records coded automatically, and wrongly" in shown
    assert f"{len(missed)} records left to a clerk whose label was right" in shown
    if "accuracy" in target:
        assert f"threshold {expected['value']:.6g}" in shown
        assert expected["sentence"] in shown
    else:
        assert "a threshold for each label" in shown
        assert "gros œuvre" in shown


def test_multiclass_mistakes_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    table = pd.DataFrame(
        {
            "id": list("abcd"),
            "split": "test",
            "target": ["x", "x", "y", "z"],
            "score_x": [0.8, 0.2, 0.3, 0.1],
            "score_y": [0.1, 0.7, 0.6, 0.4],
            "score_z": [0.1, 0.1, 0.1, 0.5],
        }
    )
    monkeypatch.setattr("libelle.evaluation.threshold_mistakes.predictions", lambda _: (["x", "y", "z"], table))
    missed, wrong = mistakes(None, 0.65)
    assert missed[["id", "decision"]].to_numpy().tolist() == [["d", "z"], ["c", "y"]]
    assert wrong[["id", "target", "decision"]].to_numpy().tolist() == [["b", "x", "y"]]
    missed, wrong = mistakes(None, {"x": 0.9, "y": None, "z": 0.5})
    assert missed["id"].tolist() == ["c", "a"]
    assert wrong.empty

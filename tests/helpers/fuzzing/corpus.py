"""The right input: a store with runs, a published model and a base, pipelines of every kind, and a sweep."""

from pathlib import Path
from typing import Any

from helpers.sweep_folders import draw, write_sweep
from helpers.tiny import make_forms, tiny_plan
from libelle.data.file_source import FileSource
from libelle.evaluation.calibration import Temperature
from libelle.evaluation.threshold import decide
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.models.linear import LogisticRegression
from libelle.models.transformer import Transformer
from libelle.models.trees import DecisionTree, XGBoost
from libelle.processes.bigrams import Bigrams
from libelle.processes.subword import Subword
from libelle.processes.tfidf import Tfidf
from libelle.publication import publish
from libelle.runs import upkeep
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore
from libelle.training.plan import Plan
from libelle.training.run_pages import keep_choice
from libelle.training.workflow import full
from libelle.training.workflow import prepare as prepare_base

#: Pipeline → what is another in its plan than in that of `tiny_plan`.
PIPELINES: dict[str, dict[str, Any]] = {
    "mlp": {},
    "subword": {"process": Subword()},
    "transformer": {"model": Transformer(dim=8, heads=2, feed_forward=8)},
    "logreg": {"process": Tfidf(), "model": LogisticRegression(), "calibration": Temperature()},
    "tree": {"process": Bigrams(), "model": DecisionTree()},
    "xgboost": {"process": Tfidf(), "model": XGBoost(rounds=3)},
}


def prepare(folder: Path) -> None:
    """Make all of it in an empty folder."""
    make_forms().assign(age=range(120)).to_csv(folder / "forms.csv", index=False)
    source = FileSource(
        path=str(folder / "forms.csv"),
        id="form",
        columns=["employer", "job"],
        categorical=["town"],
        numeric=["age"],
        target="label",
    )
    for name, changes in PIPELINES.items():
        outcome = full(tiny_plan(folder, source=source, store=LocalStore(root=str(folder / "others")), **changes))
        outcome.pipeline.save(folder / "pipelines" / name)
    _make_store(tiny_plan(folder))
    write_sweep(folder / "sweep", draw(4))


def _make_store(plan: Plan) -> None:
    run = Run.open(plan.store, RunId.parse(full(plan).run_id))
    upkeep.note(run, "the first one")
    request = ThresholdRequest(value=0.4)
    keep_choice(run, decide(run, request), request)
    publish(plan.store, run, "tiny", threshold=0.4)
    publish(plan.store, run, "tiny", threshold=0.6)
    prepare_base(plan)

"""Tiny forms that a model learns in a second."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from libelle.cleaners.text import Accents, Lowercase, SpecialCharacters
from libelle.data.file_source import FileSource
from libelle.evaluation import threshold
from libelle.evaluation.curve import Curve
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.models.mlp import MLP
from libelle.processes.tokens import Tokens
from libelle.runs.run import Run
from libelle.stores.local import LocalStore
from libelle.training.plan import Plan

JOBS = {
    "1": ["infirmière", "aide soignante", "médecin", "sage-femme"],
    "0": ["maçon", "carreleur", "couvreur", "chef d'équipe"],
}
EMPLOYERS = ["STE DUPONT", "Clinique du Parc", "NULL", "ETS Léa & fils", "nan", "Hôpital Nord", "BTP SERVICES", "NA"]
TOWNS = ["Lyon", "PARIS", "Saint-Étienne", "Brest", "Sète", "Le Mans"]


def make_forms(rows: int = 120, seed: int = 1) -> pd.DataFrame:
    """Forms whose `job` gives away the label, most of the time."""
    generator = np.random.default_rng(seed)
    label = generator.choice(["0", "1"], size=rows)
    said = np.where(generator.random(rows) < 0.9, label, generator.choice(["0", "1"], size=rows))
    forms = pd.DataFrame(
        {
            "form": [f"F{number:04}" for number in range(rows)],
            "employer": generator.choice(EMPLOYERS, size=rows),
            "job": [generator.choice(JOBS[value]) for value in said],
            "town": generator.choice(TOWNS, size=rows),
            "label": label,
        },
        dtype="str",
    )
    forms.loc[generator.random(rows) < 0.2, "town"] = None
    return forms


def tiny_plan(folder: Path, **changes: Any) -> Plan:
    """All that a run on tiny forms needs: `forms.csv` and `store/` in `folder`, two epochs of a small MLP."""
    forms = folder / "forms.csv"
    if not forms.exists():
        make_forms().to_csv(forms, index=False)
    plan = Plan(
        source=FileSource(path=str(forms), id="form", columns=["employer", "job", "town"], target="label"),
        cleaners={"special_characters": SpecialCharacters(), "accents": Accents(), "lowercase": Lowercase()},
        process=Tokens(),
        model=MLP(word_dim=8, ngram_dim=8, hidden=[8]),
        store=LocalStore(root=str(folder / "store")),
        trainer={"max_epochs": 2, "accelerator": "cpu"},
    )
    return replace(plan, **changes)


def choose(positive, scores, **target):
    request = ThresholdRequest(**target)
    return threshold.choose(Curve.of(positive, scores, request.prevalence), request)


def reopened(run):
    return Run.open(run.store, run.id)

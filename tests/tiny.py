"""Tiny forms that a model learns in a second."""

import numpy as np
import pandas as pd

JOBS = {
    "1": ["infirmière", "aide soignante", "médecin", "sage-femme"],
    "0": ["maçon", "carreleur", "couvreur", "chef d'équipe"],
}
EMPLOYERS = ["STE DUPONT", "Clinique du Parc", "NULL", "ETS Léa & fils", "nan", "Hôpital Nord", "BTP SERVICES", "NA"]
TOWNS = ["Lyon", "PARIS", "Saint-Étienne", "Brest", "Sète", "Le Mans"]


def make_forms(rows: int = 120, seed: int = 1) -> pd.DataFrame:
    """Forms whose `job` tells the label, most of the time."""
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

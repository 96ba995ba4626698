"""Records whose label depends on a category and on a number, with texts that say nothing."""

from pathlib import Path

import numpy as np
import pandas as pd

from helpers.tiny import TOWNS
from libelle.data.columns import from_frame
from libelle.data.field_kinds import Kinds
from libelle.processes.base import Process
from libelle.processes.table_encoder import Encoding

REGIONS = ["Île-de-France", "Bretagne", "Corse", "Grand Est", "Hauts de Seine"]
KINDS = Kinds(("region",), ("age",))


def make_households(rows: int = 400, seed: int = 1, noise: float = 0.05) -> pd.DataFrame:
    """Label 1 where the household is in Corse or older than 37.3; some regions and ages are missing."""
    generator = np.random.default_rng(seed)
    region = generator.choice(REGIONS, size=rows)
    age = np.round(generator.gamma(4, 10, size=rows), 1)
    label = ((age > 37.3) | (region == "Corse")) ^ (generator.random(rows) < noise)
    table = pd.DataFrame(
        {
            "job": [" ".join(generator.choice(TOWNS, size=3)) for _ in range(rows)],
            "region": region,
            "age": age.astype(str),
            "weight": np.round(generator.uniform(0.5, 2000, size=rows), 1).astype(str),
            "label": np.where(label, "1", "0"),
        },
        dtype="str",
    )
    table.loc[generator.random(rows) < 0.05, "region"] = None
    table.loc[generator.random(rows) < 0.05, "age"] = None
    return table


def households_file(folder: Path, rows: int = 400) -> Path:
    path = folder / "households.csv"
    make_households(rows).to_csv(path, index=False)
    return path


def encoding_of(process: Process, table: pd.DataFrame) -> Encoding:
    return Encoding.fit(process, from_frame(table[["job", "region", "age"]]), table["label"], KINDS)

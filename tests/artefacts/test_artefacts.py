"""The promise of docs/stores.md: what an earlier version stored loads, and scores as it did."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from libelle.pipeline import Pipeline
from libelle.runs.run_list import newest
from libelle.stores import formats
from libelle.stores.local import LocalStore

FOLDERS = sorted(path for path in Path(__file__).parent.iterdir() if (path / "scored.csv").exists())


def test_the_present_formats_are_among_what_was_stored() -> None:
    assert f"{formats.PIPELINE}.{formats.RUN}.{formats.PUBLISHED}" in [folder.name for folder in FOLDERS]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_was_stored_loads_and_scores_equally(folder: Path) -> None:
    store = LocalStore(root=str(folder / "store"))
    forms = pd.read_csv(folder / "scored.csv", dtype={"form": "str"}, keep_default_na=False, na_values=[""])
    for name, threshold in ((str(newest(store)), 0.5), ("tiny", 0.4)):
        pipeline = Pipeline.load(name, store)
        assert pipeline.rule.threshold == threshold
        scores = pipeline.predict(forms.drop(columns="score_1"))["score_1"]
        assert np.allclose(scores, forms["score_1"], rtol=0, atol=1e-5)

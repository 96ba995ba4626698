import os

# Several test processes share a few cores.
os.environ["OMP_NUM_THREADS"] = "1"

from collections.abc import Callable
from pathlib import Path

import pytest

from libelle.stores.local import LocalStore
from tiny import make_forms


@pytest.fixture
def tiny_forms(tmp_path: Path) -> Callable[..., Path]:
    """Write tiny forms as a CSV file; the arguments are those of `make_forms`."""

    def write(rows: int = 120, seed: int = 1) -> Path:
        path = tmp_path / "forms.csv"
        make_forms(rows, seed).to_csv(path, index=False)
        return path

    return write


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalStore, str]:
    """A store and the id of a run in it, trained on `make_forms()`."""
    from libelle.cleaners.text import Accents, Lowercase, SpecialCharacters
    from libelle.data.source import FileSource
    from libelle.models.mlp import MLP
    from libelle.processes.tokens import Tokens
    from libelle.workflow import Plan, full

    folder = tmp_path_factory.mktemp("trained")
    make_forms().to_csv(folder / "forms.csv", index=False)
    store = LocalStore(root=str(folder / "store"))
    plan = Plan(
        source=FileSource(
            path=str(folder / "forms.csv"), id="form", columns=["employer", "job", "town"], target="label"
        ),
        cleaners={"special_characters": SpecialCharacters(), "accents": Accents(), "lowercase": Lowercase()},
        process=Tokens(),
        model=MLP(word_dim=8, ngram_dim=8, hidden=[8]),
        store=store,
        trainer={"max_epochs": 2, "accelerator": "cpu"},
    )
    return store, full(plan).run_id

import shutil
from pathlib import Path

import pytest

from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore


def publish_forms(store: LocalStore, run_id: str, threshold: float) -> None:
    publish(store, Run.open(store, RunId.parse(run_id)), "forms", threshold=threshold)


@pytest.fixture(scope="session")
def published(trained: tuple[LocalStore, str], tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    """A store with the tiny forms' model, published twice with other thresholds; nobody changes it."""
    source, run_id = trained
    root = tmp_path_factory.mktemp("published") / "store"
    shutil.copytree(Path(source.root) / "runs", root / "runs")  # others may have published there
    store = LocalStore(str(root))
    publish_forms(store, run_id, 0.5)
    publish_forms(store, run_id, 0.25)
    return store


@pytest.fixture
def place(published: LocalStore, tmp_path: Path) -> Path:
    """A folder with a copy of that store."""
    shutil.copytree(published.root, tmp_path / "store")
    return tmp_path

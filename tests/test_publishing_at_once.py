"""Several publications of one name at once."""

import logging
import shutil
from pathlib import Path

import pytest

from libelle import publication
from libelle.pipeline import Pipeline
from libelle.publication import publish, rollback
from libelle.published import Publication, find
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.base import Store
from libelle.stores.local import LocalStore


def test_of_publications_at_once_the_highest_version_is_current_whoever_ends_last(
    trained: tuple[LocalStore, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shutil.copytree(trained[0].root, tmp_path / "store")
    store = LocalStore(root=str(tmp_path / "store"))
    run = Run.open(store, RunId.parse(trained[1]))
    read = publication.read_version

    def slow(store: Store, found: Publication, cache: Path) -> Pipeline:
        if found.version < 3:  # the next one overtakes
            publish(store, run, "forms", 0.5)
        return read(store, found, cache)

    monkeypatch.setattr(publication, "read_version", slow)
    with caplog.at_level(logging.WARNING):
        assert publish(store, run, "forms", 0.5).version == 1
    assert find(store, "forms").version == 3
    assert "forms@3 was published meanwhile and stays current" in caplog.text
    assert rollback(store, "forms").version == 2
    assert find(store, "forms").version == 2
    assert not list(store.list("published/forms/current.json.lock"))

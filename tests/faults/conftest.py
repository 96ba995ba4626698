import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults import warm as warming
from faults.kills import Faults, Place, write_forms
from faults.warm import Warm
from libelle.stores.local import LocalStore


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    process = Warm()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def module_patch() -> Iterator[pytest.MonkeyPatch]:
    patch = pytest.MonkeyPatch()
    yield patch
    patch.undo()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, module_patch: pytest.MonkeyPatch) -> Path:
    """A filled place, to be copied to `home`, where it works."""
    home = at_home(tmp_path_factory.mktemp("kills") / "home", module_patch)
    home.mkdir()
    write_forms(home)
    place = Place(home, LocalStore(root=str(home / "store")), [], Faults())
    place.prepare()
    assert place.faults.found == []
    return home.rename(home.with_name("template"))


def at_home(home: Path, patch: pytest.MonkeyPatch) -> Path:
    """Have all that a user has in a folder, and draw no reports; returns the folder."""
    from libelle.training import run_pages

    patch.setattr(run_pages, "make_report", run_pages.make_report)  # to be put back
    warming.without_drawing()
    patch.setattr("libelle.cli.runs.typed_overrides", list)
    for variable, name in {"XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache", "TMPDIR": "tmp"}.items():
        patch.setenv(variable, str(home / name))
    patch.setattr(tempfile, "tempdir", None)
    return home

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults import warm as warming
from faults.kills import Faults, Place, write_forms
from faults.places import local_place, remade
from faults.warm import Warm
from helpers.servers import MotoServer


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
def home(tmp_path_factory: pytest.TempPathFactory, module_patch: pytest.MonkeyPatch) -> Path:
    """A folder that holds all that a user has; no reports are drawn."""
    from libelle.training import run_pages

    home = tmp_path_factory.mktemp("kills") / "home"
    (home / "tmp").mkdir(parents=True)
    module_patch.setattr(run_pages, "make_report", run_pages.make_report)  # to be put back
    warming.without_drawing()
    module_patch.setattr("libelle.cli.runs.typed_overrides", list)
    for variable, name in {"XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache", "TMPDIR": "tmp"}.items():
        module_patch.setenv(variable, str(home / name))
    module_patch.setattr(tempfile, "tempdir", None)
    write_forms(home)
    return home


@pytest.fixture(scope="module")
def make(home: Path) -> Callable[[], Place]:
    """Makes a filled place with a local store anew."""
    place = local_place(home)
    place.prepare()
    assert place.faults.found == []
    return remade(place, "template")


@pytest.fixture(scope="module")
def bucket(home: Path, session_moto: MotoServer, module_patch: pytest.MonkeyPatch) -> Place:
    """A filled place whose store is a bucket."""
    for name, value in session_moto.credentials.items():
        module_patch.setenv(name, value)
    store = session_moto.store()
    options = ["store=minio", "store.secure=false", f"store.endpoint={store.endpoint}", f"store.bucket={store.bucket}"]
    place = Place(home, store, options, Faults())
    place.prepare()
    assert place.faults.found == []
    return place

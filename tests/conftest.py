import os
import sys

# Several test processes share a few cores.
os.environ["OMP_NUM_THREADS"] = "1"
# pytest-xdist says how wide its own terminal is; what is printed here goes to none.
os.environ.pop("COLUMNS", None)

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings

from helpers.comparing import train_runs
from helpers.counts import count, pytest_terminal_summary  # noqa: F401
from helpers.drawing import are_drawn, figures
from helpers.encoders import make_bert, make_camembert
from helpers.servers import MotoServer, S3Server, ceph, moto
from helpers.tiny import make_forms, tiny_plan
from libelle.stores.local import LocalStore
from libelle.training.workflow import full

# How long an example takes is no matter of these tests: a busy machine would fail them.
settings.register_profile("libelle", deadline=None)
settings.load_profile("libelle")


@pytest.fixture(autouse=True, scope="session")
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs work in a folder of the tests' own, not in the user's."""
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    yield
    os.environ.pop("XDG_STATE_HOME")
    if before is not None:
        os.environ["XDG_STATE_HOME"] = before


@pytest.fixture(autouse=True, scope="module")
def no_ray_left() -> Iterator[None]:
    """A file of tests that connects to Ray ends that: the next would take its cluster for its own."""
    yield
    if ray := sys.modules.get("ray"):
        ray.shutdown()


@pytest.fixture(autouse=True, scope="module")
def figures_where_they_matter(request: pytest.FixtureRequest) -> Iterator[None]:
    """Only tests about pages have matplotlib draw; see `helpers.drawing`."""
    with figures(drawn=are_drawn(request.path)):
        yield


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The figures of reports as matplotlib's objects instead of SVG; of several side by side, `axes` has all axes."""
    from libelle.reports import figures

    def beside(*drawn: tuple[Any, str]) -> Any:
        found = [figure for figure, _ in drawn]
        return SimpleNamespace(figures=found, axes=[axes for figure in found for axes in figure.axes])

    monkeypatch.setattr(figures, "svg", lambda figure, _: figure)
    monkeypatch.setattr(figures, "side_by_side", beside)
    return figures


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
    plan = tiny_plan(tmp_path_factory.mktemp("trained"))
    with figures(drawn=True):
        return plan.store, full(plan).run_id


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with three runs on the same forms; see `helpers.comparing`."""
    folder = tmp_path_factory.mktemp("compared")
    with figures(drawn=True):
        train_runs(folder)
    return folder


@pytest.fixture(scope="session")
def session_moto() -> Iterator[MotoServer]:
    with moto() as server:
        yield server


@pytest.fixture(scope="session")
def session_ceph() -> Iterator[S3Server]:
    with ceph() as server:
        yield server


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="session")
def camembert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_camembert(tmp_path_factory.mktemp("camembert"))


@pytest.fixture(params=["bert", "camembert"])
def encoder(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))

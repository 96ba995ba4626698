"""The wheel in an empty environment, outside the checkout: what people have after `pip install libelle`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.scripts import ROOT

pytestmark = pytest.mark.slow


def run(*command, cwd):
    """Run a program of the empty environment; what it printed, or a failure that shows all it said."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, capture_output=True, encoding="utf-8")
    if done.returncode:
        pytest.fail(
            f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}", pytrace=False
        )
    return done.stdout


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """The folder of the programs of an empty environment with the wheel and its core dependencies."""
    # A copy, so that nothing left in the checkout, such as an earlier build, gets into the wheel.
    source = tmp_path_factory.mktemp("source")
    for name in ("conf", "data", "src"):
        shutil.copytree(ROOT / name, source / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", source, source, cwd=source)
    (wheel,) = source.glob("*.whl")
    environment = tmp_path_factory.mktemp("installed") / "venv"
    run(sys.executable, "-m", "venv", environment, cwd=source)
    pip = environment / "bin" / "pip"
    # Compiling all of torch would take longer than the tests.
    run(pip, "install", "--quiet", "--no-compile", "--constraint", ROOT / "constraints.txt", wheel, cwd=source)
    shutil.rmtree(source)
    yield environment / "bin"
    shutil.rmtree(environment)


@pytest.fixture(scope="module")
def place(programs, tmp_path_factory):
    """An empty folder in which `libelle train` was run, on data that the wheel brings."""
    folder = tmp_path_factory.mktemp("place")
    run(programs / "libelle", "train", "data=diaries", "trainer.max_epochs=1", cwd=folder)
    return folder


def manifest(place):
    (path,) = place.glob("store/runs/*/1/*.manifest.json")
    return json.loads(path.read_text())


def test_the_version_is_printed(programs, tmp_path):
    assert run(programs / "libelle", "--version", cwd=tmp_path) == "libelle 0.1.0\n"


def test_training_keeps_a_whole_run_that_names_no_commit(place):
    kept = manifest(place)
    assert kept["status"] == "completed"
    assert kept["command"] == "libelle train data=diaries trainer.max_epochs=1"
    assert kept["git_commit"] is None


def test_a_text_is_scored(programs, place):
    (answer,) = json.loads(run(programs / "libelle", "runtime", "text=PAIN", "format=json", cwd=place))
    assert answer["label"] in ("0", "1")


def test_runs_are_listed(programs, place):
    assert manifest(place)["run_id"] in run(programs / "libelle", "runs", "list", cwd=place)


def test_the_synthetic_forms_are_drawn_from_lists_that_the_wheel_brings(programs, place):
    arguments = ["train", "mode=prepare", "data=bi", "data.size=500"]
    assert "base based is now" in run(programs / "python", "-m", "libelle", *arguments, cwd=place)


def test_the_french_sentences_of_pages_are_in_the_wheel(programs, place):
    code = "from gettext import translation as t; from libelle.language import LOCALES as at; "
    code += "print(t('libelle', at, ['fr']).gettext('threshold'))"
    assert run(programs / "python", "-c", code, cwd=place) == "seuil\n"


def test_the_page_of_the_service_is_in_the_wheel(programs, place):
    code = "from importlib.resources import files; at = files('libelle.service.page') / 'static'; "
    code += "print(*sorted(file.name for file in at.iterdir()))"
    names = run(programs / "python", "-c", code, cwd=place).split()
    assert names == sorted(path.name for path in (ROOT / "src/libelle/service/page/static").iterdir())


def test_python_loads_the_run(programs, place):
    code = f"from libelle import Pipeline; print(Pipeline.load({manifest(place)['run_id']!r}).labels)"
    assert "0" in run(programs / "python", "-c", code, cwd=place)


def test_nothing_is_read_from_the_checkout(programs, place):
    code = "import libelle.installation as i; print(i.CHECKOUT, i.CONF, i.DATA, sep='\\n')"
    checkout, conf, data = run(programs / "python", "-c", code, cwd=place).splitlines()
    assert checkout == "None"
    assert all(Path(folder).is_relative_to(programs.parent) for folder in (conf, data))

"""The examples of docs/architecture.md: three files each, and nothing else is touched."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.scripts import ROOT
from helpers.tiny import make_forms

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## How to add a cleaner")[2]
#: Path → content, of each file that the page shows.
FILES = dict(re.findall(r"^`([\w/]+\.\w+)`[^\n]*\n\n```\w+\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE))
DATA = "data=csv data.path=forms.csv data.id=form data.columns=employer,job,town data.target=label".split()
#: What goes over all components.
GENERAL = ("tests/test_registry.py", "tests/cleaners/test_cleaners.py", "tests/training/test_pairings.py")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the page's files added; none of them was there."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("src", "conf", "tests", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("train.py", "runtime.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder / name)
    for name, content in FILES.items():
        assert not (folder / name).exists()
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def run(checkout: Path, *command: str, cwd: Path) -> str:
    """Run Python on the copy, and return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "1"}
    answer = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_the_page_shows_three_files_for_each() -> None:
    assert sorted(Path(name).parts[-2:] for name in FILES) == [
        ("cleaner", "digits.yaml"),
        ("cleaners", "digits.py"),
        ("cleaners", "test_digits.py"),
        ("model", "centroids.yaml"),
        ("models", "centroids.py"),
        ("models", "test_centroids.py"),
        ("process", "lengths.yaml"),
        ("processes", "lengths.py"),
        ("processes", "test_lengths.py"),
    ]


@pytest.mark.slow
def test_what_was_added_trains_and_scores(checkout: Path, tmp_path: Path) -> None:
    make_forms().to_csv(tmp_path / "forms.csv", index=False)
    train, runtime = str(checkout / "train.py"), str(checkout / "runtime.py")
    added = ["model=centroids", "cleaner=[lowercase,digits]", "process=union", "process.parts=[tfidf,lengths]"]
    run(checkout, train, *DATA, *added, cwd=tmp_path)
    answers = json.loads(run(checkout, runtime, "record.job=infirmière", "format=json", cwd=tmp_path))
    assert sum(answers[0]["scores"].values()) == pytest.approx(1)
    (saved,) = tmp_path.glob("store/runs/*/*/*.pipeline/pipeline.json")
    about = json.loads(saved.read_text(encoding="utf-8"))
    assert about["model"]["_target_"] == "centroids"
    assert about["cleaners"]["digits"] == {"_target_": "digits"}
    assert about["process"]["parts"]["lengths"] == {"_target_": "lengths", "log": True}


@pytest.mark.slow
def test_tests_that_go_over_all_components_hold_for_what_was_added(checkout: Path) -> None:
    tests = [*(name for name in FILES if name.startswith("tests/")), *GENERAL]
    run(checkout, "-m", "pytest", "-n", "0", "-m", "not slow", *tests, cwd=checkout)

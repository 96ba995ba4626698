"""The README's commands work as written, one after the other, in a checkout."""

import re
import shlex
from pathlib import Path

import pytest

from helpers.scripts import ROOT, call
from libelle.runs.run_list import run_ids
from libelle.stores.local import LocalStore

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
    if line.strip()
]


def test_the_readme_shows_commands() -> None:
    assert len(COMMANDS) >= 10
    assert all(command.startswith("python ") for command in COMMANDS)


def with_runs(word: str, made: list[str]) -> str:
    """The run ids of the README are of the day it was written: its first run is the first that is made here."""
    return re.sub(r"\d{4}-\d\d-\d\d_(\d+)", lambda found: made[int(found[1]) - 1], word)


@pytest.mark.slow
def test_commands_run_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "data").symlink_to(ROOT / "data")
    made: list[str] = []
    for command in COMMANDS:
        words = [with_runs(word, made) for word in shlex.split(command)[1:]]
        answer = call(*words, cwd=tmp_path)
        assert answer.returncode == 0, f"{command}\n{answer.stderr}"
        assert answer.stdout or "output=" in command
        made = [str(run_id) for run_id in reversed(list(run_ids(LocalStore(str(tmp_path / "store")))))]
    assert (tmp_path / "scores.csv").exists()


def test_linked_files_are_there() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"

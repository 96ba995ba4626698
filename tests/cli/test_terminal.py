"""What is printed fits the terminal, and a reader may leave early."""

import shutil
from math import nan
from pathlib import Path
from typing import Any

import pytest

from helpers.scripts import call, call_libelle, start
from libelle.cli.terminal import interval, print_list

NAMES = ("run", "status", "data", "seconds")
ROWS = [("2026-11-23_1", "completed", "forms of the whole year", "12"), ("2026-11-23_2", "failed", "bi", "3")]


@pytest.fixture
def place(compared: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    shutil.copytree(compared, tmp_path / "place")
    return tmp_path / "place"


def printed(
    capsys: pytest.CaptureFixture[str], width: int, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    print_list(NAMES, ROWS, ("seconds", "data", "status"), **options)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, lines)) <= width
    return [line for line in lines if line]


@pytest.mark.parametrize(
    ("value", "low", "high", "shown"),
    [
        (0.5, 0.4, 0.61, "0.5000 (0.4000–0.6100)"),
        (1, nan, nan, "1.0000 (–)"),
        (nan, nan, nan, "-"),
        (None,) * 3 + ("-",),
    ],
)
def test_what_is_not_known_of_a_figure_is_a_dash(value: Any, low: Any, high: Any, shown: str) -> None:
    assert interval({"value": value, "low": low, "high": high}) == shown


def test_a_wide_terminal_shows_all_columns(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(capsys, 80, monkeypatch)
    assert lines[0].split() == list(NAMES)
    assert "Left out" not in lines[-1]


def test_a_narrow_terminal_loses_columns_and_no_letters(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(capsys, 55, monkeypatch)
    assert lines[0].split() == ["run", "status", "data"]
    assert "forms of the whole year" in lines[2]
    assert lines[-1] == "Left out, for want of room: seconds."
    assert printed(capsys, 30, monkeypatch)[0].split() == ["run", "status"]


def test_a_text_is_folded_at_words_before_a_column_goes(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("libelle.cli.terminal._FOLDED", 10)
    lines = printed(capsys, 50, monkeypatch, folded="data")
    assert lines[0].split() == ["run", "status", "data", "seconds"]
    assert {"forms", "of", "the", "whole", "year"} <= set(" ".join(lines).split())


@pytest.mark.parametrize("width", [80, 60])
def test_runs_and_published_models_fit(place: Path, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    first = min(path.parent.name for path in place.glob("store/runs/*/*"))
    assert call("publish.py", f"run_id={first}_1", "name=forms", "threshold=0.5", cwd=place).returncode == 0
    monkeypatch.setenv("COLUMNS", str(width))
    for answer in (call("runs.py", "list", cwd=place), call("publish.py", "list=true", cwd=place)):
        assert answer.returncode == 0, answer.stderr
        lines = answer.stdout.splitlines()
        assert max(map(len, lines)) <= width
        assert f"{first}_1" in answer.stdout
        assert "…" not in answer.stdout
        assert any(line.startswith("Left out, for want of room: ") for line in lines)


def test_commands_to_paste_stay_on_one_line(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    first = min(path.parent.name for path in place.glob("store/runs/*/*"))
    answer = call("publish.py", f"run_id={first}_1", "name=forms", "threshold=0.5", cwd=place)
    (line,) = [line for line in answer.stdout.splitlines() if "published=forms" in line]
    assert line.endswith("'")


@pytest.mark.parametrize(
    ("script", "arguments"), [("train.py", ["--help"]), ("train.py", ["--cfg", "job"]), ("runs.py", ["list"])]
)
def test_a_reader_that_leaves_early_ends_the_command_quietly(place: Path, script: str, arguments: list[str]) -> None:
    process = start(script, *arguments, cwd=place)
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 0


def test_the_config_is_shown_as_it_was_typed(tmp_path: Path) -> None:
    typed = "a: b, ${x} \"q\" 'z' é"
    shown = call("runtime.py", "--cfg", "job", f"text={typed}", "input=l'été.csv", "published=???", cwd=tmp_path).stdout
    assert "text: 'a: b, ${x} \"q\" ''z'' é'" in shown
    assert "input: l'été.csv" in shown
    assert "published: ???" in shown
    assert "libelle-raw" not in shown


def test_options_may_stand_between_overrides(tmp_path: Path) -> None:
    answer = call("train.py", "seed=7", "--cfg", "job", "data=csv", "--package", "seed", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "7"


def test_each_command_says_its_version(tmp_path: Path) -> None:
    assert call("train.py", "--version", cwd=tmp_path).stdout == call_libelle("--version", cwd=tmp_path).stdout

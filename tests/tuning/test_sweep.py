"""A sweep as its report sees it: what is read of its folder, and the scales of its parameters."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from helpers.sweep_folders import draw, write_sweep
from hydra_plugins.hydra_hyperopt_sweeper.sweep import SweepError, TrialRecord
from libelle.tuning.sweep import Sweep


def test_a_folder_without_a_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match="holds no sweep"):
        Sweep.read(tmp_path)
    (tmp_path / "trials.jsonl").write_text("{]\n", encoding="utf-8")
    with pytest.raises(SweepError, match="damaged"):
        Sweep.read(tmp_path)
    (tmp_path / "trials.jsonl").write_text('{"event": "sweep", "space": {"lr": "interval(0, 1)"}}\n', encoding="utf-8")
    with pytest.raises(SweepError, match=r"trials\.jsonl is no ledger of this version.*hydra\.sweep\.dir"):
        Sweep.read(tmp_path)


def test_a_killed_sweep_is_read_as_far_as_it_came(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", draw(3))
    again = {"event": "launched", "trial": 2, "job": 13, "parameters": {}, "overrides": ["lr=1"]}
    path = folder / "trials.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()[:-1]
    path.write_text("\n".join([*lines, json.dumps(again), '{"event": "fin']), encoding="utf-8")
    trial = Sweep.read(folder).trials[2]
    assert (trial.status, trial.jobs, trial.value) == ("running", [12, 13], None)


def test_positions(tmp_path: Path) -> None:
    trials = draw(40)
    lr, noise, model, blocks = Sweep.read(write_sweep(tmp_path / "s", trials)).parameters
    trial = TrialRecord(0, {}, ["lr=0.001", "noise=0.25", "model=big"])
    assert [p.position(trial) for p in (lr, noise, model)] == pytest.approx([-3, 0.25, 1])
    assert math.isnan(blocks.position(trial))
    assert model.categories == ["small", "big"]
    assert [p.whole for p in (lr, noise, model, blocks)] == [False, False, False, True]
    assert blocks.spaces == {"model=big": "range(1, 6, 1)"}


@pytest.mark.parametrize(
    ("text", "values", "log", "categories"),
    [
        ("choice(64, 16, 128)", ["64", "16", "128"], False, ["16", "64", "128"]),
        ("choice(low, mid, [1,2])", ["[1,2]", "mid", "low"], False, ["low", "mid", "[1,2]"]),
        ("int(hp.qloguniform(0, 5, 1))", ["1", "7"], True, []),
        ("hp.qloguniform(0, 5, 1)", ["0.0", "7.0"], False, []),
        ("tag(log, range(1, 9))", ["1", "2", "8"], True, []),
        ("hp.lognormal(0, 1)", ["0.5", "2.5"], True, []),
        ("hp.pchoice([(0.2, True), (0.8, False)])", ["true", "false"], False, ["true", "false"]),
    ],
)
def test_kinds_of_parameters(tmp_path: Path, text: str, values: list[str], log: bool, categories: list[str]) -> None:
    trials = [{"overrides": {"p": value}, "value": float(at)} for at, value in enumerate(values)]
    (parameter,) = Sweep.read(write_sweep(tmp_path / "s", trials, {"p": text})).parameters
    assert (parameter.log, parameter.categories) == (log, categories)


@pytest.mark.parametrize(
    ("place", "change"),
    [
        (0, {"space": "x"}),
        (0, {"seed": "x"}),
        (0, {"direction": ""}),
        (0, {"a\r\nb": 1}),
        (1, {"trial": -1}),
        (1, {"overrides": [1]}),
        (1, {"event": []}),
        (2, {"value": [1]}),
        (2, {"status": "done"}),
        (2, {"trial": 99}),
        (2, {"seconds": "x"}),
    ],
    ids=str,
)
def test_a_ledger_with_a_wrong_line_is_refused(tmp_path: Path, place: int, change: dict[str, Any]) -> None:
    path = write_sweep(tmp_path / "s", draw(1)) / "trials.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[place] = json.dumps({**json.loads(lines[place]), **change})
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    with pytest.raises(SweepError, match="is no ledger of this version") as refused:
        Sweep.read(path.parent)
    assert "\n" not in str(refused.value)

"""How much each parameter of a sweep matters."""

from pathlib import Path

import numpy as np
import pytest

from helpers.sweep_folders import draw, write_sweep
from libelle.tuning.importance import importances
from libelle.tuning.sweep import Sweep


def test_importance_finds_the_parameter_that_matters(tmp_path: Path) -> None:
    sweep = Sweep.read(write_sweep(tmp_path / "s", draw(80)))
    found = importances(sweep)
    values = {item.parameter.key: item.value or 0 for item in found.parameters}
    assert [item.parameter.key for item in found.parameters][:2] == ["lr", "model"]
    assert values["lr"] > 0.5
    assert values["lr"] > 5 * values["model"] > 0
    assert abs(values["noise"]) < 0.05
    # It exists where the model is big, and does nothing: its presence must not be mistaken for an effect.
    assert abs(values["model.blocks"]) < 0.05
    assert importances(sweep) == found


def test_the_loss_of_explained_variance_is_that_of_the_function(tmp_path: Path) -> None:
    # Two independent parameters: shuffling one of them costs twice its share of the variance.
    generator = np.random.default_rng(3)
    points = generator.random((400, 2))
    trials = [{"overrides": {"a": a, "b": b}, "value": 2 * a + b} for a, b in points]
    space = {"a": "interval(0.0, 1.0)", "b": "interval(0.0, 1.0)"}
    found = importances(Sweep.read(write_sweep(tmp_path / "s", trials, space)))
    ranks = np.argsort(np.argsort(2 * points[:, 0] + points[:, 1]))
    shares = [np.corrcoef(points[:, column], ranks)[0, 1] ** 2 for column in (0, 1)]
    assert found.explained is not None
    assert found.explained > 0.95
    assert [item.value for item in found.parameters] == pytest.approx([2 * share for share in shares], abs=0.12)


def test_nothing_is_said_of_noise_or_of_few_trials(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    noise = [trial | {"value": generator.random()} for trial in draw(40)]
    few = importances(Sweep.read(write_sweep(tmp_path / "few", draw(9))))
    none = importances(Sweep.read(write_sweep(tmp_path / "noise", noise)))
    assert "Too few" in few.reason
    assert "do not let" in none.reason
    assert all(item.value is None for item in [*few.parameters, *none.parameters])
    equal = [trial | {"value": 1.0} for trial in draw(40)]
    assert importances(Sweep.read(write_sweep(tmp_path / "equal", equal))).reason

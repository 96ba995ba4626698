"""Sweep folders as the sweeper leaves them, without a sweep."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from hydra_plugins.hydra_hyperopt_sweeper.sweep import read_space

SPACE = {
    "lr": "tag(log, interval(1e-05, 0.1))",
    "noise": "interval(0.0, 1.0)",
    "model": 'choice(small, big, "l\'été")',
    "model=big": {"model.blocks": "range(1, 6)"},
}


def write_sweep(folder: Path, trials: list[dict[str, Any]], space: dict[str, Any] = SPACE, **header: Any) -> Path:
    """A sweep folder with a trial for each of `trials`: its overrides and what its `finished` line says."""
    results = folder / "trials"
    results.mkdir(parents=True)
    searched = [asdict(record) for record in read_space(space, [], config_loader=None).records]  # type: ignore[arg-type]
    first = {"space": searched, "fixed": [], "direction": "minimize", "objective": None, "seed": 1}
    lines: list[dict[str, Any]] = [{"event": "sweep", **first, **header}]
    for number, trial in enumerate(trials):
        overrides = [f"{key}={value}" for key, value in trial["overrides"].items()]
        ids = {"trial": number, "job": number + 10}
        lines.append({"event": "launched", **ids, "parameters": {}, "overrides": overrides})
        if trial.get("status") != "running":
            result = {"status": "completed", "value": None, "error": None, "seconds": 2.0}
            result |= {key: trial[key] for key in result if key in trial}
            lines.append({"event": "finished", **ids, "started": 1000.0 + 2 * number, **result})
        for step, value in enumerate(trial.get("curve", [])):
            with (results / f"{number + 10}.curve.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, "value": value}) + "\n")
    (folder / "trials.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder


def draw(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Trials whose loss is decided by the learning rate, a little by the model, and not by `noise`."""
    generator = np.random.default_rng(seed)
    trials = []
    for _ in range(count):
        log_lr = generator.uniform(-5, -1)
        model = str(generator.choice(["small", "big"]))
        overrides = {"lr": 10**log_lr, "noise": generator.random(), "model": model}
        if model == "big":
            overrides["model.blocks"] = int(generator.integers(1, 6))
        trials.append({"overrides": overrides, "value": (log_lr + 3) ** 2 + (model == "big") * 0.5})
    return trials

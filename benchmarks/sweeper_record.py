"""Make `benchmarks/mlp_diaries.csv` anew: python benchmarks/sweeper.py --record (about ten minutes on one core).

Every point of the grid `sweeper_problems.MLP_GRID` is one training of `model=mlp` on `data=diaries`, of 4 epochs and
with the same seed; the data are prepared once.
"""

import csv
import itertools
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

from sweeper_problems import MLP_GRID, MLP_TABLE

ROOT = Path(__file__).parents[1]


def record() -> None:
    """Train the grid, and write the table when all of it is there."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from libelle.components import build
    from libelle.data.split import TRAIN, VALIDATION
    from libelle.evaluation.decision_rule import DecisionRule
    from libelle.evaluation.metrics import evaluate
    from libelle.models.base import Model, Training
    from libelle.training.plan import Provenance
    from libelle.training.prepared_data import Prepared
    from libelle.training.schema import build_plan

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", ["data=diaries", "model=mlp", "trainer.max_epochs=4"])
    plain: Any = OmegaConf.to_container(config, resolve=True)
    plan = build_plan(Provenance(plain, {"model": "mlp"}))
    prepared = Prepared.from_source(plan.source, plan.source.read(), plan.cleaners, plan.process)
    train, validation = prepared.dataset(TRAIN), prepared.dataset(VALIDATION)

    def evaluate_at(values: dict[str, float]) -> float:
        node = OmegaConf.create(plain["model"])
        for key, value in values.items():
            OmegaConf.update(node, key.removeprefix("model."), value)
        model = build(OmegaConf.to_container(node), Model, "model")  # type: ignore[type-abstract, arg-type]
        with tempfile.TemporaryDirectory() as folder:
            model.fit(train, validation, len(prepared.labels), Training(Path(folder), plan.seed, plan.trainer))
        metrics = evaluate(validation.targets, model.predict_proba(validation.features), DecisionRule(prepared.labels))
        return float(metrics["average_precision"])

    began = time.monotonic()
    rows = []
    points = list(itertools.product(*(axis.values for axis in MLP_GRID.values())))
    for done, point in enumerate(points, 1):
        rows.append([*point, f"{evaluate_at(dict(zip(MLP_GRID, point, strict=True))):.6f}"])
        if done % 20 == 0:
            print(f"{done} of {len(points)} after {time.monotonic() - began:.0f} s", flush=True)
    with MLP_TABLE.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([[*MLP_GRID, "validation.average_precision"], *rows])

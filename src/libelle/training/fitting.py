"""From prepared data to a fitted pipeline and what it scores: sampler, model, calibration, metrics."""

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from libelle.data.frequent import fewest_of
from libelle.data.split import SPLITS, TEST, TRAIN, VALIDATION
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.metrics import Metrics, evaluate
from libelle.evaluation.repeated import with_new_apart
from libelle.features import Dataset, Floats
from libelle.models.base import Model, Training
from libelle.pipeline import Pipeline
from libelle.progress import stage
from libelle.reports.run_report import CALIBRATED, Uncalibrated
from libelle.training.contracts import require_probabilities, require_sampled
from libelle.training.objective import objective_of, require_defined
from libelle.training.plan import Plan
from libelle.training.prepared_data import Prepared


@dataclass(frozen=True)
class Fitted:
    """A fitted pipeline, and how it does on the data that it was fitted to.

    Attributes:
        pipeline: the pipeline.
        scores: split → float32 [rows of the split, classes].
        metrics: split → metric → value, as a run keeps them (`libelle.evaluation.repeated.with_new_apart`).
        objective: name of the metric that it is judged by.
        seconds: step → how long it took.
        uncalibrated: what scores were before calibration; None without calibration.
    """

    pipeline: Pipeline
    scores: Mapping[str, Floats]
    metrics: Mapping[str, Metrics]
    objective: str
    seconds: Mapping[str, float]
    uncalibrated: Uncalibrated | None = None

    @property
    def value(self) -> float:
        """Value of the objective."""
        return _value(self.objective, self.metrics)

    @property
    def calibration(self) -> dict[str, Any] | None:
        """What was calibrated, and split → `before` and `after` → the metrics that it is about; None without."""
        if self.pipeline.calibration is None or self.uncalibrated is None:
            return None
        sides = (("before", self.uncalibrated.metrics), ("after", self.metrics))
        return {
            **self.pipeline.calibration.to_json(),
            **{
                split: {when: {name: metrics[split][name] for name in CALIBRATED} for when, metrics in sides}
                for split in SPLITS
            },
        }


def fit(plan: Plan, training: Training, prepared: Prepared) -> Fitted:
    """Fit the plan's model, and its calibration, to prepared data.

    Args:
        plan: its sampler, model and calibration are used.
        training: what the model needs while it trains.
        prepared: the data.

    Raises:
        UserError: when `optimize` names no metric of these data, or one without a value for this model, or training
            fails for a reason that a setting removes, or the sampler or the model returns something else than it must.
    """
    objective = objective_of(plan.objective, prepared.labels)
    datasets = {split: prepared.dataset(split) for split in SPLITS}
    seen = datasets[TRAIN]
    if plan.sampler is not None:
        seen = require_sampled(plan.sampler.sample(seen, plan.seed), seen, plan.sampler, prepared.labels)
    started = time.monotonic()
    # What Lightning trains has a bar or lines of its own.
    with nullcontext() if plan.model.lightning else stage(f"training on {len(seen):,} rows"):
        plan.model.fit(seen, datasets[VALIDATION], len(prepared.labels), training)
    fitted = time.monotonic()
    with stage(f"scoring {prepared.features.rows:,} rows"):
        scores = {
            split: require_probabilities(
                plan.model.predict_proba(data.features), plan.model, len(data), len(prepared.labels)
            )
            for split, data in datasets.items()
        }
    seconds = {"training": fitted - started, "scoring": time.monotonic() - fitted}
    metrics, before = _evaluate(prepared, datasets, scores), None
    if plan.calibration is not None:
        held = datasets[VALIDATION]
        plan.calibration.fit(scores[VALIDATION], held.targets, held.weights)
        before = Uncalibrated(scores, metrics)
        scores = {split: plan.calibration.transform(values) for split, values in scores.items()}
        metrics = _evaluate(prepared, datasets, scores)
    _value(objective, metrics)
    pipeline = Pipeline(
        fields=prepared.fields,
        text=prepared.text,
        id=prepared.id,
        rule=DecisionRule(prepared.labels),
        cleaners=prepared.cleaners,
        process=prepared.process,
        model=plan.model,
        titles=prepared.titles,
        calibration=plan.calibration,
        reference=prepared.reference.with_scores(np.concatenate([scores[split] for split in (VALIDATION, TEST)])),
        golden=prepared.golden,
        target=prepared.target,
        encoder=prepared.encoder,
        weight=prepared.weight,
        metrics=metrics,
        reading=prepared.reading,
        min_records=_fewest(prepared, plan.model),
    )
    kept = with_new_apart(metrics, prepared.rows, datasets[TEST].targets, scores[TEST], pipeline.rule)
    return Fitted(pipeline, scores, kept, objective, seconds, before)


def _value(objective: str, metrics: Mapping[str, Metrics]) -> float:
    split, _, metric = objective.partition(".")
    return require_defined(objective, metrics[split][metric])


def _fewest(prepared: Prepared, model: Model) -> int | None:
    fewest = fewest_of((prepared.min_records, model.fewest_records()))
    return None if fewest is None else int(fewest)


def _evaluate(prepared: Prepared, datasets: Mapping[str, Dataset], scores: Mapping[str, Floats]) -> dict[str, Metrics]:
    return {
        split: evaluate(data.targets, scores[split], DecisionRule(prepared.labels), prepared.weights(split))
        for split, data in datasets.items()
    }

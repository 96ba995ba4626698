"""The modes, as a list of steps. This file alone knows all parts."""

import logging
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from libelle.cleaners.base import Cleaner, clean_table
from libelle.data.records import Records
from libelle.data.source import Source
from libelle.data.split import SPLITS, TRAIN, VALIDATION
from libelle.errors import UserError
from libelle.evaluation.metrics import Metrics, evaluate
from libelle.features import Dataset
from libelle.logs import log_to_file
from libelle.models.base import Model, Training
from libelle.pipeline import Pipeline, golden_records
from libelle.processes.base import Process
from libelle.runs.environment import environment, git_commit, library_versions
from libelle.runs.run import COMPLETED, FAILED, Run
from libelle.stores.base import Store

log = logging.getLogger(__name__)

#: What decides when the scores are not calibrated to a cost: the more probable of two classes.
DEFAULT_THRESHOLD = 0.5


def no_lightning(_: Path) -> tuple[Sequence[Any], Sequence[Any]]:
    """No callbacks and no loggers."""
    return (), ()


@dataclass
class Plan:
    """All that a run needs, as plain objects.

    Attributes:
        source: where records come from.
        cleaners: name → cleaner, in the order of application.
        process: not yet fitted.
        model: not yet fitted.
        store: where the run is kept.
        seed: of everything random in training.
        objective: the metric that the run is judged by, as `validation.average_precision`; None for the default.
        trainer: keyword arguments of Lightning's Trainer.
        lightning: makes Lightning's callbacks and loggers, given a scratch folder.
        config: the resolved config, kept with the run.
        options: config group → chosen option.
        command: the command line.
        sweep: name of the sweep that the run is part of.
        trial: its number there.
    """

    source: Source
    cleaners: Mapping[str, Cleaner]
    process: Process
    model: Model
    store: Store
    seed: int = 1
    objective: str | None = None
    trainer: Mapping[str, Any] = field(default_factory=dict)
    lightning: Callable[[Path], tuple[Sequence[Any], Sequence[Any]]] = no_lightning
    config: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    sweep: str | None = None
    trial: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        run_id: the id.
        metrics: split → metric → value, as in `metrics.json`.
        objective: name of the metric that the run is judged by.
        value: its value.
        pipeline: the fitted pipeline.
    """

    run_id: str
    metrics: Mapping[str, Metrics]
    objective: str
    value: float
    pipeline: Pipeline


def full(plan: Plan) -> Outcome:
    """Everything, start to end: from the source to a completed run in the store."""
    plan.store.check()
    with tempfile.TemporaryDirectory(prefix="libelle-") as name, log_to_file(Path(name, "log.txt")):
        scratch = Path(name)
        training = make_training(plan, scratch)
        records = plan.source.read()
        log_records(plan, records)
        with begin_run(plan, records, scratch) as run:
            plan.process.fit(
                clean_table(records.take(TRAIN).fields, plan.cleaners.values()), records.take(TRAIN).targets
            )
            pipeline = make_pipeline(plan, records)
            datasets = {split: encode(pipeline, records.take(split)) for split in SPLITS}
            plan.model.fit(datasets[TRAIN], datasets[VALIDATION], len(records.labels), training)
            scores = {split: plan.model.predict_proba(data.features) for split, data in datasets.items()}
            metrics = {
                split: evaluate(data.targets, scores[split], records.labels, DEFAULT_THRESHOLD)
                for split, data in datasets.items()
            }
            objective, value = read_objective(plan.objective, metrics, records.labels)
            save(run, plan, records, pipeline, scores, metrics, scratch)
            run.manifest.objective, run.manifest.value = objective, value
    return Outcome(str(run.id), metrics, objective, value, pipeline)


def make_training(plan: Plan, scratch: Path) -> Training:
    """Build what Lightning needs before any work starts: a wrong setting must not cost an hour."""
    callbacks, loggers = plan.lightning(scratch) if plan.model.lightning else no_lightning(scratch)
    return Training(scratch, plan.seed, plan.trainer, callbacks, loggers)


def log_records(plan: Plan, records: Records) -> None:
    """Say what was read."""
    shares = ", ".join(f"{int((records.splits == split).sum()):,} {split}" for split in SPLITS)
    log.info("%s: %s rows (%s), %d labels", plan.source, f"{len(records.ids):,}", shares, len(records.labels))
    seen = set(records.take(TRAIN).targets)
    unseen = [label for label in records.labels if label not in seen]
    if unseen:
        log.warning("%d labels have no training row, so that they are never predicted: %s", len(unseen), unseen[:10])


@contextmanager
def begin_run(plan: Plan, records: Records, scratch: Path) -> Iterator[Run]:
    """Claim a run id; at the end the manifest says how it went, whatever happens."""
    run = Run.begin(
        plan.store,
        command=plan.command,
        git_commit=git_commit(),
        seed=plan.seed,
        data=plan.source.name,
        model=plan.options.get("model", type(plan.model).__name__),
        data_fingerprint=records.fingerprint(),
        libraries=library_versions(),
        sweep=plan.sweep,
        trial=plan.trial,
    )
    log.info("run %s begins in %s", run.id, plan.store)
    started = time.monotonic()
    try:
        yield run
    except BaseException as error:
        reason = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__
        log.debug("run %s failed\n%s", run.id, traceback.format_exc())
        log.error("run %s failed: %s", run.id, reason)
        run.put_file("log.txt", scratch / "log.txt")
        run.finish(FAILED, reason)
        raise
    log.info("run %s took %.1f s", run.id, time.monotonic() - started)
    run.put_file("log.txt", scratch / "log.txt")
    run.finish(COMPLETED)


def make_pipeline(plan: Plan, records: Records) -> Pipeline:
    """Join the parts; the model in it may still have to be fitted."""
    fields = list(records.fields.columns)
    return Pipeline(
        fields=fields,
        text=plan.source.text or fields[0],
        id=plan.source.id,
        labels=records.labels,
        cleaners=plan.cleaners,
        process=plan.process,
        model=plan.model,
        threshold=DEFAULT_THRESHOLD if len(records.labels) == 2 else None,
    )


def encode(pipeline: Pipeline, records: Records) -> Dataset:
    """Clean and encode records as the runtime does."""
    return Dataset(pipeline.encode(records.fields), records.target_codes.to_numpy())


def read_objective(name: str | None, metrics: Mapping[str, Metrics], labels: Sequence[str]) -> tuple[str, float]:
    """Name and value of the metric that the run is judged by.

    Raises:
        UserError: when there is no such metric.
    """
    name = name or f"validation.{'average_precision' if len(labels) == 2 else 'accuracy'}"
    split, _, metric = name.partition(".")
    value = metrics.get(split, {}).get(metric)
    if not isinstance(value, int | float):
        known = ", ".join(key for key, number in metrics[VALIDATION].items() if isinstance(number, int | float))
        raise UserError(
            f"optimize={name} is not a metric of this run; choose a split ({', '.join(SPLITS)}) and one of {known}."
        )
    return name, float(value)


def save(
    run: Run,
    plan: Plan,
    records: Records,
    pipeline: Pipeline,
    scores: Mapping[str, np.ndarray],
    metrics: Mapping[str, Metrics],
    scratch: Path,
) -> None:
    """Write the run's files, all but the log and the manifest."""
    folder = scratch / "pipeline"
    folder.mkdir()
    pipeline.save(folder, golden_records(records.take(TRAIN).fields, plan.seed))
    run.put_folder("pipeline", folder)
    run.put("config.yaml", yaml.safe_dump(dict(plan.config), sort_keys=False, allow_unicode=True).encode())
    run.put_json("environment.json", {"command": plan.command, "seed": plan.seed, **environment()})
    run.put_json("data.json", describe_data(records))
    run.put_json("metrics.json", metrics)
    splits = pd.DataFrame({"id": records.ids, "split": records.splits})
    splits.to_parquet(scratch / "split.parquet", index=False, compression="zstd")
    run.put_file("split.parquet", scratch / "split.parquet")
    predictions(records, scores).to_parquet(scratch / "predictions.parquet", index=False, compression="zstd")
    run.put_file("predictions.parquet", scratch / "predictions.parquet")
    history = scratch / "history" / "metrics.csv"
    if history.exists():
        run.put_file("history.csv", history)


def predictions(records: Records, scores: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Validation and test scores by record id, one `score_<label>` column a class, float32, unrounded."""
    parts = []
    for split in SPLITS[1:]:
        chosen = records.take(split)
        part = pd.DataFrame({"id": chosen.ids, "split": chosen.splits, "target": chosen.targets})
        for position, label in enumerate(records.labels):
            part[f"score_{label}"] = scores[split][:, position]
        parts.append(part)
    return pd.concat(parts)


def describe_data(records: Records) -> dict[str, Any]:
    """Fingerprint, rows of each split and label, and each field's share of missing values."""
    return {
        "fingerprint": records.fingerprint(),
        "rows": {split: int((records.splits == split).sum()) for split in SPLITS},
        "labels": records.labels,
        "label_rows": {
            split: {str(label): int(rows) for label, rows in records.take(split).targets.value_counts().items()}
            for split in SPLITS
        },
        "missing": {str(name): float(share) for name, share in records.fields.isna().mean().items()},
        "distinct": {str(name): int(count) for name, count in records.fields.nunique().items()},
    }

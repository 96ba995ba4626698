"""What a completed run keeps: its files, all but the log and the manifest."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from libelle.data.split import TEST, VALIDATION
from libelle.evaluation.errors_csv import find_errors
from libelle.evaluation.field_worth import worth
from libelle.features import Floats
from libelle.reports.run_report import Evidence, make_report
from libelle.runs.environment import environment
from libelle.runs.run import Run
from libelle.training.fitting import Fitted
from libelle.training.plan import Plan
from libelle.training.prepared_data import Prepared


def keep(run: Run, prepared: Prepared, fitted: Fitted, plan: Plan, scratch: Path) -> None:
    """Write the run's files: pipeline, config, metrics, scores, report, and records that a person should look at.

    Args:
        run: whose id has been claimed.
        prepared: the data.
        fitted: the pipeline, and what it scores.
        plan: what it was made by.
        scratch: a folder for temporary files; the logger's are in it.
    """
    pipeline, scores, metrics = fitted.pipeline, fitted.scores, fitted.metrics
    config = yaml.safe_dump(dict(plan.provenance.config), sort_keys=False, allow_unicode=True)
    about = {"command": plan.provenance.command, "seed": plan.seed, **environment()}
    folder = scratch / "pipeline"
    pipeline.save(folder)
    run.put_folder("pipeline", folder)
    run.put("config.yaml", config.encode())
    run.put_json("environment.json", about)
    run.put_json("data.json", {"name": prepared.name, "labels": prepared.labels, **prepared.about})
    run.put_json("metrics.json", metrics)
    prepared.rows[["id", "split"]].to_parquet(scratch / "split.parquet", index=False, compression="zstd")
    run.put_file("split.parquet", scratch / "split.parquet")
    _predictions(prepared, scores).to_parquet(scratch / "predictions.parquet", index=False, compression="zstd")
    run.put_file("predictions.parquet", scratch / "predictions.parquet")
    history = scratch / "history" / "metrics.csv"
    if history.exists():
        run.put_file("history.csv", history)
    erased = prepared.erased
    evidence = Evidence(
        run_id=str(run.id),
        data=prepared.name,
        model=str(run.manifest.model),
        fields=prepared.fields,
        rule=pipeline.rule,
        rows=prepared.rows,
        targets=prepared.targets,
        scores=scores,
        metrics=metrics,
        about=prepared.about,
        worth=worth(erased, pipeline.score_features, prepared.targets, prepared.fields),
        worth_records=erased.records,
        history=pd.read_csv(history) if history.exists() else None,
        seconds=fitted.seconds,
        config=config,
        environment=about,
        uncalibrated=fitted.uncalibrated,
        language=plan.language,
    )
    run.put("report.html", make_report(evidence).encode())
    targets = np.concatenate([evidence.of(split)[0] for split in (VALIDATION, TEST)])
    listed = np.concatenate([scores[split] for split in (VALIDATION, TEST)])
    errors = find_errors(prepared.rows, targets, listed, pipeline.rule)
    places = errors.pop("row").to_numpy()
    if prepared.texts is not None:
        errors = pd.concat([errors, prepared.texts.iloc[places].reset_index(drop=True).add_prefix("text_")], axis=1)
    run.put("errors.csv", errors.to_csv(index=False).encode())


def _predictions(prepared: Prepared, scores: Mapping[str, Floats]) -> pd.DataFrame:
    """Validation and test scores by record id, one `score_<label>` column per label, float32, unrounded."""
    parts = []
    for split in (VALIDATION, TEST):
        part = prepared.rows[prepared.rows["split"] == split][["id", "split", "target"]].copy()
        for position, label in enumerate(prepared.labels):
            part[f"score_{label}"] = scores[split][:, position]
        parts.append(part)
    return pd.concat(parts)

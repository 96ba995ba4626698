"""What a completed run keeps: its files, all but the log and the manifest."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml

from libelle.data.split import TEST, VALIDATION
from libelle.evaluation.field_worth import worth
from libelle.features import Floats
from libelle.reports.run_report import Evidence
from libelle.runs.environment import environment
from libelle.runs.run import Run
from libelle.training.fitting import Fitted
from libelle.training.plan import Plan
from libelle.training.prepared_data import Prepared
from libelle.training.run_evidence import EVIDENCE, store_evidence
from libelle.training.run_pages import make_pages


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
    data = {"name": prepared.name, "labels": prepared.labels, "titles": dict(prepared.titles), **prepared.about}
    run.put_json("data.json", data)
    run.put_json("metrics.json", metrics)
    prepared.rows[["id", "split"]].to_parquet(scratch / "split.parquet", index=False, compression="zstd")
    run.put_file("split.parquet", scratch / "split.parquet")
    _predictions(prepared, scores).to_parquet(scratch / "predictions.parquet", index=False, compression="zstd")
    run.put_file("predictions.parquet", scratch / "predictions.parquet")
    history = scratch / "history" / "metrics.csv"
    if history.exists():
        run.put_file("history.csv", history)
    erased, rows = prepared.erased, prepared.rows
    if prepared.texts is not None:
        rows = pd.concat([rows, prepared.texts.add_prefix("text_").set_axis(rows.index)], axis=1)
    evidence = Evidence(
        run_id=str(run.id),
        store=run.store,
        data=prepared.name,
        model=str(run.manifest.model),
        fields=prepared.fields,
        rule=pipeline.rule,
        rows=rows,
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
        titles=prepared.titles,
        language=plan.language,
    )
    for name, content in make_pages(evidence, plan.excel).items():
        run.put(name, content)
    place = scratch / EVIDENCE
    place.mkdir()
    store_evidence(run, evidence, place)


def _predictions(prepared: Prepared, scores: Mapping[str, Floats]) -> pd.DataFrame:
    """Validation and test scores by record id, one `score_<label>` column per label, float32, unrounded.

    `weight` is there where the data have weights.
    """
    parts = []
    for split in (VALIDATION, TEST):
        columns = ["id", "split", "target", *(["weight"] if prepared.weight else [])]
        part = prepared.rows[prepared.rows["split"] == split][columns].copy()
        for position, label in enumerate(prepared.labels):
            part[f"score_{label}"] = scores[split][:, position]
        parts.append(part)
    return pd.concat(parts)

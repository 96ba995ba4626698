"""What a run keeps so that its report can be made again, once a threshold has been chosen.

The folder `<run_id>.evidence/` holds what no other file of the run has. No text of a record is in it but where texts
were asked for: values of the report's slices that few records have are numbers there, as the page does not name them.
"""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from libelle.data.frequent import FEWEST_RECORDS
from libelle.data.parquet_files import read_table
from libelle.data.split import SPLITS, TEST, TRAIN, VALIDATION
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.metrics import Metrics, evaluate
from libelle.evaluation.outcomes import predictions, scores_of
from libelle.evaluation.repeated import with_new_apart
from libelle.features import Floats, Ints
from libelle.files import write_json
from libelle.reports.page import language_of
from libelle.reports.run_report import Evidence, Uncalibrated
from libelle.runs.run import Run

#: The folder of the run.
EVIDENCE = "evidence"


def store_evidence(run: Run, evidence: Evidence, folder: Path) -> None:
    """Write the folder.

    Args:
        run: the run; its other files are written elsewhere.
        evidence: of the report.
        folder: an empty one, for temporary files.
    """
    labels = list(evidence.rule.labels)
    tables = {
        "rows": _without_rare_values(evidence.rows.drop(columns=["id", "split"]), evidence.rows["split"] == TEST),
        "worth": evidence.worth,
    }
    if evidence.rule.is_binary:  # what is said of training records depends on the threshold
        tables["train"] = _scores(evidence.scores, [TRAIN], labels)
    if evidence.uncalibrated is not None:
        tables["uncalibrated"] = _scores(evidence.uncalibrated.scores, [VALIDATION, TEST], labels)
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False, compression="zstd")
    about = {
        "fields": list(evidence.fields),
        "worth_records": evidence.worth_records,
        "seconds": dict(evidence.seconds),
    }
    write_json(folder / "evidence.json", about)
    run.put_folder(EVIDENCE, folder)


def read_evidence(run: Run) -> Evidence | None:
    """What the run's report is made of, by the threshold that is chosen now; None for a run of an earlier libelle.

    Raises:
        UserError: when a file of the run is missing or was altered.
    """
    if not run.folder_files(EVIDENCE):
        return None
    about = run.read_json(f"{EVIDENCE}/evidence.json")
    data = run.read_json("data.json")
    choice = run.read_threshold()
    labels, scored = predictions(run)
    rule = DecisionRule.chosen(labels, choice)
    rows = pd.concat([_table(run, "split.parquet"), _table(run, f"{EVIDENCE}/rows.parquet")], axis=1)
    scores = {name: _array(scored[scored["split"] == name], rule) for name in (VALIDATION, TEST)}
    targets = pd.Index(labels).get_indexer(pd.Index(rows["target"])).astype(np.int64)
    metrics = run.read_json("metrics.json")
    if rule.is_binary:
        scores[TRAIN] = _array(_table(run, f"{EVIDENCE}/train.parquet"), rule)
        metrics = _evaluate(rows, targets, scores, rule)
    history = f"{run.id}.history.csv" in run.manifest.files
    return Evidence(
        run_id=str(run.id),
        store=run.store,
        data=data["name"],
        model=str(run.manifest.model),
        fields=about["fields"],
        rule=rule,
        rows=rows,
        targets=targets,
        scores=scores,
        metrics=metrics,
        about={name: value for name, value in data.items() if name not in ("name", "labels", "titles")},
        worth=_table(run, f"{EVIDENCE}/worth.parquet"),
        worth_records=about["worth_records"],
        history=pd.read_csv(io.BytesIO(run.read("history.csv"))) if history else None,
        seconds=about["seconds"],
        config=run.read("config.yaml").decode(),
        environment=run.read_json("environment.json"),
        uncalibrated=_uncalibrated(run, scored, rule),
        titles=data.get("titles", {}),
        choice=choice,
        language=language_of(run),
    )


def _evaluate(
    rows: pd.DataFrame, targets: Ints, scores: Mapping[str, Floats], rule: DecisionRule
) -> Mapping[str, Metrics]:
    """The metrics by the chosen threshold, as a run keeps those of its own."""
    places = {name: (rows["split"] == name).to_numpy() for name in SPLITS}
    weights = rows["weight"].to_numpy(np.float64) if "weight" in rows else None
    metrics = {
        name: evaluate(targets[own], scores[name], rule, None if weights is None else weights[own])
        for name, own in places.items()
    }
    return with_new_apart(metrics, rows, targets[places[TEST]], scores[TEST], rule)


def _uncalibrated(run: Run, scored: pd.DataFrame, rule: DecisionRule) -> Uncalibrated | None:
    if "uncalibrated.parquet" not in run.folder_files(EVIDENCE):
        return None
    table = _table(run, f"{EVIDENCE}/uncalibrated.parquet")
    split = scored["split"].to_numpy()
    scores = {name: _array(table[split == name], rule) for name in (VALIDATION, TEST)}
    stored = run.read_json("calibration.json")
    return Uncalibrated(scores, {name: stored[name]["before"] for name in SPLITS})


def _without_rare_values(rows: pd.DataFrame, test: pd.Series) -> pd.DataFrame:
    """Slices of test records with a number in the place of each value that few of them have; of others, nothing."""
    for name in (name for name in rows if str(name).startswith("slice_")):
        column = rows[name].where(test)
        counts = column.map(column.value_counts())
        numbers = pd.Series(pd.factorize(column)[0], index=column.index).map("#{}".format)
        rows = rows.assign(**{str(name): column.where(column.isna() | (counts >= FEWEST_RECORDS), numbers)})
    return rows


def _scores(scores: Mapping[str, Floats], splits: list[str], labels: list[str]) -> pd.DataFrame:
    values = np.concatenate([scores[name] for name in splits])
    return pd.DataFrame(values, columns=[f"score_{label}" for label in labels])


def _array(table: pd.DataFrame, rule: DecisionRule) -> Floats:
    return scores_of(table, rule).astype(np.float32)


def _table(run: Run, name: str) -> pd.DataFrame:
    return read_table(run.read(name), run.key(name))

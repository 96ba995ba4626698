"""The files of a run that depend on its decision rule: the report and the error workbench."""

import json
import logging
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import yaml

from libelle.components import validate
from libelle.data.split import TEST, VALIDATION
from libelle.data.table_files import Excel, csv_bytes
from libelle.evaluation.errors_csv import find_errors
from libelle.evaluation.threshold import save
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.evaluation.threshold_table import threshold_table
from libelle.files import json_bytes
from libelle.progress import stage
from libelle.reports.run_report import Evidence, make_report
from libelle.runs.ids import RunId
from libelle.runs.run import THRESHOLDS, Run
from libelle.runs.work import work_folder
from libelle.stores.base import Store
from libelle.stores.outbox import Parcel, dispatch, drafts
from libelle.training.run_evidence import read_evidence

log = logging.getLogger(__name__)

#: The object of a parcel that holds a choice, and what it was chosen by.
_CHOICE = "choice.json"


def make_pages(evidence: Evidence, excel: Excel) -> dict[str, bytes]:
    """Name → content of the files.

    Args:
        evidence: its rows hold the texts of records, as `text_<field>`, where they are to be kept.
        excel: whose Excel `errors.csv` is for.
    """
    return {"report.html": make_report(evidence).encode(), "errors.csv": csv_bytes(_errors(evidence), excel)}


def keep_choice(
    run: Run, choice: dict[str, Any], request: ThresholdRequest, table: pd.DataFrame | None = None
) -> dict[str, Any]:
    """Keep a choice with its run: the threshold, for many labels the table, and the report and `errors.csv` made anew.

    Args:
        run: a completed run.
        choice: as `libelle.evaluation.threshold.decide` makes it.
        request: what it was chosen by.
        table: see `libelle.evaluation.threshold_table.threshold_table`; made where left out.

    Returns:
        The choice, with all earlier ones in `history`.
    """
    if len(choice["labels"]) > 2:
        table = threshold_table(run, choice, request) if table is None else table
    saved = save(run, choice)
    if table is not None and len(choice["labels"]) > 2:
        content = csv_bytes(table, request.excel)
        run.change(THRESHOLDS, lambda _: content)
    renew_pages(run)
    return saved


def deliver_choice(run: Run, choice: dict[str, Any], request: ThresholdRequest, table: pd.DataFrame) -> dict[str, Any]:
    """As `keep_choice`; where the store fails, the choice stays on this machine, to be sent later.

    Raises:
        UserError: when the store fails; the sentence says where the choice is.
    """
    saved: dict[str, Any] = {}

    def send(_: Parcel, __: Store) -> None:
        saved.update(keep_choice(run, choice, request, table))

    with work_folder() as work:
        folder = work / "drafts"
        drafts(folder).put(_CHOICE, json_bytes({"choice": choice, "request": asdict(request)}))
        what = f"the choice of a threshold for run {run.id}"
        dispatch(folder, run.store, "threshold", what, send, run_id=str(run.id))
    return saved


def send_choice(parcel: Parcel, store: Store) -> None:
    """Keep a choice with its run, unless a later one was kept meanwhile.

    Raises:
        UserError: when the store fails, or the run is not there any more.
    """
    run = Run.open(store, RunId.parse(str(parcel.target.about["run_id"]))).require_completed()
    kept = json.loads(parcel.objects.get(_CHOICE))
    choice = kept["choice"]
    current = run.read_threshold()
    if choice in (current or {}).get("history", []):
        renew_pages(run)  # it was cut short after the choice itself
    elif current is not None and datetime.fromisoformat(current["date"]) > datetime.fromisoformat(choice["date"]):
        log.info("a later threshold was chosen for run %s, so that of %s is not kept", run.id, choice["date"])
    else:
        keep_choice(run, choice, validate(ThresholdRequest, kept["request"], ""))


def renew_pages(run: Run) -> None:
    """Make the report and `errors.csv` anew, by the threshold that is chosen now."""
    while True:
        evidence = read_evidence(run)
        if evidence is None:
            log.info("run %s was made by an earlier libelle: its report stays as it was after training", run.id)
            return
        with stage("making the report anew"):
            pages = make_pages(evidence, yaml.safe_load(evidence.config).get("excel"))
        for name, content in pages.items():
            run.change(name, lambda _, content=content: content)  # type: ignore[misc]
        # Somebody may have chosen meanwhile, and whoever comes last leaves pages that fit.
        if Run.open(run.store, run.id).read_threshold() == evidence.choice:
            return


def _errors(evidence: Evidence) -> pd.DataFrame:
    (targets, scores), (test_targets, test_scores) = evidence.of(VALIDATION), evidence.of(TEST)
    errors = find_errors(
        evidence.rows, np.concatenate([targets, test_targets]), np.concatenate([scores, test_scores]), evidence.rule
    )
    places = errors.pop("row").to_numpy()
    if evidence.titles:
        for name in ("target", "decision"):
            place = int(errors.columns.get_indexer(pd.Index([name]))[0]) + 1
            errors.insert(place, f"{name}_title", errors[name].map(evidence.titles))
    texts = [name for name in evidence.rows if str(name).startswith("text_")]
    return pd.concat([errors, evidence.rows[texts].iloc[places].reset_index(drop=True)], axis=1)

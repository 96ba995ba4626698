"""The command `threshold`: choose a run's decision threshold, and keep it with the run."""

import json

from omegaconf import DictConfig

from libelle.cli import terminal_tables
from libelle.cli.command import plain_errors, typed_overrides, values_and_store
from libelle.components import validate
from libelle.evaluation.threshold import decide, save
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.runs.run_list import newest


def threshold(config: DictConfig) -> None:
    """Run the command on a composed config."""
    with plain_errors():
        values, store = values_and_store(config)
        request = validate(ThresholdRequest, values, "")
        store.check()
        run = Run.open(store, RunId.parse(request.run_id) if request.run_id else newest(store))
        choice = save(run, decide(run, request))
        if request.format == "json":
            print(json.dumps({"run_id": str(run.id), **choice}, ensure_ascii=False))
        else:
            terminal_tables.print_threshold(run, choice, typed_overrides())

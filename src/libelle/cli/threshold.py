"""The command `threshold`: choose a run's decision threshold, and keep it with the run."""

import json
import logging

from omegaconf import DictConfig

from libelle.cli import terminal_tables
from libelle.cli.command import plain_errors, typed_overrides, values_and_store
from libelle.components import validate
from libelle.data.table_files import table_file
from libelle.evaluation.threshold import decide
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.evaluation.threshold_table import threshold_table
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.runs.run_list import newest
from libelle.training.run_pages import deliver_choice

log = logging.getLogger(__name__)


def threshold(config: DictConfig) -> None:
    """Run the command on a composed config."""
    with plain_errors():
        values, store = values_and_store(config)
        request = validate(ThresholdRequest, values, "")
        store.check()
        run = Run.open(store, newest(store) if request.run_id is None else RunId.parse(request.run_id))
        choice = decide(run, request)
        labels = threshold_table(run, choice, request)
        if request.output is not None:
            with table_file(request.output, request.excel) as file:
                file.write(labels)
            log.info("the table is in %s", request.output)
        saved = deliver_choice(run, choice, request, labels)
        for warning in choice["warnings"]:
            log.warning("%s", warning)
        if request.format == "json":
            print(json.dumps({"run_id": str(run.id), **saved}, ensure_ascii=False))
        else:
            terminal_tables.print_threshold(run, saved, labels, typed_overrides())

"""Scoring many records into a folder: planned once, scored in shards, and gone on with after whatever ended it."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from libelle.data.file_parts import cut
from libelle.data.names import as_spelled
from libelle.data.options import FileReport
from libelle.data.records import require_columns
from libelle.errors import UserError
from libelle.pipeline import Pipeline
from libelle.progress import stage
from libelle.scoring.engines import Engine, EngineName
from libelle.scoring.file_scorer import REPORTED_ROWS
from libelle.scoring.inputs import Input, find_inputs
from libelle.scoring.job import Job, ModelSource, Outcome, Planned, Shard, file_request
from libelle.scoring.ledger import NAME, Ledger, open_ledger
from libelle.scoring.request import FileRequest, used_columns

log = logging.getLogger(__name__)


def score_into_folder(
    request: FileRequest, model: ModelSource, pipeline: Pipeline, engine: EngineName, workers: int
) -> tuple[list[Outcome], bool]:
    """Score files in shards; `output` is the folder of their parts.

    Args:
        request: what is asked.
        model: where the workers load the pipeline from.
        pipeline: the same, loaded.
        engine: who scores.
        workers: how many at a time.

    Returns:
        What became of each shard, and whether any was scored now.

    Raises:
        UserError: names the file, the row, or what is other than when the work began.
    """
    folder, request = Path(str(request.output)), file_request(request)
    inputs = find_inputs(str(request.input), model.store)
    _require_apart(folder, str(request.input), inputs)
    # Planned before the folder is made: a mistake leaves nothing behind.
    planned = None if (folder / NAME).exists() else _plan(inputs, request, pipeline, model)
    with open_ledger(folder) as ledger:
        if ledger.about is None:
            job = Job(request, model, folder.resolve(), planned or _plan(inputs, request, pipeline, model))
            ledger.begin(job)
        else:
            job = ledger.same_job(request, model, inputs)
        shards = job.shards
        left = ledger.left(shards)
        if left:
            _score(job, ledger, left, _engine(engine), workers)
        else:
            log.info("output=%s is finished; nothing is left to score", request.output)
        outcomes = [ledger.done[shard.number] for shard in shards]
    total = FileReport(read=sum(each.rows for each in outcomes), refused=sum(each.refused for each in outcomes))
    total.close(str(request.input), "scored")
    return outcomes, bool(left)


def _plan(inputs: Sequence[Input], request: FileRequest, pipeline: Pipeline, model: ModelSource) -> list[Planned]:
    """Cut the inputs, and refuse those that could not be scored."""
    options = request.options(pipeline)
    planned: list[Planned] = []
    with stage(f"looking where {request.input} can be cut", len(inputs)) as advance:
        for file in inputs:
            report = FileReport()
            with file.open(model.store) as stream:
                found = cut(stream, file.name, options, report)
            if found.columns:
                columns = pd.DataFrame(columns=list(found.columns))
                spelled = columns.rename(columns=as_spelled(found.columns, used_columns(pipeline)))
                require_columns(list(spelled.columns), {"the model": pipeline.fields}, file.name, keys="")
                request.kept(columns, file.name)
            if not planned:
                report.announce()  # the others are like it, as a rule
            planned.append(Planned(file, found))
            advance(1)
    return planned


def _require_apart(folder: Path, wanted: str, inputs: Sequence[Input]) -> None:
    """Raise where the output would be among the inputs."""
    if Path(wanted).is_dir() and folder.resolve().is_relative_to(Path(wanted).resolve()):
        raise UserError(f"output={folder} lies in input={wanted}, and would be read as well; choose another folder.")
    inside = next((file for file in inputs if Path(file.path).is_relative_to(folder.resolve())), None)
    if inside is not None:
        raise UserError(f"output={folder} is where the input {inside.name} lies; choose another folder.")


def _engine(name: EngineName) -> Engine:
    if name == "ray":
        from libelle.scoring.ray_tasks import score_by_ray

        return score_by_ray
    from libelle.scoring.processes import score_by_processes

    return score_by_processes


def _score(job: Job, ledger: Ledger, left: Sequence[Shard], engine: Engine, workers: int) -> None:
    shards, done = job.shards, ledger.done
    again = {shard.number for shard in left}
    begun = sum(each.rows + each.refused for number, each in done.items() if number not in again)
    if len(left) < len(shards):
        there = len(shards) - len(left)
        log.info("going on with output=%s: %d of %d parts are there", ledger.folder, there, len(shards))
    known = [shard.part.rows for shard in shards]
    total = None if None in known else sum(rows or 0 for rows in known)
    said: list[str] = []
    try:
        with stage(f"scoring {job.request.input}", total, "rows", begun) as advance:
            for outcome in engine(job, left, workers, advance):
                ledger.add(outcome)
                advance(outcome.refused)
                _say(outcome, said)
    except KeyboardInterrupt:
        parts = len(shards) - len(ledger.left(shards))
        log.warning("output=%s has %d of %d parts; the same command goes on", ledger.folder, parts, len(shards))
        raise
    if len(said) > REPORTED_ROWS:
        log.warning("%d more warnings; %s lists refused rows", len(said) - REPORTED_ROWS, ledger.folder / NAME)


def _say(outcome: Outcome, said: list[str]) -> None:
    """Say what a worker would have said, as long as people can read it."""
    for sentence in outcome.said:
        said.append(sentence)
        if len(said) <= REPORTED_ROWS:
            log.warning("%s", sentence)

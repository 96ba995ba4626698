"""Scoring many records into a folder: planned once, scored in shards, and gone on with after whatever ended it."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd

from libelle.data.file_parts import cut
from libelle.data.kinds import Kind, kind_of
from libelle.data.names import as_spelled
from libelle.data.options import FileReport
from libelle.data.records import require_columns
from libelle.data.tables import require_kind
from libelle.errors import UserError, counted
from libelle.pipeline import Pipeline
from libelle.progress import stage
from libelle.scoring.bucket_output import BucketOutput
from libelle.scoring.engines import Engine, EngineName
from libelle.scoring.file_scorer import REPORTED_ROWS
from libelle.scoring.inputs import S3, Input, find_inputs, is_pattern, object_at
from libelle.scoring.job import Job, ModelSource, Outcome, Planned, Shard, file_request
from libelle.scoring.ledger import Ledger, open_ledger
from libelle.scoring.outputs import LocalOutput, Output
from libelle.scoring.request import FileRequest, used_columns
from libelle.stores.base import Store

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
    output, request = output_of(str(request.output), model.store), file_request(request)
    inputs = find_inputs(str(request.input), model.store)
    output.require_apart(str(request.input), inputs)
    # Planned before the folder is made: a mistake leaves nothing behind.
    planned = None if output.is_begun() else _plan(inputs, request, pipeline, model)
    with _ledger_of(output) as ledger:
        if ledger.about is None:
            job = Job(request, model, output, planned or _plan(inputs, request, pipeline, model))
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


@contextmanager
def _ledger_of(output: Output) -> Iterator[Ledger]:
    """Open the ledger; an entry of it that cannot be written is a sentence, as a part that cannot is."""
    try:
        with open_ledger(output) as ledger:
            yield ledger
    except OSError as error:
        unwritten = output.unwritten(error)
        if unwritten is None:
            raise
        raise unwritten from error


def _plan(inputs: Sequence[Input], request: FileRequest, pipeline: Pipeline, model: ModelSource) -> list[Planned]:
    """Cut the inputs, and refuse those that could not be scored."""
    options = request.options(pipeline)
    planned: list[Planned] = []
    kinds: set[Kind] = set()
    with stage(f"looking where {request.input} can be cut", len(inputs)) as advance:
        for file in inputs:
            report = FileReport()
            with file.open(model.store) as stream:
                kinds.add(kind_of(stream, file.name))
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
    require_kind(kinds, f"input={request.input} names none", options)
    return planned


def output_of(wanted: str, store: Store | None) -> Output:
    """The folder that `output=` names, on this machine or in a bucket.

    Args:
        wanted: a path, or `s3://<bucket>/<folder>/`.
        store: whose credentials open a bucket.

    Raises:
        UserError: when a bucket cannot be reached by them, or the address is none.
    """
    if not wanted.startswith(S3):
        return LocalOutput(str(Path(wanted)), Path(wanted).resolve())
    bucket, key = object_at("output", wanted, store)
    prefix = key.rstrip("/")
    if is_pattern(prefix) or any(part in ("", ".", "..") for part in prefix.split("/")):
        raise UserError(f"output={wanted} is no folder in a bucket; write s3://<bucket>/<folder>/.")
    return BucketOutput(f"{S3}{bucket.bucket}/{prefix}/", replace(bucket, prefix=prefix))


def _engine(name: EngineName) -> Engine:
    if name == "ray":
        from libelle.scoring.ray_tasks import score_by_ray

        return score_by_ray
    from libelle.scoring.processes import score_by_processes

    return score_by_processes


def _score(job: Job, ledger: Ledger, left: Sequence[Shard], engine: Engine, workers: int) -> None:
    shards, done, place = job.shards, ledger.done, job.output.place
    begun = sum(each.rows + each.refused for each in done.values())
    if done:
        log.info("going on with %s: %d of %d parts are there", place, len(done), len(shards))
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
        log.warning("%s has %d of %s; the same command goes on", place, len(done), counted(len(shards), "part"))
        raise
    if len(said) > REPORTED_ROWS:
        more = counted(len(said) - REPORTED_ROWS, "more warning")
        log.warning("%s; %s lists refused rows", more, job.output.ledger)


def _say(outcome: Outcome, said: list[str]) -> None:
    """Say what a worker would have said, as long as people can read it."""
    for sentence in outcome.said:
        said.append(sentence)
        if len(said) <= REPORTED_ROWS:
            log.warning("%s", sentence)

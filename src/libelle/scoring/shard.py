"""Scoring a shard: the rows of a part of a file become one Parquet file, which takes its name when it is whole."""

import logging
from collections.abc import Callable, Iterator
from functools import cached_property

import pyarrow as pa
from threadpoolctl import threadpool_limits

from libelle.data.file_parts import read_part
from libelle.data.options import BadRow, FileReport
from libelle.data.table_files import ParquetFile
from libelle.evaluation.drift_seen import Seen
from libelle.files import sha256_of
from libelle.pipeline import Pipeline
from libelle.scoring.answer_table import answer_table
from libelle.scoring.file_scorer import REPORTED_ROWS, FileScorer, passed_row, refused_row
from libelle.scoring.job import KEPT_ROWS, Job, Outcome, Refused, Shard


class ShardScorer:
    """Scores shards of a job, one after the other; the pipeline is loaded once."""

    def __init__(self, job: Job) -> None:
        self.job = job

    @cached_property
    def _pipeline(self) -> Pipeline:
        pipeline = self.job.model.load()
        _compute_by_one_thread()
        return pipeline

    def score(self, shard: Shard, advance: Callable[[int], None]) -> Outcome:
        """Score a shard.

        Args:
            shard: which.
            advance: called with the number of records that were scored, now and then.

        Raises:
            UserError: when the input cannot be read or has changed, or a row is refused with `on_error=stop`.
        """
        scoring = _Scoring(self.job, shard, self._pipeline)
        with self.job.output.new_part(shard.output) as path:
            file = ParquetFile(path)
            try:
                for rows in scoring.write(file):
                    advance(rows)
            except BaseException:
                file.abandon()
                raise
            file.close()
            size, digest = path.stat().st_size, sha256_of(path)
        return scoring.outcome(size, digest)


class _Scoring:
    """One shard, and what is found on the way."""

    def __init__(self, job: Job, shard: Shard, pipeline: Pipeline) -> None:
        self.job, self.shard, self.pipeline = job, shard, pipeline
        self.planned = job.files[shard.file]
        self.name = self.planned.input.name
        self.said: list[str] = []
        self.report = _Collected(self.said)
        self.refused: list[Refused] = []
        rule = pipeline.rule.titled(pipeline.titles)
        self.seen = Seen(rule, pipeline.reference) if job.request.report else None

    def write(self, file: ParquetFile) -> Iterator[int]:
        """Write the answers; yields the number of rows of each part."""
        job, planned = self.job, self.planned
        scorer = FileScorer(self.pipeline, job.request, self.seen)
        options = job.request.options(self.pipeline)
        with planned.input.open(job.model.store) as stream:
            chunks = read_part(stream, self.name, planned.cut, self.shard.part, options, self._on_bad_row, self.report)
            for answers, kept in scorer.score(chunks, self.name, self._on_bad_row, self.report):
                file.write(answer_table(answers, kept, self.pipeline, self.name if len(job.files) > 1 else None))
                yield len(answers)
        planned.input.require_unchanged()

    def _on_bad_row(self, bad: BadRow) -> None:
        if self.job.request.on_error == "stop":
            raise refused_row(self.name, bad)
        if len(self.refused) < KEPT_ROWS:
            self.refused.append(Refused(self.name, bad.unit, bad.first, bad.last, bad.reason))
        if len(self.refused) <= REPORTED_ROWS:
            self.said.append(passed_row(self.name, bad))

    def outcome(self, size: int, digest: str) -> Outcome:
        """What became of it, once its file is there."""
        return Outcome(
            shard=self.shard.number,
            size=size,
            sha256=digest,
            rows=self.report.read,
            refused=self.report.refused,
            refused_rows=self.refused,
            seen=None if self.seen is None else self.seen.to_json(),
            said=self.said,
        )


class _Collected(FileReport):
    """A report whose warnings are kept for the process that people look at."""

    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self._said = said

    def say(self, sentence: str, level: int = logging.INFO) -> None:
        """Keep a warning; how a file is read was said when it was cut."""
        if level >= logging.WARNING:
            self._said.append(sentence)


def _compute_by_one_thread() -> None:
    """Let libraries use one thread: where each core has a worker, more would wait for each other."""
    threadpool_limits(1)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)

"""Scoring raw records from the command line: one text, one record, or a file streamed in chunks.

Nothing is written to disk but the `output` and the report that were asked for.
"""

import json
import logging
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from omegaconf import DictConfig

from libelle.cli.command import plain_errors, values_and_store
from libelle.cli.schema_keys import did_you_mean
from libelle.cli.score_writers import Writer, open_writer
from libelle.components import Positive, validate
from libelle.data.columns import from_frame
from libelle.data.frames import Chunks
from libelle.data.names import as_spelled
from libelle.data.options import OPTIONS, BadRow, FileReport, OnBadRow
from libelle.data.table_files import ending_of
from libelle.data.tables import read_file, read_stream
from libelle.errors import UserError
from libelle.language import ENGLISH, LanguageCode, require_language
from libelle.loading import load_published, load_run
from libelle.pipeline import Pipeline
from libelle.progress import stage
from libelle.published import find
from libelle.runs.ids import RunId
from libelle.runs.run_list import newest
from libelle.scoring.engines import EngineName
from libelle.scoring.file_scorer import REPORTED_ROWS, FileScorer, passed_row, refused_row
from libelle.scoring.folder import score_into_folder
from libelle.scoring.inputs import S3, is_several, object_at
from libelle.scoring.job import ModelSource
from libelle.scoring.request import FileRequest, used_columns
from libelle.signatures import trusted_file
from libelle.stores.base import Store
from libelle.stores.local import LocalStore

if TYPE_CHECKING:
    from libelle.evaluation.drift_seen import Seen

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class ScoringRequest(FileRequest):
    """The nodes of `conf/runtime.yaml`, `store` apart.

    Attributes:
        run_id: the run to use; by default the newest that completed.
        published: the published model to use instead, `name` or `name@version`.
        verify: `required`: a published model is used only if a trusted key has signed it.
        trusted: file of the public keys that are trusted; by default, what `LIBELLE_TRUSTED_KEYS` names.
        text: fills the pipeline's text field.
        record: field → text.
        language: of the page that compares the input with the training data.
        workers: who score at a time, where the output is a folder; one by default.
        engine: who they are there: processes of this machine, by default, or a Ray cluster.
    """

    run_id: str | None = None
    published: str | None = None
    verify: Literal["none", "required"] = "none"
    trusted: str | None = None
    text: str | None = None
    record: dict[str, str] | None = None
    language: LanguageCode = ENGLISH
    workers: Positive | None = None
    engine: EngineName | None = None

    def __post_init__(self) -> None:
        for key in OPTIONS:
            setattr(self, key, getattr(self, key) or None)
        if self.verify == "required" and self.published is None:
            raise UserError(
                "verify=required is for published models, which are signed; give published=, or leave it out."
            )
        self.trusted = trusted_file(self.verify, self.trusted)
        given = [name for name in ("text", "record", "input") if getattr(self, name) is not None]
        if not given:
            raise UserError("Nothing to score; give text=..., record.<field>=... or input=<file>.")
        if self.run_id is not None and self.published is not None:
            raise UserError("run_id= and published= are both given; score with one or the other.")
        if "input" in given and len(given) > 1:
            raise UserError(f"{given[0]}= and input= are both given; score one or the other.")
        for key in ("input", "output"):
            if getattr(self, key) is not None and not getattr(self, key).strip():
                raise UserError(f"{key}= is empty; give the name of a file, or leave it out.")
        if self.report and self.input is None:
            raise UserError("report=true compares a file with the training data; give input=<file>, or leave it out.")
        self._check_reading()
        if self.into_folder:
            self._check_folder()
        elif self.output is not None and self.output.startswith(S3):
            raise UserError(f"output={self.output}: a bucket takes the parts of files; give input=<file>.")
        else:
            self._check_one_file()
            self.check_answers(self.input)
        if self.format == "json" and not self.as_json:
            raise UserError(
                f"format=json is for what is printed, and the name of output={self.output} says what is written; "
                "leave it out."
            )
        require_language(self.language, "language")
        if self.language != ENGLISH and not self.report:
            raise UserError(
                f"language={self.language} is that of the page; ask for one with report=true, or leave it out."
            )

    @property
    def into_folder(self) -> bool:
        """Whether files are scored in shards: a folder is asked for, or nothing that is said fits one file."""
        if self.input is None or self.output is None:
            return False
        several = self.workers is not None or self.engine is not None or is_several(self.input)
        unnamed = not ending_of(Path(self.output)) and several
        return self.output.startswith(S3) or self.output.endswith("/") or Path(self.output).is_dir() or unnamed

    def _check_reading(self) -> None:
        """Refuse what says how a file is read where there is none."""
        typed = {key: getattr(self, key) for key in OPTIONS} | ({"on_error": "stop"} if self.on_error == "stop" else {})
        for key, value in typed.items() if self.input is None else ():
            if value is not None:
                raise UserError(f"{key}={value} says how a file is read; give input=<file>, or leave it out.")

    def _check_folder(self) -> None:
        """Refuse what does not go with a folder of parts."""
        if self.input == "-":
            raise UserError(f"input=- is one stream, and output={self.output} a folder; name a file, as scores.csv.")
        if self.excel is not None:
            raise UserError(f"excel={self.excel} is for a CSV file, and output={self.output} is none; leave it out.")
        if str(self.output).startswith(S3):
            if ending := ending_of(Path(str(self.output))):
                raise UserError(
                    f"output={self.output} is a folder of parts in a bucket, and no {ending} file; leave {ending} out."
                )
        elif not Path(str(self.output)).absolute().parent.is_dir():
            raise UserError(f"output={self.output} cannot be made: the folder above does not exist; make that first.")

    def _check_one_file(self) -> None:
        """Refuse what needs a folder of parts."""
        given = f"workers={self.workers}" if (self.workers or 1) > 1 else f"engine={self.engine}" if self.engine else ""
        if self.input is None:
            if given:
                raise UserError(f"{given} is for files; give input=<file> and output=scores/, or leave it out.")
        elif is_several(self.input) and not given:
            raise UserError(f"input={self.input} may be several files; write into a folder, as output=scores/.")
        elif given:
            raise UserError(f"{given} scores into a folder of parts; give output=scores/, or leave it out.")


def runtime(config: DictConfig) -> None:
    """Run the command on a composed config."""
    with plain_errors():
        values, store = values_and_store(config)
        if isinstance(values["record"], str):
            values["record"] = _fields_of(values["record"])
        request = validate(ScoringRequest, values, "")
        if request.into_folder:
            score_shards(request, _source(request, store))
        elif request.published is not None:
            score(request, load_published(request.published, store, request.trusted))
        else:
            score(request, load_run(_run_id(request, store), store))


def _run_id(request: ScoringRequest, store: Store) -> str | RunId:
    """The run that is asked for; an empty id, of a shell's variable that is not set, asks for none and is refused."""
    return newest(store) if request.run_id is None else request.run_id


def _source(request: ScoringRequest, store: Store) -> ModelSource:
    """What workers load: a version that stays the same whatever is published meanwhile, wherever they run."""
    if isinstance(store, LocalStore):
        store = replace(store, root=str(Path(store.root).resolve()))
    if request.published is None:
        return ModelSource(str(_run_id(request, store)), published=False, store=store)
    trusted = None if request.trusted is None else str(Path(request.trusted).resolve())
    return ModelSource(str(find(store, request.published, trusted)), published=True, store=store, trusted=trusted)


def score_shards(request: ScoringRequest, model: ModelSource) -> None:
    """Score files into a folder of parts.

    Raises:
        UserError: names the field, file, column or row that is wrong.
    """
    pipeline = model.load()
    engine, workers = request.engine or "processes", request.workers or 1
    outcomes, scored = score_into_folder(request, model, pipeline, engine, workers)
    log.info("scores are in %s", request.output)
    if request.report and (scored or not _has_page(request, model.store)):
        seen = _begin_report(pipeline)
        for outcome in outcomes:
            seen.add_counts(outcome.seen or {})
        _write_report(request, pipeline.name, seen, model.store)


def _fields_of(record: str) -> dict[str, str]:
    """Field → text, as `raw_arguments.protect` passes them on."""
    try:
        fields: dict[str, str] = json.loads(record)
    except ValueError:
        raise UserError(f"record={record} names no field; write record.<field>=<text>, one for each field.") from None
    return fields


def score(request: ScoringRequest, pipeline: Pipeline) -> None:
    """Score what is asked for and write the result.

    Raises:
        UserError: names the field, file, column or row that is wrong.
    """
    seen = _begin_report(pipeline) if request.report else None
    report = FileReport()
    scorer = FileScorer(pipeline, request, seen)
    with open_writer(request, pipeline) as writer:
        if request.input is None:
            table = pipeline.table([_single_record(request, pipeline)])
            writer.write(scorer.answer(from_frame(pipeline.texts(table)), pipeline.ids(table)), None)
        else:
            _score_file(scorer, writer, report)
    if request.input is not None:
        report.close(_source_name(request), "scored")
    if request.output is not None:
        log.info("scores are in %s", request.output)
    if seen is not None:
        _write_report(request, pipeline.name, seen)


def _begin_report(pipeline: Pipeline) -> "Seen":
    from libelle.evaluation.drift_seen import Seen

    return Seen(pipeline.rule.titled(pipeline.titles), pipeline.reference)


def _write_report(request: ScoringRequest, model: str, seen: "Seen", store: Store | None = None) -> None:
    from libelle.reports.drift_report import make_page
    from libelle.reports.page import write_page

    source = "stdin" if request.input == "-" else Path(str(request.input)).name
    page, verdict = make_page(seen, model, source, request.language)
    target = _page_of(request)
    if target.startswith(S3):
        bucket, key = object_at("output", target, store)
        bucket.put(key, page.encode())
    else:
        write_page(page, Path(target), target)
    for sentence in verdict:
        log.warning("%s", sentence)
    log.info("the comparison with the training data is in %s", target)


def _page_of(request: ScoringRequest) -> str:
    """Where the page is: beside the output."""
    if request.output is None:
        return "report.html"
    place = request.output.rstrip("/") if request.output.startswith(S3) else str(Path(request.output))
    return f"{place}.report.html"


def _has_page(request: ScoringRequest, store: Store) -> bool:
    target = _page_of(request)
    if not target.startswith(S3):
        return Path(target).exists()
    bucket, key = object_at("output", target, store)
    return any(entry.key == key for entry in bucket.list(key))


def _single_record(request: ScoringRequest, pipeline: Pipeline) -> dict[str, Any]:
    record: dict[str, Any] = dict(request.record or {})
    spelled = as_spelled(list(record), used_columns(pipeline))
    record = {str(spelled.get(name, name)): text for name, text in record.items()}
    for name in record:
        if name not in pipeline.fields and name != pipeline.id:
            there = did_you_mean(name, pipeline.fields, f"its fields are {', '.join(pipeline.fields)}.")
            raise UserError(f"record.{name} is not a field of the model; {there}")
    if request.text is not None:
        if pipeline.text in record:
            raise UserError(f"text= and record.{pipeline.text}= fill the same field; give one of them.")
        record[pipeline.text] = request.text
    return dict.fromkeys(pipeline.fields) | record


def _source_name(request: FileRequest) -> str:
    return "stdin" if request.input == "-" else str(request.input)


def _score_file(scorer: FileScorer, writer: Writer, report: FileReport) -> None:
    request = scorer.request
    name, reported = _source_name(request), 0

    def on_bad_row(bad: BadRow) -> None:
        nonlocal reported
        if request.on_error == "stop":
            raise refused_row(name, bad)
        reported += 1
        if reported <= REPORTED_ROWS:
            report.say(passed_row(name, bad), logging.WARNING)

    with stage(f"scoring {name}") as advance:
        chunks = _chunks(request, scorer.pipeline, on_bad_row, report)
        for answers, kept in scorer.score(chunks, name, on_bad_row, report):
            writer.write(answers, kept)
            advance(len(answers))


def _chunks(request: FileRequest, pipeline: Pipeline, on_bad_row: OnBadRow, report: FileReport) -> Chunks:
    options = request.options(pipeline)
    if request.input == "-":
        return read_stream(sys.stdin.buffer, _source_name(request), options, on_bad_row=on_bad_row, report=report)
    return read_file(Path(str(request.input)), options, on_bad_row=on_bad_row, report=report)

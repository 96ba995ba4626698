"""Scoring raw records from the command line: one text, one record, or a file streamed in chunks.

Nothing is written to disk but the `output` and the report that were asked for.
"""

import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from libelle.cli.command import plain_errors, values_and_store
from libelle.cli.score_request import ALL, AnswerRequest
from libelle.cli.score_writers import Writer, open_writer
from libelle.components import validate
from libelle.data.columns import Columns, from_frame, to_frame
from libelle.data.frames import Chunks
from libelle.data.names import as_spelled, nfc
from libelle.data.numbers import wrong_numbers
from libelle.data.options import OPTIONS, BadRow, FileOptions, FileReport, OnBadRow
from libelle.data.records import require_columns
from libelle.data.suspicious import find_suspicions
from libelle.data.tables import read_file, read_stream
from libelle.errors import UserError
from libelle.features import Ints
from libelle.language import ENGLISH, LanguageCode, require_language
from libelle.loading import load_published, load_run
from libelle.pipeline import Pipeline
from libelle.progress import stage
from libelle.runs.run_list import newest
from libelle.signatures import trusted_file

if TYPE_CHECKING:
    from libelle.evaluation.drift import Seen

log = logging.getLogger(__name__)

#: Bad rows that are reported one by one.
REPORTED_ROWS = 20


@dataclass(kw_only=True)
class ScoringRequest(AnswerRequest):
    """The nodes of `conf/runtime.yaml`, `store` apart.

    Attributes:
        run_id: the run to use; by default the newest that completed.
        published: the published model to use instead, `name` or `name@version`.
        verify: `required`: a published model is used only if a trusted key has signed it.
        trusted: file of the public keys that are trusted; by default, what `LIBELLE_TRUSTED_KEYS` names.
        text: fills the pipeline's text field.
        record: field → text.
        input: CSV, Parquet or Excel file, or `-` for one from stdin.
        report: whether to write a page that compares the input with the training data.
        language: of that page.
        on_error: whether a row that cannot be read is skipped or ends the work.
        delimiter: of a CSV input; here and below, what is left out is as in the training data, or found.
        encoding: of a CSV input.
        quote: `none` where quotes in a CSV input are ordinary characters, `"` where they certainly enclose fields.
        sheet: of an Excel input; by default the first.
    """

    run_id: str | None = None
    published: str | None = None
    verify: Literal["none", "required"] = "none"
    trusted: str | None = None
    text: str | None = None
    record: dict[str, str] | None = None
    input: str | None = None
    report: bool = False
    language: LanguageCode = ENGLISH
    on_error: Literal["skip", "stop"] = "skip"
    delimiter: str | None = None
    encoding: str | None = None
    quote: str | None = None
    sheet: str | None = None

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
        if self.report and self.input is None:
            raise UserError("report=true compares a file with the training data; give input=<file>, or leave it out.")
        self.check_answers(self.input)
        require_language(self.language, "language")
        if self.language != ENGLISH and not self.report:
            raise UserError(
                f"language={self.language} is that of the page; ask for one with report=true, or leave it out."
            )


def runtime(config: DictConfig) -> None:
    """Run the command on a composed config."""
    with plain_errors():
        values, store = values_and_store(config)
        if isinstance(values["record"], str):
            values["record"] = _fields_of(values["record"])
        request = validate(ScoringRequest, values, "")
        if request.published is not None:
            pipeline = load_published(request.published, store, request.trusted)
        else:
            pipeline = load_run(request.run_id or newest(store), store)
        score(request, pipeline)


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
    columns = request.columns(pipeline)
    with open_writer(request, pipeline) as writer:
        if request.input is None:
            table = pipeline.table([_single_record(request, pipeline)])
            texts = from_frame(pipeline.texts(table))
            writer.write(_answer(request, pipeline, texts, pipeline.ids(table), columns), None)
        else:
            _score_file(request, pipeline, writer, columns, seen, report)
    if request.input is not None:
        report.close(_source_name(request), "scored")
    if request.output is not None:
        log.info("scores are in %s", request.output)
    if seen is not None:
        _write_report(request, pipeline.name, seen)


def _begin_report(pipeline: Pipeline) -> "Seen":
    from libelle.evaluation.drift import Seen

    return Seen(pipeline.rule.titled(pipeline.titles), pipeline.reference)


def _write_report(request: ScoringRequest, model: str, seen: "Seen") -> None:
    from libelle.reports.drift_report import make_page
    from libelle.reports.page import write_page

    source = "stdin" if request.input == "-" else Path(str(request.input)).name
    page, verdict = make_page(seen, model, source, request.language)
    target = Path("report.html" if request.output is None else f"{request.output}.report.html")
    write_page(page, target, str(target))
    for sentence in verdict:
        log.warning("%s", sentence)
    log.info("the comparison with the training data is in %s", target)


def _answer(
    request: ScoringRequest,
    pipeline: Pipeline,
    texts: Columns,
    ids: pd.Series,
    columns: dict[str, Any],
    seen: "Seen | None" = None,
) -> pd.DataFrame:
    cleaned = pipeline.clean_columns(texts)
    scores = pipeline.score_features(pipeline.encode(cleaned))
    if seen is not None:
        seen.add_texts(cleaned)
        seen.add_scores(scores)
    result = pipeline.answers(scores, ids, **columns)
    if request.explain:
        result["explanation"] = pd.Series(pipeline.explain_texts(to_frame(texts)), index=result.index, dtype=object)
    return result


def _single_record(request: ScoringRequest, pipeline: Pipeline) -> dict[str, Any]:
    record: dict[str, Any] = dict(request.record or {})
    spelled = as_spelled(list(record), _columns(pipeline))
    record = {str(spelled.get(name, name)): text for name, text in record.items()}
    for name in record:
        if name not in pipeline.fields and name != pipeline.id:
            raise UserError(f"record.{name} is not a field of the model; its fields are {', '.join(pipeline.fields)}.")
    if request.text is not None:
        if pipeline.text in record:
            raise UserError(f"text= and record.{pipeline.text}= fill the same field; give one of them.")
        record[pipeline.text] = request.text
    return dict.fromkeys(pipeline.fields) | record


def _source_name(request: ScoringRequest) -> str:
    return "stdin" if request.input == "-" else str(request.input)


def _score_file(
    request: ScoringRequest,
    pipeline: Pipeline,
    writer: Writer,
    columns: dict[str, Any],
    seen: "Seen | None",
    report: FileReport,
) -> None:
    name, reported = _source_name(request), 0

    def on_bad_row(bad: BadRow) -> None:
        nonlocal reported
        message = f"{name}, {bad.place}: {bad.reason}"
        if request.on_error == "stop":
            raise UserError(f"{message}; correct it, {bad.hint}, or pass over such rows with on_error=skip.")
        reported += 1
        if reported <= REPORTED_ROWS:
            passed = "passed over" if bad.records == 1 else f"{bad.records:,} records are passed over"
            report.say(f"{message}; {passed}; correct it, or {bad.hint}", logging.WARNING)

    with stage(f"scoring {name}") as advance:
        for part in _chunks(request, pipeline, on_bad_row, report):
            chunk = part.rename(columns=as_spelled(list(part.columns), _columns(pipeline)))
            require_columns(list(chunk.columns), {"the model": pipeline.fields}, name, keys="")
            report.announce()
            chunk = _with_numbers(chunk, pipeline, on_bad_row, report)
            # What has no id is known by its row number in the file; readers leave no blank texts.
            texts, ids = from_frame(chunk[pipeline.fields]), pipeline.ids(chunk, chunk.index)
            kept = None if request.keep is None else request.kept(part.loc[chunk.index], name)
            _warn_of_characters(texts, chunk.index.to_numpy(np.int64), name, report)
            writer.write(_answer(request, pipeline, texts, ids, columns, seen), kept)
            advance(len(chunk))


def _columns(pipeline: Pipeline) -> list[str]:
    """The columns of an input that mean something to a pipeline."""
    return [*pipeline.fields, *([pipeline.id] if pipeline.id else [])]


def _warn_of_characters(texts: Columns, numbers: Ints, name: str, report: FileReport) -> None:
    """Warn of the first text of each field whose characters show a wrong encoding."""
    for field, column in texts.items():
        for suspicion in find_suspicions(column):
            row = np.array([numbers[suspicion.row]], dtype=np.int64)
            place = f"{name}, {report.unit} {report.lines.of(row)[0]}"
            report.warn_once(f"{suspicion.kind} in {field}", suspicion.sentence(field, place, ""))


def _with_numbers(chunk: pd.DataFrame, pipeline: Pipeline, on_bad_row: OnBadRow, report: FileReport) -> pd.DataFrame:
    """The rows whose numeric fields hold numbers, if anything; the others are reported."""
    numeric = [] if pipeline.encoder is None else list(pipeline.encoder.knots)
    wrong = wrong_numbers(from_frame(chunk[numeric]), numeric) if numeric else {}
    for row, reason in sorted(wrong.items()):
        line = int(report.lines.of(chunk.index.to_numpy(np.int64)[[row]])[0])
        on_bad_row(BadRow(line, line, 1, reason, "leave the cell empty", report.unit))
    report.read -= len(wrong)
    report.refused += len(wrong)
    return chunk.drop(index=chunk.index[list(wrong)]) if wrong else chunk


def _chunks(request: ScoringRequest, pipeline: Pipeline, on_bad_row: OnBadRow, report: FileReport) -> Chunks:
    assert request.input is not None
    options = FileOptions(
        **{key: getattr(request, key) for key in OPTIONS},
        wanted=frozenset(map(nfc, pipeline.fields)),
        needed=frozenset(map(nfc, [*_columns(pipeline), *request.kept_names])) if request.keep != ALL else None,
        remembered=pipeline.reading,
        keys="",
    )
    if request.input == "-":
        return read_stream(sys.stdin.buffer, _source_name(request), options, on_bad_row=on_bad_row, report=report)
    return read_file(Path(request.input), options, on_bad_row=on_bad_row, report=report)

"""Scoring raw records from the command line: one text, one record, or a file streamed in chunks.

Nothing is written to disk but the `output` that was asked for.
"""

import json
import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
from rich import box
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from libelle.components import Component
from libelle.data import tables
from libelle.data.records import require_columns
from libelle.errors import UserError
from libelle.pipeline import Pipeline

log = logging.getLogger(__name__)

#: Rows of the table that a terminal shows.
TABLE_ROWS = 20
#: Bad rows that are reported one by one.
REPORTED_ROWS = 20


@dataclass(kw_only=True)
class Request(Component):
    """The nodes of `conf/runtime.yaml`, `store` apart.

    Attributes:
        run_id: the run to use; the newest completed one where left out.
        published: the published model to use instead, `name` or `name@version`.
        text: fills the pipeline's text field.
        record: field → text.
        input: CSV or Parquet file, or `-` for CSV from stdin.
        output: CSV or Parquet file; stdout where left out.
        format: of stdout.
        on_error: whether a row that cannot be read is skipped or ends the work.
        delimiter: of a CSV input.
        encoding: of a CSV input.
    """

    run_id: str | None = None
    published: str | None = None
    text: str | None = None
    record: dict[str, str] | None = None
    input: str | None = None
    output: str | None = None
    format: Literal["table", "json"] = "table"
    on_error: Literal["skip", "stop"] = "skip"
    delimiter: str = ","
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        given = [name for name in ("text", "record", "input") if getattr(self, name) is not None]
        if not given:
            raise UserError("Nothing to score; give text=..., record.<field>=... or input=<file>.")
        if self.run_id is not None and self.published is not None:
            raise UserError("run_id= and published= are both given; score with one or the other.")
        if "input" in given and len(given) > 1:
            raise UserError(f"{given[0]}= and input= are both given; score one or the other.")
        if self.output is not None:
            if not Path(self.output).name:
                raise UserError(
                    f"output={self.output} is not the name of a file; write for instance output=scores.csv."
                )
            if self.input is not None and Path(self.output).resolve() == Path(self.input).resolve():
                raise UserError(f"output={self.output} is the input itself; choose another file.")


def score(request: Request, pipeline: Pipeline) -> None:
    """Score what is asked for and write the result.

    Raises:
        UserError: names the field, file, column or row that is wrong.
    """
    with _open_writer(request, pipeline) as writer:
        if request.input is None:
            writer.write(pipeline.predict([_single_record(request, pipeline)]))
        else:
            _score_file(request, pipeline, writer)
    if request.output is not None:
        log.info("scores are in %s", request.output)


def _single_record(request: Request, pipeline: Pipeline) -> dict[str, Any]:
    record: dict[str, Any] = dict(request.record or {})
    for name in record:
        if name not in pipeline.fields and name != pipeline.id:
            raise UserError(f"record.{name} is not a field of the model; its fields are {', '.join(pipeline.fields)}.")
    if request.text is not None:
        if pipeline.text in record:
            raise UserError(f"text= and record.{pipeline.text}= fill the same field; give one of them.")
        record[pipeline.text] = request.text
    return dict.fromkeys(pipeline.fields) | record


def _score_file(request: Request, pipeline: Pipeline, writer: "Writer") -> None:
    bad: list[int] = []

    def on_bad_row(row: int, reason: str) -> None:
        message = f"{request.input}, row {row}: {reason}"
        if request.on_error == "stop":
            raise UserError(f"{message}; correct it, or pass over such rows with on_error=skip.")
        bad.append(row)
        if len(bad) <= REPORTED_ROWS:
            log.warning("%s; passed over", message)

    rows = 0
    with _progress() as advance:
        for chunk in _chunks(request, on_bad_row):
            require_columns(chunk, {"the model": pipeline.fields}, str(request.input), keys="")
            result = pipeline.predict(chunk)
            # What has no id is known by its row number in the file.
            numbers = pd.Series(chunk.index, index=chunk.index)
            named = pipeline.id is not None and pipeline.id in chunk.columns
            result["id"] = chunk[pipeline.id].fillna(numbers.astype("str")) if named else numbers
            writer.write(result)
            rows += len(chunk)
            advance(len(chunk))
    if bad:
        log.warning("%d rows of %s were passed over, %d were scored", len(bad), request.input, rows)


def _chunks(request: Request, on_bad_row: tables.OnBadRow) -> tables.Chunks:
    assert request.input is not None
    options: dict[str, Any] = {
        "delimiter": request.delimiter,
        "encoding": request.encoding,
        "on_bad_row": on_bad_row,
        "keys": "",
    }
    if request.input == "-":
        tables.check_encoding(request.encoding, keys="")
        sys.stdin.reconfigure(encoding=request.encoding, errors="surrogateescape", newline="")  # type: ignore[union-attr]
        return tables.read_csv(sys.stdin, "stdin", **options)
    return tables.read_file(Path(request.input), **options)


@contextmanager
def _progress() -> Iterator[Any]:
    """A counter on stderr, where somebody is looking."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task("records", total=None)
        yield lambda rows: progress.advance(task, rows)


class Writer(ABC):
    """Takes the results chunk by chunk."""

    @abstractmethod
    def write(self, result: pd.DataFrame) -> None:
        """Take the results of some records, in order."""

    @abstractmethod
    def close(self) -> None:
        """Finish; called when all went well."""


@contextmanager
def _open_writer(request: Request, pipeline: Pipeline) -> Iterator[Writer]:
    if request.output is None:
        writer: Writer = JsonWriter(sys.stdout, pipeline) if request.format == "json" else TableWriter(pipeline)
        yield writer
        writer.close()
        return
    target = Path(request.output)
    # Complete or not at all: what was there before is replaced at the end, by a whole file.
    temporary = target.with_name(f".{target.name}.part")
    try:
        if target.suffix.lower() in (".parquet", ".pq"):
            writer = ParquetWriter(temporary, pipeline)
        else:
            writer = CsvWriter(temporary, pipeline)
        yield writer
        writer.close()
        temporary.replace(target)
    except OSError as error:
        raise UserError(
            f"output={request.output} cannot be written ({error.strerror or error}); choose another file."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _columns(result: pd.DataFrame, pipeline: Pipeline) -> pd.DataFrame:
    """The fields of the JSON, as columns: `scores` becomes a `score_<label>` for each label."""
    return result.assign(threshold=pipeline.threshold, model=pipeline.name)


class JsonWriter(Writer):
    """A JSON array, one object a record."""

    def __init__(self, stream: TextIO, pipeline: Pipeline) -> None:
        self.stream, self.pipeline = stream, pipeline
        self.separator = "[\n"

    def write(self, result: pd.DataFrame) -> None:
        """Write one object a record."""
        scores = result[[f"score_{label}" for label in self.pipeline.labels]].to_numpy().tolist()
        for id_, label, score, row in zip(result["id"], result["label"], result["score"], scores, strict=True):
            item = {
                "id": id_ if isinstance(id_, str) else int(id_),
                "label": label,
                "score": float(score),
                "scores": dict(zip(self.pipeline.labels, row, strict=True)),
                "threshold": self.pipeline.threshold,
                "model": self.pipeline.name,
            }
            self.stream.write(self.separator + json.dumps(item, ensure_ascii=False))
            self.separator = ",\n"

    def close(self) -> None:
        """Close the array."""
        self.stream.write("[]\n" if self.separator == "[\n" else "\n]\n")


class CsvWriter(Writer):
    """A CSV file."""

    def __init__(self, path: Path, pipeline: Pipeline) -> None:
        self.stream, self.pipeline = path.open("w", encoding="utf-8", newline=""), pipeline
        self.header = True

    def write(self, result: pd.DataFrame) -> None:
        """Write one row a record."""
        _columns(result, self.pipeline).to_csv(self.stream, index=False, header=self.header)
        self.header = False

    def close(self) -> None:
        """Close the file."""
        self.stream.close()


class ParquetWriter(Writer):
    """A Parquet file."""

    def __init__(self, path: Path, pipeline: Pipeline) -> None:
        self.path, self.pipeline = path, pipeline
        self.writer: pa.parquet.ParquetWriter | None = None

    def write(self, result: pd.DataFrame) -> None:
        """Write one row a record."""
        table = pa.Table.from_pandas(_columns(result, self.pipeline), preserve_index=False)
        if self.writer is None:
            self.writer = pa.parquet.ParquetWriter(self.path, table.schema, compression="zstd")
        self.writer.write_table(table.cast(self.writer.schema))

    def close(self) -> None:
        """Close the file."""
        if self.writer is not None:
            self.writer.close()


class TableWriter(Writer):
    """A short table in the terminal; probabilities are rounded for the eye alone."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.rows = 0
        self.table = Table(box=box.SIMPLE_HEAD, caption=self._caption(), caption_justify="left")
        for name in ("id", "label", "score"):
            self.table.add_column(name, justify="right" if name == "score" else "left")

    def write(self, result: pd.DataFrame) -> None:
        """Add the first records to the table and count the others."""
        for row in result.head(max(TABLE_ROWS - self.rows, 0)).itertuples():
            self.table.add_row(str(row.id), str(row.label), f"{row.score:.4f}")
        self.rows += len(result)

    def close(self) -> None:
        """Print the table."""
        console = Console(soft_wrap=True, markup=False)  # ids and labels may hold brackets
        console.print(self.table)
        if self.rows > TABLE_ROWS:
            console.print(f"{self.rows - TABLE_ROWS:,} more records; write all with output=scores.csv or format=json")

    def _caption(self) -> str:
        if self.pipeline.threshold is None:
            return f"model {self.pipeline.name}"
        if len(self.pipeline.labels) > 2:
            return f"model {self.pipeline.name}; coded automatically from a score of {self.pipeline.threshold:g}"
        positive = self.pipeline.labels[1]
        return f"model {self.pipeline.name}; label {positive} from a score of {self.pipeline.threshold:g}"

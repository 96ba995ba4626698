"""The chunks of a file, scored: the one way from a file's rows to answers, be it scored in one go or in shards."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from libelle.data.columns import Columns, from_frame, to_frame
from libelle.data.frames import Chunks
from libelle.data.names import as_spelled
from libelle.data.numbers import wrong_numbers
from libelle.data.options import BadRow, FileReport, OnBadRow
from libelle.data.records import require_columns
from libelle.data.suspicious import find_suspicions
from libelle.errors import UserError
from libelle.features import Ints
from libelle.pipeline import Pipeline
from libelle.scoring.repeated_ids import RepeatedIds
from libelle.scoring.request import FileRequest, used_columns

if TYPE_CHECKING:
    from libelle.evaluation.drift_seen import Seen

#: The answers of some records, in order, and what is kept of the input beside them, with equal index.
Scored = tuple[pd.DataFrame, pd.DataFrame | None]


#: Bad rows that are reported one by one.
REPORTED_ROWS = 20


class FileScorer:
    """Scores records as a request wants it.

    Attributes:
        pipeline: what scores them.
        request: what is asked.
        seen: counts what is scored, where a page is wanted.
    """

    def __init__(self, pipeline: Pipeline, request: FileRequest, seen: "Seen | None" = None) -> None:
        self.pipeline, self.request, self.seen = pipeline, request, seen
        self._columns = request.columns(pipeline)

    def score(self, chunks: Chunks, name: str, on_bad_row: OnBadRow, report: FileReport) -> Iterator[Scored]:
        """Yield the answers of each chunk of a file.

        Args:
            chunks: as `libelle.data.tables` reads them.
            name: what messages call the file.
            on_bad_row: called with each record that cannot be scored.
            report: of the file.

        Raises:
            UserError: when a column is missing.
        """
        used, seen_ids = used_columns(self.pipeline), RepeatedIds()
        for part in chunks:
            chunk = part.rename(columns=as_spelled(list(part.columns), used))
            require_columns(list(chunk.columns), {"the model": self.pipeline.fields}, name, keys="")
            report.announce()
            chunk = _with_numbers(chunk, self.pipeline, on_bad_row, report)
            # What has no id is known by its row number in the file; readers leave no blank texts.
            texts, ids = from_frame(chunk[self.pipeline.fields]), self.pipeline.ids(chunk, chunk.index)
            kept = None if self.request.keep is None else self.request.kept(part.loc[chunk.index], name)
            numbers = chunk.index.to_numpy(np.int64)
            _warn_of_characters(texts, numbers, name, report)
            if self.pipeline.id in chunk:
                seen_ids.add(ids, numbers)
            yield self.answer(texts, ids), kept
        if self.pipeline.id is not None:
            seen_ids.warn(self.pipeline.id, name, report)

    def answer(self, texts: Columns, ids: pd.Series) -> pd.DataFrame:
        """The answers of some records."""
        cleaned = self.pipeline.clean_columns(texts)
        scores = self.pipeline.score_features(self.pipeline.encode(cleaned))
        if self.seen is not None:
            self.seen.add_texts(cleaned)
            self.seen.add_scores(scores)
        result = self.pipeline.answers(scores, ids, **self._columns)
        if self.request.explain:
            effects = self.pipeline.explain_texts(to_frame(texts))
            result["explanation"] = pd.Series(effects, index=result.index, dtype=object)
        return result


def refused_row(name: str, bad: BadRow) -> UserError:
    """What ends the work with `on_error=stop`."""
    return UserError(
        f"{name}, {bad.place}: {bad.reason}; correct it, {bad.hint}, or pass over such rows with on_error=skip."
    )


def passed_row(name: str, bad: BadRow) -> str:
    """What is said of a record that is passed over."""
    passed = "passed over" if bad.records == 1 else f"{bad.records:,} records are passed over"
    return f"{name}, {bad.place}: {bad.reason}; {passed}; correct it, or {bad.hint}"


def _warn_of_characters(texts: Columns, numbers: Ints, name: str, report: FileReport) -> None:
    """Warn of the first text of each field whose characters show a wrong encoding."""
    encoding = report.found.get("encoding")
    for field, column in texts.items():
        for suspicion in find_suspicions(column):
            row = np.array([numbers[suspicion.row]], dtype=np.int64)
            place = f"{name}, {report.unit} {report.lines.of(row)[0]}"
            report.warn_once(f"{suspicion.kind} in {field}", suspicion.sentence(field, place, encoding))


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

"""Where answers go: stdout as a table or JSON, or a file."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table

from libelle.cli.terminal import make_console
from libelle.data.table_files import JsonFile, TableFile, table_file
from libelle.errors import counted
from libelle.evaluation.answers import top_ranks
from libelle.evaluation.decision_rule import DecisionRule, reaches
from libelle.evaluation.explanation import FieldEffect
from libelle.pipeline import Pipeline
from libelle.scoring.answer_table import answer_table, thresholds
from libelle.scoring.request import AnswerRequest, beside

#: Rows of the table that a terminal shows.
TABLE_ROWS = 20


class Writer(ABC):
    """Takes the answers chunk by chunk."""

    @abstractmethod
    def write(self, answers: pd.DataFrame, kept: pd.DataFrame | None) -> None:
        """Take the answers of some records, in order, and what is kept of the input beside them, with equal index."""

    def close(self) -> None:  # noqa: B027 - a file is closed by whoever opened it
        """Finish; called when all went well."""


@contextmanager
def open_writer(request: AnswerRequest, pipeline: Pipeline) -> Iterator[Writer]:
    """Yield what takes the answers.

    Raises:
        UserError: when the output cannot be written.
    """
    if request.output is None:
        printed: Writer
        if request.format == "json":
            array = JsonFile(sys.stdout, lines=False)
            printed = JsonWriter(array, pipeline)
            yield printed
            array.finish()
        else:
            printed = TableWriter(pipeline)
            yield printed
        printed.close()
        return
    with table_file(request.output, request.excel) as file:
        yield JsonWriter(file, pipeline) if isinstance(file, JsonFile) else FileWriter(file, pipeline)


class FileWriter(Writer):
    """A file of rows and columns: what the JSON says, with `explanation` as JSON in one column."""

    def __init__(self, file: TableFile, pipeline: Pipeline) -> None:
        self.file, self.pipeline = file, pipeline

    def write(self, answers: pd.DataFrame, kept: pd.DataFrame | None) -> None:
        """Write one row a record."""
        self.file.write(answer_table(answers, kept, self.pipeline))


class JsonWriter(Writer):
    """JSON objects, one a record."""

    def __init__(self, file: JsonFile, pipeline: Pipeline) -> None:
        self.file, self.pipeline = file, pipeline

    def write(self, answers: pd.DataFrame, kept: pd.DataFrame | None) -> None:
        """Write one object a record."""
        columns = {name: answers[name].tolist() for name in answers if not str(name).startswith("score_")}
        scores = None
        if f"score_{self.pipeline.labels[0]}" in answers:
            scores = answers[[f"score_{label}" for label in self.pipeline.labels]].to_numpy().tolist()
        wanted = thresholds(answers, self.pipeline.rule)
        tops = _tops(answers)
        inputs = None if kept is None else kept.astype(object).where(kept.notna(), None).to_dict(orient="records")
        for row in range(len(answers)):
            item: dict[str, Any] = {} if inputs is None else {"input": inputs[row]}
            item |= {"id": columns["id"][row], "label": columns["label"][row]}
            if "title" in columns:
                item["title"] = _text(columns["title"][row])
            item["score"] = columns["score"][row]
            if scores is not None:
                item["scores"] = dict(zip(self.pipeline.labels, scores[row], strict=True))
            if tops is not None:
                item["top"] = tops[row]
            item |= {"threshold": wanted[row], "model": self.pipeline.name}
            item |= {name: columns[name][row] for name in ("automatic", "explanation") if name in columns}
            self.file.write_objects([item])


class TableWriter(Writer):
    """A table for people on stdout: the first records, and how many more there are."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.rows = 0
        self.explanations: list[Table] = []
        self.shown: list[pd.DataFrame] = []

    def write(self, answers: pd.DataFrame, kept: pd.DataFrame | None) -> None:
        """Add the first records to the table and count the others."""
        first = answers.head(max(TABLE_ROWS - self.rows, 0))
        if "explanation" in first:
            pairs = zip(first["id"], first["explanation"], strict=True)
            self.explanations += [_explanation_table(str(id_), effects) for id_, effects in pairs]
        if len(first) or not self.shown:
            cells = _cells(first, self.pipeline.rule)
            self.shown.append(cells if kept is None else beside(kept.loc[first.index], cells, self.pipeline.id))
        self.rows += len(answers)

    def close(self) -> None:
        """Print the table."""
        table = Table(box=box.SIMPLE_HEAD)
        cells = pd.concat(self.shown) if self.shown else pd.DataFrame()
        for name in map(str, cells.columns):
            table.add_column(name, justify="right" if name == "score" or name.startswith("score_") else "left")
        for row in cells.itertuples(index=False, name=None):
            table.add_row(*(_text(value) or "" for value in row))
        console = make_console()
        console.print(table)
        console.print(_caption(self.pipeline), style="italic", highlight=False)
        for explanation in self.explanations:
            console.print(explanation)
        if self.rows > TABLE_ROWS:
            more = counted(self.rows - TABLE_ROWS, "more record")
            console.print(f"{more}; write all with output=scores.csv or format=json")


def _cells(answers: pd.DataFrame, rule: DecisionRule) -> pd.DataFrame:
    """What the table shows, as texts; the best labels are one cell, a line each."""
    names = [name for name in map(str, answers.columns) if not name.startswith("top_") and name != "explanation"]
    cells = answers[names].copy()
    decisive = [_score(*pair) for pair in zip(answers["score"], thresholds(answers, rule), strict=True)]
    for name in names:
        if name == "automatic":
            cells[name] = answers[name].map({True: "yes", False: "no"})
        elif name == "score":
            cells[name] = decisive
        elif name.startswith("score_"):
            cells[name] = [f"{score:.4f}" for score in answers[name]]
        else:
            cells[name] = [_text(value) for value in answers[name]]
    tops = _tops(answers)
    if tops is not None:
        lines = [
            "\n".join(
                " ".join([f"{item['score']:.4f}", item["label"], item.get("title") or ""]).rstrip() for item in top
            )
            for top in tops
        ]
        cells[f"top {len(top_ranks(answers.columns))}"] = lines
        cells = cells.drop(columns="title", errors="ignore")  # the line of the best label has it
    return cells


def _score(score: float, threshold: float | None) -> str:
    """A score with four digits, or with as many as show on which side of its threshold it is."""
    texts = (f"{score:.{digits}f}" for digits in range(4, 9))
    if threshold is None:
        return next(texts)
    reached = reaches(score, threshold)
    return next((text for text in texts if reaches(float(text), threshold) == reached), f"{score:.9f}")


def _tops(answers: pd.DataFrame) -> list[list[dict[str, Any]]] | None:
    """The best labels of each record, best first, with title and score; None where they were not asked for."""
    ranks = top_ranks(answers.columns)
    if not ranks:
        return None
    names = [name for name in ("label", "title", "score") if f"top_1_{name}" in answers]
    columns = [{name: answers[f"top_{rank}_{name}"].tolist() for name in names} for rank in ranks]
    return [
        [
            {name: values[row] if name == "score" else _text(values[row]) for name, values in part.items()}
            for part in columns
        ]
        for row in range(len(answers))
    ]


def _text(value: Any) -> str | None:
    """A value as a text; None where it is missing."""
    return None if pd.isna(value) else str(value)


def _caption(pipeline: Pipeline) -> str:
    return "; ".join(
        part for part in (f"model {pipeline.name}", pipeline.rule.titled(pipeline.titles).sentence()) if part
    )


def _explanation_table(record: str, effects: list[FieldEffect]) -> Table:
    title = f"record {record}: how much each field and word adds to the score"
    table = Table("field", "word", box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("adds", justify="right")
    for effect in effects:
        table.add_row(effect["field"], "", f"{effect['change']:+.4f}")
        for word in effect["words"]:
            table.add_row("", word["word"], f"{word['change']:+.4f}")
    return table

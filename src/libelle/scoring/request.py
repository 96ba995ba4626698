"""What is asked of a file: how it is read, where answers go, their columns, and what of the input is beside them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from libelle.components import Component, Positive
from libelle.data.names import normal_name
from libelle.data.options import OPTIONS, FileOptions
from libelle.data.records import Names, name_list, require_columns
from libelle.data.table_files import JSON_ENDINGS, Excel, check_output, ending_of
from libelle.errors import UserError
from libelle.evaluation.answers import TOP
from libelle.pipeline import Pipeline

#: JSON holds the scores of all labels where there are at most this many, and with `scores=all`; as does a table that is
#: printed, with `scores=all`.
SCORED_LABELS = 20
#: What `keep=` says for all columns.
ALL = "all"


@dataclass(kw_only=True)
class AnswerRequest(Component):
    """The nodes of `conf/runtime.yaml` that are about what is written.

    Attributes:
        output: a file of a kind that `libelle.data.table_files` writes; by default stdout.
        format: of stdout.
        top: how many of the best labels are listed with their scores; by default none, but `TOP` in files if there
            are more than two labels.
        scores: `all` for the score of each label; by default JSON alone has them, of at most `SCORED_LABELS` labels.
        keep: columns of the input that are written before the answers, a list or a comma-separated text; `all` for all.
        excel: whose Excel a CSV output is for, see `libelle.data.table_files.Excel`.
        explain: whether to say what each field and word adds to the score.
    """

    output: str | None = None
    format: Literal["table", "json"] = "table"
    top: Positive | None = None
    scores: Literal["all"] | None = None
    keep: Names = None
    excel: Excel = None
    explain: bool = False

    def check_answers(self, source: str | None) -> None:
        """Refuse what could not be written, before any work.

        Args:
            source: the input file, or `-`; None for a single record.

        Raises:
            UserError: names the key, and what to do.
        """
        if self.keep is not None and source is None:
            raise UserError("keep= keeps columns of a file; give input=<file>, or leave it out.")
        if self.output is None:
            if self.excel is not None:
                raise UserError(f"excel={self.excel} is for a CSV file; write one, for instance output=scores.csv.")
            return
        check_output(self.output, self.excel)
        if source is not None and Path(self.output).resolve() == Path(source).resolve():
            raise UserError(f"output={self.output} is the input itself; choose another file.")

    @property
    def as_json(self) -> bool:
        """Whether the answers are JSON objects."""
        return self.format == "json" if self.output is None else ending_of(Path(self.output)) in JSON_ENDINGS

    def columns(self, pipeline: Pipeline) -> dict[str, Any]:
        """Which columns `Pipeline.answers` makes, as its arguments.

        Raises:
            UserError: when a table that is printed would have a column for each of very many labels.
        """
        labels = len(pipeline.labels)
        if self.scores and self.output is None and not self.as_json and labels > SCORED_LABELS:
            raise UserError(
                f"scores=all makes a table of {labels:,} columns; write it with output=scores.csv, print it with "
                "format=json, or ask for the best labels with top=5."
            )
        top = self.top or (TOP if self.output is not None and labels > 2 else None)
        return {"top": top, "every_score": bool(self.scores) or (self.as_json and labels <= SCORED_LABELS)}

    @property
    def kept_names(self) -> list[str]:
        """The columns of an input that are written, where they are named one by one."""
        return [] if self.keep == ALL else name_list(self.keep)

    def kept(self, table: pd.DataFrame, source: str) -> pd.DataFrame:
        """The columns of an input that are written, as the file has them.

        Args:
            table: some rows of the input.
            source: what messages call it.

        Raises:
            UserError: when a column is not there.
        """
        names = list(table.columns) if self.keep == ALL and ALL not in table else name_list(self.keep)
        require_columns(list(table.columns), {"keep": names}, source, keys="")
        return table[names]


@dataclass(kw_only=True)
class FileRequest(AnswerRequest):
    """The nodes of `conf/runtime.yaml` that are about a file.

    Attributes:
        input: CSV, Parquet or Excel file, or `-` for one from stdin; with an `output` that is a folder, a folder or a
            pattern of such files, too.
        report: whether to write a page that compares the input with the training data.
        on_error: whether a row that cannot be read is skipped or ends the work.
        delimiter: of a CSV input; here and below, what is left out is as in the training data, or found.
        encoding: of a CSV input.
        quote: `none` where quotes in a CSV input are ordinary characters, `"` where they certainly enclose fields.
        sheet: of an Excel input; by default the training data's, or the first that has the wanted columns.
    """

    input: str | None = None
    report: bool = False
    on_error: Literal["skip", "stop"] = "skip"
    delimiter: str | None = None
    encoding: str | None = None
    quote: str | None = None
    sheet: str | None = None

    def options(self, pipeline: Pipeline) -> FileOptions:
        """How the input is to be read."""
        used = [*used_columns(pipeline), *self.kept_names]
        return FileOptions(
            **{key: getattr(self, key) for key in OPTIONS},
            wanted=frozenset(map(normal_name, pipeline.fields)),
            needed=None if self.keep == ALL else frozenset(map(normal_name, used)),
            remembered=pipeline.reading,
            keys="",
        )


def used_columns(pipeline: Pipeline) -> list[str]:
    """The columns of an input that mean something to a pipeline."""
    return [*pipeline.fields, *([pipeline.id] if pipeline.id else [])]


def beside(kept: pd.DataFrame, answers: pd.DataFrame, id_column: str | None) -> pd.DataFrame:
    """Columns of the input before those of the answers.

    A column of the input that is called like one of the answers gets the name `input_<name>`; the ids are left out
    where the answers have them under the same name.

    Args:
        kept: columns of the input.
        answers: the answers, with equal index.
        id_column: the input's column of ids, where the records have one.
    """
    if id_column == "id":
        kept = kept.drop(columns="id", errors="ignore")
    taken = {*map(str, answers.columns)}
    names = {}
    for name in map(str, kept.columns):
        new = name
        while new in taken:
            new = f"input_{new}"
        taken.add(new)
        names[name] = new
    return pd.concat([kept.rename(columns=names), answers], axis=1)

"""Where scores go: stdout as a table or JSON, or a CSV or Parquet file."""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
from rich import box
from rich.table import Table

from libelle.cli.terminal import make_console
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.explanation import FieldEffect
from libelle.pipeline import Pipeline

#: Rows of the table that a terminal shows.
TABLE_ROWS = 20


class Writer(ABC):
    """Takes the results chunk by chunk."""

    @abstractmethod
    def write(self, result: pd.DataFrame) -> None:
        """Take the results of some records, in order."""

    @abstractmethod
    def close(self) -> None:
        """Finish; called when all went well."""


def _columns(result: pd.DataFrame, pipeline: Pipeline) -> pd.DataFrame:
    """The fields of the JSON, as columns: `scores` becomes a `score_<label>` for each label, an explanation JSON."""
    thresholds = np.array(_thresholds(result, pipeline.rule), dtype=np.float64)
    result = result.assign(threshold=thresholds, model=pipeline.name)
    # As many digits as the threshold has: a score that equals it must not look smaller.
    numbers = [name for name in result if name == "score" or str(name).startswith("score_")]
    result = result.astype(dict.fromkeys(numbers, "float64"))
    if "explanation" in result:
        result["explanation"] = [json.dumps(effects, ensure_ascii=False) for effects in result.pop("explanation")]
    return result


def _thresholds(result: pd.DataFrame, rule: DecisionRule) -> list[float | None]:
    """The threshold for each record's score; None where no score is enough, or no threshold was chosen."""
    return rule.thresholds(pd.Index(rule.labels).get_indexer(pd.Index(result["label"])))


class JsonWriter(Writer):
    """A JSON array, one object per record."""

    def __init__(self, stream: TextIO, pipeline: Pipeline) -> None:
        self.stream, self.pipeline = stream, pipeline
        self.separator = "[\n"

    def write(self, result: pd.DataFrame) -> None:
        """Write one object per record."""
        scores = result[[f"score_{label}" for label in self.pipeline.labels]].to_numpy().tolist()
        explanations = result["explanation"] if "explanation" in result else [None] * len(result)
        thresholds = _thresholds(result, self.pipeline.rule)
        automatic = result["automatic"] if "automatic" in result else [None] * len(result)
        for id_, label, score, row, threshold, coded, explanation in zip(
            result["id"], result["label"], result["score"], scores, thresholds, automatic, explanations, strict=True
        ):
            item = {
                "id": id_ if isinstance(id_, str) else int(id_),
                "label": label,
                "score": float(score),
                "scores": dict(zip(self.pipeline.labels, row, strict=True)),
                "threshold": threshold,
                "model": self.pipeline.name,
            }
            if coded is not None:
                item["automatic"] = bool(coded)
            if explanation is not None:
                item["explanation"] = explanation
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
        """Write one row per record."""
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
        """Write one row per record."""
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
        self.explanations: list[Table] = []
        self.table = Table(box=box.SIMPLE_HEAD, caption=_caption(pipeline), caption_justify="left")
        self.coding = not pipeline.rule.is_binary and pipeline.rule.limits is not None
        for name in ("id", "label", "score", *(["automatic"] if self.coding else [])):
            self.table.add_column(name, justify="right" if name == "score" else "left")

    def write(self, result: pd.DataFrame) -> None:
        """Add the first records to the table and count the others."""
        shown = result.head(max(TABLE_ROWS - self.rows, 0))
        coded = shown["automatic"].map({True: "yes", False: "no"}) if self.coding else [""] * len(shown)
        for id_, label, score, automatic in zip(shown["id"], shown["label"], shown["score"], coded, strict=True):
            self.table.add_row(str(id_), str(label), f"{score:.4f}", *([automatic] if self.coding else []))
        if "explanation" in shown:
            pairs = zip(shown["id"], shown["explanation"], strict=True)
            self.explanations += [_explanation_table(str(id_), effects) for id_, effects in pairs]
        self.rows += len(result)

    def close(self) -> None:
        """Print the table."""
        console = make_console()
        console.print(self.table)
        for table in self.explanations:
            console.print(table)
        if self.rows > TABLE_ROWS:
            console.print(f"{self.rows - TABLE_ROWS:,} more records; write all with output=scores.csv or format=json")


def _caption(pipeline: Pipeline) -> str:
    return "; ".join(part for part in (f"model {pipeline.name}", pipeline.rule.sentence()) if part)


def _explanation_table(record: str, effects: list[FieldEffect]) -> Table:
    title = f"record {record}: how much each field and word adds to the score"
    table = Table("field", "word", box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("adds", justify="right")
    for effect in effects:
        table.add_row(effect["field"], "", f"{effect['change']:+.4f}")
        for word in effect["words"]:
            table.add_row("", word["word"], f"{word['change']:+.4f}")
    return table

"""Writing tables for people and programs: CSV, Excel, Parquet or JSON, by the ending of the file's name.

A table is written part by part, and the file takes its name when all of it is there.
"""

import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TextIO

import pandas as pd
import pyarrow as pa

from libelle.data.plain_csv import plain_rows
from libelle.errors import UserError, needs_extra
from libelle.files import remove_leftovers, whole_file

#: Seconds after which nobody is at work any more on a file that a dead process has begun.
_SILENT = 3600.0

#: Whose Excel a CSV file is for: `fr` writes semicolons, decimal commas and a byte-order mark; None is plain CSV.
Excel = Literal["fr"] | None

#: Endings of the names of the files that can be written.
ENDINGS = (".csv", ".csv.gz", ".xlsx", ".parquet", ".pq", ".json", ".jsonl")
#: Those that are CSV.
CSV_ENDINGS = (".csv", ".csv.gz")
#: Those of JSON: an array, or one object a line.
JSON_ENDINGS = (".json", ".jsonl")

#: What a sheet of Excel holds: rows, the header included, columns, and characters in a cell.
SHEET_ROWS, SHEET_COLUMNS, CELL_CHARACTERS = 1_048_576, 16_384, 32_767

#: Excel takes a cell of a CSV file that begins so for a formula, and runs it.
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
#: Bytes of a file's name, at most.
_LONGEST = 255
#: Characters that no XML file may hold.
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def ending_of(path: Path) -> str:
    """The ending that says what a file is, in lower case; empty where it is none of `ENDINGS`."""
    return next((ending for ending in (".csv.gz", *ENDINGS) if path.name.lower().endswith(ending)), "")


def check_output(output: str, excel: Excel) -> None:
    """Refuse an `output=` that could not be written, before any work.

    Raises:
        UserError: when its ending is unknown or does not go with `excel=`, its folder is not there, or a library that
            it needs is not installed.
    """
    path = Path(output)
    if not path.name:
        raise UserError(f"output={output} is not the name of a file; write for instance output=scores.csv.")
    ending = ending_of(path)
    if not ending:
        raise UserError(f"output={output} does not say what it is; end its name with {', '.join(ENDINGS)}.")
    if excel and ending not in CSV_ENDINGS:
        raise UserError(f"excel={excel} is for output= in .csv or .csv.gz, and {path.name} is not; leave it out.")
    if len(os.fsencode(path.name)) > _LONGEST:
        raise UserError(f"output={output[:50]}... is too long for the name of a file; choose a shorter one.")
    if path.is_dir():
        raise UserError(f"output={output} is a folder; name a file in it, for instance {path / 'scores.csv'}.")
    if not path.parent.is_dir():
        raise UserError(
            f"output={output} cannot be written: the folder {path.parent} does not exist; make it, or choose another."
        )
    if ending == ".xlsx":
        with needs_extra(f"output={output}", "excel", ", or write .csv"):
            import openpyxl  # noqa: F401


@contextmanager
def table_file(output: str, excel: Excel = None) -> Iterator["TableFile"]:
    """Yield what writes a table into a file, which takes its name at the end; what was there before stays until then.

    Raises:
        UserError: as `check_output` does, and when it cannot be written after all.
    """
    check_output(output, excel)
    path = Path(output)
    # Nobody else looks here, and what a killed command leaves may hold texts of forms.
    remove_leftovers(path.parent, _SILENT)
    try:
        with whole_file(path) as temporary:
            table = open_table(temporary, ending_of(path), excel)
            try:
                yield table
            except BaseException:
                table.abandon()
                raise
            table.close()
    except OSError as error:
        raise UserError(
            f"output={output} cannot be written ({error.strerror or error}); choose another file."
        ) from error


def open_table(path: Path, ending: str, excel: Excel = None) -> "TableFile":
    """Begin a file of the kind that an ending says, whatever the path's own name."""
    if ending in JSON_ENDINGS:
        return JsonFile(path.open("w", encoding="utf-8"), lines=ending == ".jsonl")
    if ending == ".xlsx":
        return ExcelFile(path)
    if ending in (".parquet", ".pq"):
        return ParquetFile(path)
    # Python's gzip would write the temporary name into the file.
    return CsvFile(pa.output_stream(str(path), compression="gzip" if ending == ".csv.gz" else None), excel)


def csv_bytes(table: pd.DataFrame, excel: Excel = None) -> bytes:
    """A whole table as a CSV file."""
    return _csv_head(excel) + _csv_rows(table, excel, header=True)


class TableFile(ABC):
    """Takes a table part by part; all parts have the same columns."""

    @abstractmethod
    def write(self, part: pd.DataFrame) -> None:
        """Write some rows."""

    @abstractmethod
    def close(self) -> None:
        """Finish; called when all went well."""

    @abstractmethod
    def abandon(self) -> None:
        """Let go of a file that will not be kept."""


class CsvFile(TableFile):
    """CSV, in UTF-8."""

    def __init__(self, stream: pa.NativeFile, excel: Excel) -> None:
        self.stream, self.excel = stream, excel
        self.header = True
        stream.write(_csv_head(excel))

    def write(self, part: pd.DataFrame) -> None:
        """Write some rows."""
        self.stream.write(_csv_rows(part, self.excel, header=self.header))
        self.header = False

    def close(self) -> None:
        """Close the file."""
        self.stream.close()

    abandon = close


class ExcelFile(TableFile):
    """A workbook with one sheet; texts are texts, whatever they look like, and no formula is ever written."""

    def __init__(self, path: Path) -> None:
        from openpyxl import Workbook
        from openpyxl.cell import WriteOnlyCell

        self.path, self.cell = path, WriteOnlyCell
        self.book = Workbook(write_only=True)
        self.sheet = self.book.create_sheet("libelle")
        self.sheet.freeze_panes = "A2"
        self.rows = 0

    def write(self, part: pd.DataFrame) -> None:
        """Write some rows."""
        if len(part.columns) > SHEET_COLUMNS:
            raise UserError(
                f"A sheet of Excel holds {SHEET_COLUMNS:,} columns, and there are {len(part.columns):,}; write .csv."
            )
        if not self.rows:
            self._append(list(part.columns))
        columns = [part[name].astype(object).where(part[name].notna(), None) for name in part]
        for row in zip(*columns, strict=True):
            self._append(row)

    def _append(self, values: Iterable[Any]) -> None:
        if self.rows == SHEET_ROWS:
            raise UserError(f"A sheet of Excel holds {SHEET_ROWS - 1:,} records, and there are more; write .csv.")
        self.sheet.append([self._text(value) if isinstance(value, str) else value for value in values])
        self.rows += 1

    def _text(self, value: str) -> Any:
        text = _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", value)[:CELL_CHARACTERS]
        if not text.startswith(("=", "#")):
            return text
        cell = self.cell(self.sheet, text)
        cell.data_type = "s"  # openpyxl would make a formula of =1+1, and an error of #N/A
        return cell

    def close(self) -> None:
        """Write the workbook."""
        self.book.save(self.path)

    def abandon(self) -> None:
        """Remove openpyxl's own temporary file."""
        self.sheet.close()
        self.book.close()


class ParquetFile(TableFile):
    """Parquet, each part a row group."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer: Any = None

    def write(self, part: pd.DataFrame) -> None:
        """Write some rows."""
        from pyarrow import parquet  # scoring texts writes no files

        table = pa.Table.from_pandas(part, preserve_index=False)
        if self.writer is None:
            self.writer = parquet.ParquetWriter(self.path, table.schema, compression="zstd")
        self.writer.write_table(table.cast(self.writer.schema))

    def close(self) -> None:
        """Write the footer."""
        if self.writer is not None:
            self.writer.close()

    abandon = close


class JsonFile(TableFile):
    """JSON objects: an array of them, or one a line."""

    def __init__(self, stream: TextIO, *, lines: bool) -> None:
        self.stream, self.lines = stream, lines
        self.objects = 0

    def write(self, part: pd.DataFrame) -> None:
        """Write some rows, each as an object."""
        values = part.astype(object).where(part.notna(), None)
        self.write_objects({str(name): value for name, value in row.items()} for row in values.to_dict("records"))

    def write_objects(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Write some objects."""
        for item in objects:
            if not self.lines:
                self.stream.write(",\n" if self.objects else "[\n")
            self.stream.write(json.dumps(item, ensure_ascii=False) + ("\n" if self.lines else ""))
            self.objects += 1

    def finish(self) -> None:
        """End the array; the stream stays open."""
        if not self.lines:
            self.stream.write("\n]\n" if self.objects else "[]\n")

    def close(self) -> None:
        """End the array, and close the file."""
        self.finish()
        self.stream.close()

    def abandon(self) -> None:
        """Close the file."""
        self.stream.close()


def _csv_head(excel: Excel) -> bytes:
    return b"\xef\xbb\xbf" if excel else b""


def _csv_rows(table: pd.DataFrame, excel: Excel, *, header: bool) -> bytes:
    if not excel and (rows := plain_rows(table)) is not None:
        return (_csv_rows(table.head(0), excel, header=True) if header else b"") + rows
    if excel:
        texts = {name: _for_excel(column) for name, column in table.items()}
        table = pd.DataFrame(texts, index=table.index).rename(columns=_harmless)
    marks: dict[str, Any] = {"sep": ";", "decimal": ","} if excel else {}
    text = table.to_csv(index=False, header=header, lineterminator="\r\n" if excel else "\n", **marks)
    return str(text).encode("utf-8")


def _for_excel(column: pd.Series) -> pd.Series:
    return column if pd.api.types.is_numeric_dtype(column.dtype) else column.map(_harmless, na_action="ignore")


def _harmless(value: Any) -> Any:
    """A text that Excel shows instead of running it, by an apostrophe before it; numbers stay as they are."""
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value

"""Reading files of any format as tables of strings, in chunks.

Missing is missing, never the text "nan"; employers called NA, NULL or NONE stay texts.
"""

import io
import re
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa

from libelle.data.csv_files import read_csv
from libelle.data.dialects import check_quote, delimiter_of
from libelle.data.encodings import check_encoding
from libelle.data.excel import read_excel
from libelle.data.frames import Chunks, from_arrow
from libelle.data.kinds import Kind, opened
from libelle.data.names import check_header, normal_name
from libelle.data.options import OPTIONS, FileOptions, FileReport, OnBadRow
from libelle.data.texts import arrow_texts, no_text, not_text
from libelle.errors import UserError

_INDEX = re.compile(r"__index_level_\d+__")


def read_file(path: Path, options: FileOptions, *, on_bad_row: OnBadRow, report: FileReport) -> Chunks:
    """Yield a file's rows: CSV, Parquet or .xlsx, also compressed, by what its first bytes say.

    The arguments are those of `read_csv`.

    Raises:
        UserError: when the file is not there or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            yield from read_stream(stream, str(path), options, on_bad_row=on_bad_row, report=report)
    except FileNotFoundError:
        several = ", or write choice('…','…') to search over several files" if "," in str(path) else ""
        raise UserError(f"The file {path} does not exist; check the path{several}.") from None
    except OSError as error:
        raise UserError(f"The file {path} cannot be read ({error.strerror or error}).") from error


def read_stream(
    stream: BinaryIO, name: str, options: FileOptions, *, on_bad_row: OnBadRow, report: FileReport
) -> Chunks:
    """Yield the rows of a stream, as `read_file` does; `name` is what messages call it."""
    check_options(options)
    with opened(stream, name) as (kind, content):
        if not options.shared:
            require_kind([kind], f"{name} is none", options)
        if kind == "excel":
            yield from read_excel(content, name, options, report)  # type: ignore[arg-type]
        elif kind == "parquet":
            yield from read_parquet(content, name, options, report)  # type: ignore[arg-type]
        elif name.lower().endswith((".parquet", ".pq")):
            raise UserError(f"{name} is not a Parquet file, whatever its name says; name a CSV file .csv.")
        else:
            yield from read_csv(content, name, options, on_bad_row=on_bad_row, report=report)


def check_options(options: FileOptions) -> None:
    """Raise where an option has a wrong value, whatever the file is."""
    if options.encoding is not None:
        check_encoding(options.encoding, options.keys)
    if options.delimiter is not None:
        delimiter_of(options.delimiter, options.keys)
    check_quote(options.quote, options.keys)


def require_kind(kinds: Collection[Kind], none: str, options: FileOptions) -> None:
    """Raise for an option that would have no effect, since no file is of the kind that has it.

    Args:
        kinds: of the files that are read with these options.
        none: what messages say of them then, as `forms.parquet is none`.
        options: how they are to be read.
    """
    for key in OPTIONS:
        kind: Kind = "excel" if key == "sheet" else "csv"
        if getattr(options, key) is not None and kind not in kinds:
            called = "Excel" if kind == "excel" else "CSV"
            raise UserError(
                f"{options.keys}{key}={getattr(options, key)} is for {called} files, and {none}; leave it out."
            )


def read_parquet(
    stream: BinaryIO, name: str, options: FileOptions, report: FileReport, rows: range | None = None
) -> Chunks:
    """Yield the rows of a Parquet file, or some of them, by their places in it.

    Args:
        stream: the file; it can seek.
        name: what messages call it.
        options: which columns are needed.
        report: gets what is counted.
        rows: from 0; all of them where left out.
    """
    # Scoring texts takes no files.
    from libelle.data.parquet_files import DAMAGED, batches, damaged, open_parquet, require_room

    size = stream.seek(0, io.SEEK_END)
    try:
        with open_parquet(stream, name) as file:
            # pandas writes an index as a column: one with a name is data, one without is a row number.
            names = [column for column in file.schema_arrow.names if not _INDEX.fullmatch(column)]
            check_header(names, name)
            kept = [column for column in names if _is_kept(column, file.schema_arrow, name, options)]
            wanted = range(file.metadata.num_rows) if rows is None else rows
            first = wanted.start + 1
            for batch in batches(file, kept, wanted):
                batch.validate(full=True)  # texts that are no UTF-8, and places that are nowhere
                report.read += batch.num_rows
                for column in batch.columns:
                    require_room(column, size, name)
                yield _texts(batch, name, pd.RangeIndex(first, first + batch.num_rows))
                first += batch.num_rows
            if first == wanted.start + 1:
                yield pd.DataFrame(columns=[normal_name(column) for column in kept], dtype="str")
    except DAMAGED as error:
        raise damaged(name, error) from error


def _is_kept(column: str, schema: pa.Schema, name: str, options: FileOptions) -> bool:
    """Whether a column is read; one that has no text is refused if it is needed."""
    what = not_text(schema.field(column).type)
    if what and (options.needed is None or normal_name(column) in options.needed):
        raise no_text(column, name, what)
    return not what


def _texts(batch: pa.RecordBatch, name: str, index: pd.Index) -> pd.DataFrame:
    """A batch as a table."""
    pairs = zip(batch.schema.names, batch.columns, strict=True)
    columns = {normal_name(column): arrow_texts(values, column, name) for column, values in pairs}
    return from_arrow(pa.table(columns), index)

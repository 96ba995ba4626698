"""Raw records as people hand them over in Python: a DataFrame, mappings or bare texts, made one checked table."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from math import isnan
from types import NoneType
from typing import Any

import numpy as np
import pandas as pd

from libelle.data.columns import Column, Columns, from_frame
from libelle.data.frames import as_strings, blank_to_missing
from libelle.data.names import as_spelled, check_header
from libelle.data.texts import texts_of
from libelle.errors import UserError

#: What messages call the records.
_SOURCE = "The records"

#: What `to_table` takes.
RawRecords = pd.DataFrame | Sequence[Mapping[str, Any]] | Sequence[str] | pd.Series


def to_table(records: RawRecords, fields: Sequence[str], text: str, others: Sequence[str] = ()) -> pd.DataFrame:
    """Make one table of raw records.

    Args:
        records: a DataFrame, which has a column for each field and may have others; or one mapping per record, which
                may lack fields, and has no keys but those of `fields` and `others`; or one text per record.
        fields: names of the text fields.
        text: the field that a bare text fills.
        others: keys that are no fields and still mean something: the id, the target.

    Returns:
        One row per record, with a column for each field; indexed as a DataFrame or Series is, else from 0.

    Raises:
        UserError: names the column, field or record that is wrong.
    """
    if isinstance(records, pd.DataFrame):
        return _check(records, [*fields, *others], fields)
    table = _table_of(_rows(records, fields, text, others), fields)
    return table.set_axis(records.index) if isinstance(records, pd.Series) else table


def to_columns(
    records: RawRecords, fields: Sequence[str], text: str, others: Sequence[str], id_: str | None
) -> dict[str, Column]:
    """The fields of raw records, and their ids where they have some: texts, missing where missing or blank.

    Args:
        records: as in `to_table`, like the others.
        fields: names of the text fields.
        text: the field that a bare text fills.
        others: keys that are no fields and still mean something, beside the id.
        id_: the column of ids, if any.

    Raises:
        UserError: as `to_table`, and when a text is not valid Unicode.
    """
    if isinstance(records, pd.DataFrame):
        table = _check(records, fields if id_ is None else [*fields, id_], fields)
        names = [*fields, id_] if id_ is not None and id_ in table.columns else fields
        with whole_characters():
            return from_frame(blank_to_missing(as_strings(table[list(names)], _SOURCE)))
    rows = _rows(records, fields, text, others if id_ is None else [*others, id_])
    if rows and not any(name in row for row in rows for name in fields):
        raise _no_column(fields[0], fields)
    names = [*fields, id_] if id_ is not None and any(id_ in row for row in rows) else fields
    with whole_characters():
        return {name: _column(name, list(map(dict.get, rows, repeat(name)))) for name in names}


def ids_of(table: pd.DataFrame, id_: str | None, numbers: pd.Index | None = None) -> pd.Series:
    """Each row's id, `str`, where the table has the column of ids; else its number, int64.

    In place of a missing id stands the number of its row, written so that it is no other record's id.

    Args:
        table: raw records.
        id_: the column of ids, if any.
        numbers: of the rows, for those without an id; from 1 where left out.
    """
    counted = pd.Series(np.arange(1, len(table) + 1) if numbers is None else numbers, index=table.index)
    if id_ is None or id_ not in table.columns:
        return counted
    return _known_ids(blank_to_missing(as_strings(table[[id_]], _SOURCE))[id_], counted)


def ids_of_columns(columns: Columns, id_: str | None, index: pd.Index) -> pd.Series:
    """The same of records in columns; `index` is that of the rows."""
    counted = pd.Series(np.arange(1, len(index) + 1), index=index)
    return counted if id_ is None or id_ not in columns else _known_ids(columns[id_].series(index), counted)


def _known_ids(ids: pd.Series, numbers: pd.Series) -> pd.Series:
    return ids.fillna("(row " + numbers.astype("str") + ")")


def _column(name: str, values: Sequence[object]) -> Column:
    """A column of values of any kind; texts alone take the short way, and none at all the shortest."""
    kinds = set(map(type, values))
    if kinds <= {NoneType}:
        return Column([], np.zeros(len(values), np.int32))
    texts: Sequence[Any] = values
    if not kinds <= {str, NoneType}:
        texts = texts_of(values, name, _SOURCE).to_pylist()
    column = Column.of_known(texts)
    "".join(column.texts).encode()
    blank = "" in column.texts or any(map(str.isspace, column.texts))
    return column.replace([text if text.strip() else None for text in column.texts]) if blank else column


def _table_of(rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> pd.DataFrame:
    with whole_characters():
        table = pd.DataFrame(rows, dtype=object)  # else a record without a number would change those of the others
    if len(table) and not any(name in table.columns for name in fields):
        raise _no_column(fields[0], fields)
    return _with(table, fields)


def _check(records: pd.DataFrame, names: Sequence[str], fields: Sequence[str]) -> pd.DataFrame:
    """The table, checked, its columns spelled as `names` are; one without rows need not have the fields."""
    if records.columns.nlevels > 1:
        raise UserError("The records' columns have several levels; give each column one name.")
    check_header(records.columns, _SOURCE)
    table = records.rename(columns=as_spelled(list(records.columns), names))
    missing = [name for name in fields if name not in table.columns]
    if missing and len(table):
        raise _no_column(missing[0], fields)
    return _with(table, fields)


def _with(table: pd.DataFrame, fields: Sequence[str]) -> pd.DataFrame:
    missing = [name for name in fields if name not in table.columns]
    return table.reindex(columns=[*table.columns, *missing])


def _no_column(name: str, fields: Sequence[str]) -> UserError:
    return UserError(f"The records have no column {name!r}; the model's fields are {', '.join(fields)}.")


def _rows(records: Any, fields: Sequence[str], text: str, others: Sequence[str]) -> list[dict[str, Any]]:
    """One mapping per record, checked."""
    if isinstance(records, str | bytes | Mapping) or not np.iterable(records):
        raise UserError(
            f"The records are one {type(records).__name__}; give a DataFrame, or a list of records or texts, as in "
            "predict([...])."
        )
    if isinstance(records, pd.Series) and any(name in records.index for name in fields):
        raise UserError(  # its values would be as many bare texts
            "The records are one row of a table, as frame.iloc[0] is; give a table of one row, as frame.iloc[[0]]."
        )
    known = {*fields, *others}
    if type(records) is list and set(map(type, records)) == {dict} and known.issuperset(set().union(*records)):
        return records  # as nearly always where many come: nothing is to be spelled otherwise, or refused
    rows: list[dict[str, Any]] = []
    for number, record in enumerate(records, start=1):
        if isinstance(record, Mapping):
            spelled = as_spelled(list(record), known)
            row = {str(spelled.get(name, name)): value for name, value in record.items()} if spelled else dict(record)
            if len(row) < len(record):
                check_header(record, f"Record {number}")  # two names are the same but for blanks or accents
            for name in row:
                if name not in known:
                    raise UserError(
                        f"Record {number} has the field {name!r}, which is not one of the model's; its fields are "
                        f"{', '.join(fields)}."
                    )
            rows.append(row)
        elif isinstance(record, str) or _is_missing(record):
            rows.append({text: record})
        else:
            raise UserError(f"Record {number} is neither a text nor a mapping; give {{field: text}} or a text.")
    return rows


def _is_missing(record: object) -> bool:
    return record is None or record is pd.NA or (isinstance(record, float) and isnan(record))


@contextmanager
def whole_characters() -> Iterator[None]:
    """Turn what pandas says of half a character (a lone surrogate) into a `UserError`."""
    try:
        yield
    except UnicodeEncodeError as error:
        wrong = ascii(error.object[error.start])
        raise UserError(f"A record holds {wrong}, which is half of a character; correct the text.") from None

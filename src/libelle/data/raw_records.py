"""Raw records as people hand them over in Python: a DataFrame, mappings or bare texts, made one checked table."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isnan
from typing import Any

import pandas as pd

from libelle.errors import UserError

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
        One row per record, with a column for each field.

    Raises:
        UserError: names the column, field or record that is wrong.
    """
    table = records if isinstance(records, pd.DataFrame) else _from_sequence(records, fields, text, others)
    repeated = table.columns[table.columns.duplicated()]
    if len(repeated):
        raise UserError(
            f"The records have the column {str(repeated[0])!r} more than once; give each column a name of its own."
        )
    missing = [name for name in fields if name not in table.columns]
    if missing and len(table) and (table is records or len(missing) == len(fields)):
        raise UserError(f"The records have no column {missing[0]!r}; the model's fields are {', '.join(fields)}.")
    return table.reindex(columns=[*table.columns, *missing])


def _from_sequence(records: Any, fields: Sequence[str], text: str, others: Sequence[str]) -> pd.DataFrame:
    if isinstance(records, str | bytes | Mapping) or not hasattr(records, "__iter__"):
        raise UserError(
            f"The records are one {type(records).__name__}; give a DataFrame, or a list of records or texts, as in "
            "predict([...])."
        )
    known = {*fields, *others}
    rows = []
    for number, record in enumerate(records, start=1):
        if isinstance(record, Mapping):
            for name in record:
                if name not in known:
                    raise UserError(
                        f"Record {number} has the field {name!r}, which is not one of the model's; its fields are "
                        f"{', '.join(fields)}."
                    )
            rows.append(dict(record))
        elif (
            isinstance(record, str)
            or record is None
            or record is pd.NA
            or (isinstance(record, float) and isnan(record))
        ):
            rows.append({text: record})
        else:
            raise UserError(f"Record {number} is neither a text nor a mapping; give {{field: text}} or a text.")
    with whole_characters():
        return pd.DataFrame(rows)


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

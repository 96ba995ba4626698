"""One text for each value, whatever stands beside it: a number's neighbours must not change how it is written."""

import datetime
import math
from collections.abc import Iterable
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa

from libelle.data.names import normal_name
from libelle.errors import UserError
from libelle.language import N_

#: What is no text and has none: type → what messages call it.
_NOT_TEXT: dict[type | tuple[type, ...], str] = {
    (list, tuple, set, frozenset, np.ndarray): "lists",
    (bytes, bytearray, memoryview): "binary data",
    dict: "records within a record",
}

#: Digits of a decimal that are written out: those of the largest float.
_DIGITS = 308
#: From here on, floats are whole, and several whole numbers share one.
_EXACT = 2.0**53


def text_of(value: object) -> str | None:
    """The text of one value; None where it is missing.

    Whole numbers are written without a decimal point, decimals with the digits that they have, dates as ISO says, and a
    time of midnight is left out.

    Raises:
        TypeError: says what the value is, when there is no text for it.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float | np.floating):
        return None if math.isnan(value) else _number(float(value), str(value))
    if isinstance(value, Decimal):
        # A number of a million digits is three bytes long, and nobody wrote it.
        return None if value.is_nan() else format(value, "f" if abs(value.adjusted()) <= _DIGITS else "")
    for kinds, what in _NOT_TEXT.items():
        if isinstance(value, kinds):
            raise TypeError(what)
    if pd.isna(value) is True:  # type: ignore[call-overload]
        return None
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time() and not getattr(value, "nanosecond", 0) and value.tzinfo is None
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    try:
        return str(value)
    except Exception as error:  # a whole number of thousands of digits, or anybody's class
        raise TypeError(N_("values that cannot be written out")) from error


def texts_of(values: Iterable[object], column: object, source: str) -> pa.LargeStringArray:
    """The texts of some values, missing where they are.

    Args:
        values: of one column.
        column: its name, for messages.
        source: what messages call the table.

    Raises:
        UserError: names the column where a value has no text.
    """
    try:
        return pa.array([value if type(value) is str else text_of(value) for value in values], pa.large_string())
    except TypeError as error:
        raise no_text(column, source, str(error)) from None


def arrow_texts(column: pa.Array, name: object, source: str) -> pa.LargeStringArray:
    """The texts of a column of any Arrow type, as `texts_of` writes them; each distinct value is written once.

    Args:
        column: of one chunk.
        name: the column's name, for messages.
        source: what messages call the table.

    Raises:
        UserError: names the column where its values have no text.
    """
    kind = column.type
    if what := not_text(kind):
        raise no_text(name, source, what)
    if pa.types.is_dictionary(kind):
        return arrow_texts(column.dictionary, name, source).take(column.indices)
    if isinstance(column, pa.ExtensionArray):
        return arrow_texts(column.storage, name, source)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    if pa.types.is_integer(kind) or pa.types.is_null(kind):
        return column.cast(pa.large_string())
    distinct = column.dictionary_encode()
    values = distinct.dictionary
    # numpy knows how few digits a float of 32 bits needs; Python would write those of 64.
    listed = values.to_numpy(zero_copy_only=False) if pa.types.is_floating(kind) else values.to_pylist()
    return texts_of(listed, name, source).take(distinct.indices)


def not_text(kind: pa.DataType) -> str:
    """What a column of an Arrow type holds, in words, where that has no text; else nothing."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else getattr(kind, "storage_type", kind)
    types = pa.types
    if any(test(kind) for test in (types.is_binary, types.is_large_binary, types.is_fixed_size_binary)):
        return "binary data"
    if str(kind).startswith("binary_view"):
        return "binary data"
    return "" if not types.is_nested(kind) else "records within a record" if types.is_struct(kind) else "lists"


def no_text(column: object, source: str, what: str) -> UserError:
    """The refusal of a column whose values have no text."""
    return UserError(
        f"{source}: the column {normal_name(column)!r} holds {what}, and texts, numbers and dates alone can be read; "
        "leave it out, or turn it into text first."
    )


def _number(value: float, text: str) -> str:
    """A float, `text` being its shortest form; a whole one that floats cannot tell from its neighbours is refused."""
    if abs(value) >= _EXACT and not math.isinf(value):
        raise TypeError(N_("floats above 2^53, which have lost their last digits"))
    return "0" if value == 0 else text.removesuffix(".0")

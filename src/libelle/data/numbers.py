"""Texts as numbers: what people write where a number belongs."""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

from libelle.data.columns import Column, Columns
from libelle.features import Doubles

#: Thousands set apart by a space, as French spreadsheets write them; some of these spaces do not break.
_THOUSANDS = re.compile("[+-]?\\d{1,3}(?:[ \u00a0\u2009\u202f]\\d{3})+(?:[.,]\\d+)?")
#: One comma between digits.
_COMMA = re.compile(r"[+-]?\d*,\d+")
#: Such a comma may also set thousands apart, as in English.
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
#: What `float` takes, and nobody means by a number in a table: `1_000`, `nan`, `infinity`.
_NOT_WRITTEN = re.compile(r"[_a-df-zA-DF-Z]")


def number_of(text: str) -> float | str:
    """The number that a text is; or what is wrong with it, as messages continue after "holds".

    A decimal comma is understood where it can be nothing else, and so are spaces between thousands.
    """
    plain = text.strip()
    if _AMBIGUOUS.fullmatch(plain):
        point, thousands = plain.replace(",", "."), plain.replace(",", "")
        return f"{_shown(plain)}, which may be {point} or {thousands} (use a decimal point)"
    if _THOUSANDS.fullmatch(plain):
        plain = re.sub(r"\s", "", plain)
    if _COMMA.fullmatch(plain):
        plain = plain.replace(",", ".")
    try:
        number = math.nan if _NOT_WRITTEN.search(plain) else float(plain)
    except ValueError:
        number = math.nan
    return number if math.isfinite(number) else f"{_shown(plain)}, which is no number"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}…")


def read_numbers(texts: Sequence[str]) -> tuple[Doubles, dict[int, str]]:
    """Read texts as numbers.

    Returns:
        The numbers, float64 [texts], NaN where a text is none; and what is wrong, by the position of the text.
    """
    numbers = np.full(len(texts), np.nan)
    wrong: dict[int, str] = {}
    for place, text in enumerate(texts):
        found = number_of(text)
        if isinstance(found, str):
            wrong[place] = found
        else:
            numbers[place] = found
    return numbers, wrong


def first_wrong(column: Column, wrong: Mapping[int, str]) -> tuple[int, str]:
    """The first row of a column whose text is no number, counted from 0, and what is wrong with it."""
    place = int(np.flatnonzero(np.isin(column.index, list(wrong)))[0])
    return place, wrong[int(column.index[place])]


def wrong_numbers(columns: Columns, numeric: Sequence[str]) -> dict[int, str]:
    """The rows, counted from 0, that hold something that is no number where one belongs, and what is wrong there."""
    found: dict[int, str] = {}
    for name in numeric:
        column = columns[name]
        _, wrong = read_numbers(column.texts)
        for row in np.flatnonzero(np.isin(column.index, list(wrong))).tolist():
            found.setdefault(row, f"the numeric field {name!r} holds {wrong[int(column.index[row])]}")
    return found

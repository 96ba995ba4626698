"""The contract of a cleaner, and how cleaners are applied to a table."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import compress, groupby
from types import NoneType
from typing import Any, TypeGuard

import numpy as np
import pandas as pd

from libelle.components import Component
from libelle.data.columns import Column, Columns, from_frame, to_frame
from libelle.data.frames import is_missing
from libelle.errors import UserError

#: Texts from which on plain ones are cleaned all at once.
_MANY = 32
#: The printable characters of ASCII.
_FIRST, _LAST = ord(" "), ord("~")


class Cleaner(Component, ABC):
    """Text in, text out; each text on its own.

    A subclass is a dataclass whose fields are its config keys. Cleaners may be listed in any order: those of libelle
    commute, so that `[accents, stopwords]` and `[stopwords, accents]` give the same texts.
    """

    conf_group = "cleaner"

    @abstractmethod
    def clean(self, texts: pd.Series) -> pd.Series:
        """Clean each text: same length, order and index; missing stays missing, an emptied text is `""`."""


class TextCleaner(Cleaner):
    """A cleaner that says what becomes of one text: several of them in a row cost no Series in between."""

    @abstractmethod
    def clean_text(self, text: str) -> str:
        """Clean one text."""

    def clean(self, texts: pd.Series) -> pd.Series:
        """Clean each text."""
        return texts.map(self.clean_text, na_action="ignore")


class LineCleaner(TextCleaner):
    """A cleaner that cleans plain texts, of printable ASCII, all at once: most texts are, and it takes a fifth."""

    @abstractmethod
    def clean_lines(self, lines: str) -> str:
        """Clean plain texts, one a line, each as `clean_text` would."""


def clean_table(table: pd.DataFrame, cleaners: Iterable[Cleaner]) -> pd.DataFrame:
    """Apply the cleaners to every column of strings."""
    cleaners = list(cleaners)
    return to_frame(clean_columns(from_frame(table), cleaners), table.index) if cleaners else table


def clean_columns(columns: Columns, cleaners: Iterable[Cleaner]) -> dict[str, Column]:
    """Apply the cleaners to the distinct texts of every column: real columns repeat a lot.

    Raises:
        UserError: names the cleaner that did not return a text, or a missing value, for each text.
    """
    cleaners = list(cleaners)
    return {
        name: column.replace(_clean(column.texts, cleaners)) if column.texts else column
        for name, column in columns.items()
    }


def _clean(texts: Sequence[str], cleaners: Sequence[Cleaner]) -> Sequence[str | None]:
    cleaned: Sequence[str | None] = texts
    for in_lines, some in groupby(cleaners, lambda cleaner: isinstance(cleaner, LineCleaner)):
        clean = _clean_plain if in_lines and len(texts) >= _MANY else _clean_each
        cleaned = clean(cleaned, [*some])
    return cleaned


def _clean_each(texts: Sequence[str | None], cleaners: Sequence[Any]) -> Sequence[str | None]:
    cleaned = texts
    for cleaner in cleaners:
        if isinstance(cleaner, TextCleaner):
            clean_text = cleaner.clean_text
            cleaned = [None if text is None else clean_text(text) for text in cleaned]
            _require_texts(cleaned, cleaner, "clean_text() return a text")
        else:
            cleaned = _clean_series(pd.Series(cleaned, dtype="str"), cleaner)
    _require_whole("".join(filter(None, cleaned)), cleaners)
    return cleaned


def _clean_plain(texts: Sequence[str | None], cleaners: Sequence[Any]) -> Sequence[str | None]:
    """Clean plain texts all at once, and the others one by one."""
    if _are_plain(texts):
        return _clean_lines(texts, cleaners)
    plain = [text is not None and text.isascii() and text.isprintable() for text in texts]
    cleaned = iter(_clean_lines([*compress(texts, plain)], cleaners))  # type: ignore[list-item]
    others = iter(_clean_each([text for text, is_plain in zip(texts, plain, strict=True) if not is_plain], cleaners))
    return [next(cleaned) if is_plain else next(others) for is_plain in plain]


def _are_plain(texts: Sequence[str | None]) -> TypeGuard[Sequence[str]]:
    """Whether all texts are of printable ASCII; to look at each takes as long as to clean them."""
    if None in texts:
        return False
    joined = "".join(texts)  # type: ignore[arg-type]
    if not joined.isascii():
        return False
    letters = np.frombuffer(joined.encode(), np.uint8)
    return bool(letters.min(initial=_FIRST) >= _FIRST and letters.max(initial=_FIRST) <= _LAST)


def _clean_lines(texts: Sequence[str], cleaners: Sequence[Any]) -> list[str]:
    if not texts:
        return []
    lines = "\n".join(texts)
    for cleaner in cleaners:
        lines = cleaner.clean_lines(lines)
        if not isinstance(lines, str):
            raise _not_as_many_lines(cleaner)
    cleaned = lines.split("\n")
    if len(cleaned) != len(texts):
        raise _not_as_many_lines(*cleaners)
    _require_whole(lines, cleaners)
    return cleaned


def _not_as_many_lines(*cleaners: Cleaner) -> UserError:
    return UserError(
        f"the cleaner {_either(cleaners)} did not return one line for each that it was given; let clean_lines() return "
        "a text of as many lines, or derive from TextCleaner."
    )


def _clean_series(texts: pd.Series, cleaner: Cleaner) -> list[str | None]:
    """What a cleaner makes of each text; those that libelle did not write may return anything."""
    cleaned = cleaner.clean(texts)
    if not isinstance(cleaned, pd.Series) or not cleaned.index.equals(texts.index):
        raise UserError(
            f"the cleaner {type(cleaner).__name__} did not return one text for each that it was given; let clean() "
            "return a Series of the same length, order and index."
        )
    values = [None if is_missing(value) else value for value in cleaned.tolist()]
    _require_texts(values, cleaner, "clean() return texts and missing values alone")
    return values


def _require_texts(values: Sequence[object], cleaner: Cleaner, instead: str) -> None:
    """Raise `UserError` unless all values are texts or None."""
    if set(map(type, values)) <= {str, NoneType}:
        return
    other = next((value for value in values if not isinstance(value, str | None)), None)
    if other is not None:
        raise UserError(
            f"the cleaner {type(cleaner).__name__} returned the {type(other).__name__} {other!r}; let {instead}."
        )


def _require_whole(text: str, cleaners: Sequence[Cleaner]) -> None:
    """Raise `UserError` where some text that cleaners returned is no Unicode."""
    if text.isascii():  # which is known without a look
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"the cleaner {_either(cleaners)} returned {text[error.start]!a}, which is half of a character; let it "
            "replace what it cannot decode."
        ) from None


def _either(cleaners: Sequence[Cleaner]) -> str:
    return " or ".join(type(cleaner).__name__ for cleaner in cleaners)

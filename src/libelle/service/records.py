"""The records of a request, judged one by one before anything is scored: a bad one never spoils the others."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from libelle.data.names import nfc
from libelle.data.numbers import number_of
from libelle.data.texts import text_of
from libelle.pipeline import Pipeline

#: Half of a character, as JSON can say it: escaped, or in bytes. Most bodies hold none, and are not searched further.
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")
#: Characters of a field's name that a sentence shows.
_SHOWN = 100
_KINDS = {list: "a list", dict: "an object", str: "a text", bool: "true or false", type(None): "null"}

Record = Mapping[str, Any]


@dataclass
class Judged:
    """The records of one request.

    Attributes:
        rows: those that can be scored.
        places: where these stand in the request.
        ids: of all records, as they are answered.
        errors: place → a sentence, for the others.
        unknown: fields that the model does not know, all records together.
        size: bytes of the request.
    """

    rows: list[Record] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    ids: list[str | int] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)
    unknown: int = 0
    size: int = 0


class Judge:
    """Says of each record whether a pipeline can score it."""

    def __init__(self, pipeline: Pipeline, max_text: int, ignore_unknown: bool) -> None:
        """Learn the fields.

        Args:
            pipeline: that will score.
            max_text: characters of a text at most.
            ignore_unknown: whether fields that it does not know are left out, instead of refused.
        """
        self._fields, self._id = list(pipeline.fields), pipeline.id
        self._known = frozenset([*pipeline.fields, *pipeline.others])
        self._numeric = [] if pipeline.encoder is None else list(pipeline.encoder.knots)
        self._max_text, self._ignore_unknown = max_text, ignore_unknown

    def judge(self, records: Sequence[Any], body: bytes, ignore_unknown: bool | None = None) -> Judged:
        """Judge the records of a request.

        Args:
            records: as they were sent.
            body: the request's, which holds them.
            ignore_unknown: instead of what was said at the beginning.
        """
        ignore = self._ignore_unknown if ignore_unknown is None else ignore_unknown
        halves = _HALF_CHARACTER.search(body) is not None
        long = len(body) > self._max_text
        judged = Judged(size=len(body))
        with_ids = self._id is not None and any(isinstance(record, dict) and self._id in record for record in records)
        for place, record in enumerate(records):
            try:
                row = self._row(record, ignore, halves, long, judged)
            except UnfitError as error:
                judged.errors[place] = str(error)
                row = record if isinstance(record, dict) else {}
            else:
                judged.rows.append(row)
                judged.places.append(place)
            judged.ids.append(self._id_of(row, place) if with_ids else place + 1)
        return judged

    def _row(self, record: Any, ignore: bool, halves: bool, long: bool, judged: Judged) -> Record:
        if not isinstance(record, dict):
            raise UnfitError(f"A record is an object, a text for each field; this one is {_kind(record)}.")
        row: dict[str, Any] = record
        if not self._known.issuperset(record):
            row = self._spelled(record, ignore, judged)
        plain = True
        for name, value in row.items():
            if type(value) is str:
                if long and len(value) > self._max_text:
                    raise UnfitError(
                        f"The text of {name!r} has {len(value):,} characters, and {self._max_text:,} are the most; "
                        "shorten it."
                    )
                if halves and _is_broken(value):
                    raise UnfitError(f"The text of {name!r} holds half of a character (a lone surrogate); correct it.")
            elif value is not None:
                plain = False
        if not plain:
            row = {name: _text(name, value) for name, value in row.items()}
        if not any(name in row for name in self._fields):
            raise UnfitError(f"The record has none of the model's fields, which are {', '.join(self._fields)}.")
        for name in self._numeric:
            text = row.get(name)
            if text is not None and text.strip() and isinstance(number_of(text), str):
                raise UnfitError(f"The field {name!r} holds no number; correct it, or leave it out.")
        return row

    def _spelled(self, record: Record, ignore: bool, judged: Judged) -> dict[str, Any]:
        """The record with its fields as the model spells them, and without those that it does not know."""
        known = {nfc(name): name for name in self._known}
        row: dict[str, Any] = {}
        for name, value in record.items():
            spelled = name if name in self._known else known.get(nfc(name))
            if spelled is not None:
                row[spelled] = value
                continue
            judged.unknown += 1
            if not ignore:
                shown = ascii(name[:_SHOWN]) if _is_broken(name) else repr(name[:_SHOWN])
                raise UnfitError(f"The model has no field {shown}; its fields are {', '.join(self._fields)}.")
        return row

    def _id_of(self, row: Record, place: int) -> str:
        """As `libelle.data.raw_records.ids_of` has it: a record without an id is known by its row."""
        value = row.get(self._id or "")
        if isinstance(value, dict | list):
            value = None
        try:
            text = text_of(value)
        except TypeError:
            text = None
        if text is None or not text.strip() or len(text) > self._max_text or _is_broken(text):
            return f"(row {place + 1})"
        return text


class UnfitError(Exception):
    """A record that cannot be scored; the sentence says why."""


def _text(name: str, value: object) -> str | None:
    if isinstance(value, dict | list):
        raise UnfitError(f"The field {name!r} holds {_kind(value)}; give a text, a number or null.")
    try:
        return text_of(value)
    except TypeError as error:
        raise UnfitError(f"The field {name!r} holds {error}; give a text.") from None


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a number")


def _is_broken(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False

"""The records of a request, judged one by one before anything is scored: a bad one never spoils the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import NoneType
from typing import Any

from libelle.data.names import normal_name
from libelle.data.numbers import number_of
from libelle.data.texts import text_of
from libelle.language import N_
from libelle.language import count as written
from libelle.language import gettext as _
from libelle.pipeline import Pipeline

#: Characters of a field's name that a sentence shows.
_SHOWN = 100
_KINDS = {list: N_("a list"), dict: N_("an object"), str: N_("a text"), bool: N_("true or false"), NoneType: N_("null")}

_NUMBER = N_("a number")

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Sent:
    """How records were sent.

    Attributes:
        size: bytes of the request.
        halves: whether its texts may hold half of a character.
    """

    size: int = 0
    halves: bool = False


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
        self._field_set = frozenset(pipeline.fields)
        self._known = self._field_set.union(pipeline.others)
        self._numeric = [] if pipeline.encoder is None else list(pipeline.encoder.knots)
        self._max_text, self._ignore_unknown = max_text, ignore_unknown

    def judge(self, records: Sequence[Any], sent: Sent, ignore_unknown: bool | None = None) -> Judged:
        """Judge the records of a request.

        Args:
            records: as they were sent.
            sent: how that was.
            ignore_unknown: instead of what was said at the beginning.
        """
        if not sent.halves and self._are_fit(records, sent.size):
            return Judged(list(records), [*range(len(records))], self._plain_ids(records), size=sent.size)
        ignore = self._ignore_unknown if ignore_unknown is None else ignore_unknown
        judged = Judged(size=sent.size)
        with_ids = self._have_ids(records)
        for place, record in enumerate(records):
            try:
                row = self._row(record, ignore, sent, judged)
            except UnfitError as error:
                judged.errors[place] = str(error)
                row = record if isinstance(record, dict) else {}
            else:
                judged.rows.append(row)
                judged.places.append(place)
            judged.ids.append(self._id_of(row, place) if with_ids else place + 1)
        return judged

    def _are_fit(self, records: Sequence[Any], size: int) -> bool:
        """Whether all are fit as they are; found for all at once, in a third of the time, and true of most requests."""
        if set(map(type, records)) != {dict} or not self._known.issuperset(set().union(*records)):
            return False
        values = list(chain.from_iterable(map(dict.values, records)))
        if not set(map(type, values)) <= {str, NoneType}:
            return False
        if size > self._max_text and max(map(len, filter(None, values)), default=0) > self._max_text:
            return False
        if any(map(self._field_set.isdisjoint, records)):
            return False
        return all(map(_may_be_number, {record.get(name) for name in self._numeric for record in records}))

    def _have_ids(self, records: Sequence[Any]) -> bool:
        return self._id is not None and any(isinstance(record, dict) and self._id in record for record in records)

    def _plain_ids(self, records: Sequence[dict[str, Any]]) -> list[str | int]:
        """The ids of records that are fit as they are."""
        if not self._have_ids(records):
            return [*range(1, len(records) + 1)]
        ids: list[Any] = [record.get(self._id or "") for record in records]
        return ids if all(ids) and not any(map(str.isspace, ids)) else [*map(self._id_of, records, range(len(records)))]

    def _row(self, record: Any, ignore: bool, sent: Sent, judged: Judged) -> Record:
        if not isinstance(record, dict):
            raise UnfitError(
                _("A record is an object, a text for each field; this one is {kind}.").format(kind=_kind(record))
            )
        row: dict[str, Any] = record
        if not self._known.issuperset(record):
            row = self._spelled(record, ignore, judged)
        plain = True
        for name, value in row.items():
            if type(value) is str:
                if len(value) > self._max_text:
                    sentence = _("The text of {field!r} has {n} characters, and {most} are the most; shorten it.")
                    raise UnfitError(sentence.format(field=name, n=written(len(value)), most=written(self._max_text)))
                if sent.halves and _is_broken(value):
                    sentence = _("The text of {field!r} holds half of a character (a lone surrogate); correct it.")
                    raise UnfitError(sentence.format(field=name))
            elif value is not None:
                plain = False
        if not plain:
            row = {name: _text(name, value) for name, value in row.items()}
        if self._field_set.isdisjoint(row):
            sentence = _("The record has none of the model's fields, which are {fields}.")
            raise UnfitError(sentence.format(fields=", ".join(self._fields)))
        for name in self._numeric:
            if not _may_be_number(row.get(name)):
                raise UnfitError(
                    _("The field {field!r} holds no number; correct it, or leave it out.").format(field=name)
                )
        return row

    def _spelled(self, record: Record, ignore: bool, judged: Judged) -> dict[str, Any]:
        """The record with its fields as the model spells them, and without those that it does not know."""
        known = {normal_name(name): name for name in self._known}
        row: dict[str, Any] = {}
        for name, value in record.items():
            spelled = name if name in self._known else known.get(normal_name(name))
            if spelled is not None and (spelled == name or spelled not in record):  # of two, none is lost
                row[spelled] = value
                continue
            judged.unknown += 1
            if not ignore:
                shown = ascii(name[:_SHOWN]) if _is_broken(name) else repr(name[:_SHOWN])
                sentence = _("The model has no field {field}; its fields are {fields}.")
                raise UnfitError(sentence.format(field=shown, fields=", ".join(self._fields)))
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
        sentence = _("The field {field!r} holds {kind}; give a text, a number or null.")
        raise UnfitError(sentence.format(field=name, kind=_kind(value)))
    try:
        return text_of(value)
    except TypeError as error:
        sentence = _("The field {field!r} holds {kind}; give a text.")
        raise UnfitError(sentence.format(field=name, kind=_(str(error)))) from None


def _may_be_number(text: str | None) -> bool:
    return text is None or not text.strip() or not isinstance(number_of(text), str)


def _kind(value: object) -> str:
    return _(_KINDS.get(type(value), _NUMBER))


def _is_broken(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False

"""What is odd about fields: empty or constant ones, ids, a split column, characters of a wrong encoding."""

import re
from collections.abc import Mapping, Sequence

from libelle.data.check.findings import SHOWN, Finding
from libelle.data.columns import Column, Columns
from libelle.data.field_kinds import Kinds
from libelle.data.split import SYNONYMS
from libelle.data.suspicious import count_suspicious
from libelle.errors import listed
from libelle.language import N_

#: Rows from which on a field that never repeats a value is no accident.
MANY_ROWS = 50
#: Distinct texts of a field that are searched for odd characters.
SEARCHED = 100_000
#: What ids look like: letters and digits with nothing between them but dashes and the like.
_ID = re.compile(r"[\w/-]*\d[\w/-]*")
#: Keys of columns that say nothing of what a record is about.
NO_FIELDS = ("data.id", "data.split.column", "data.split.group")
#: Where odd characters are.
ODD_FIELD = N_(
    "Field {field!r} holds characters that a wrong encoding leaves, as in 'Ã©' for 'é' (distinct texts with them: "
    "{count:,}); check how they were written, and data.encoding where the file is a CSV file."
)
ODD_TARGET = N_(
    "The target holds characters that a wrong encoding leaves, as in 'Ã©' for 'é' (distinct texts with them: "
    "{count:,}); check how they were written, and data.encoding where the file is a CSV file."
)
ODD_HEADER = N_(
    "The header holds characters that a wrong encoding leaves, as in 'Ã©' for 'é' (distinct texts with them: "
    "{count:,}); check how they were written, and data.encoding where the file is a CSV file."
)


def find(columns: Columns, roles: Mapping[str, Sequence[str]], kinds: Kinds) -> list[Finding]:
    """Find what is odd about fields.

    Args:
        columns: the fields.
        roles: config key → columns, of those that make no fields.
        kinds: which fields are not text.
    """
    found = []
    for name, column in columns.items():
        key = kinds.key_of(name)
        finding = (
            _role_too(name, roles, key) or _says_nothing(name, column, key) or _other_role(name, column, roles, key)
        )
        if finding is not None:
            found.append(finding)
        found += odd_characters(ODD_FIELD, column.texts, field=name)
    return found


def odd_characters(message: str, texts: Sequence[str], **values: str) -> list[Finding]:
    """What was read in a wrong encoding, said by a message with these values."""
    odd = count_suspicious(texts[:SEARCHED])
    return [Finding("odd characters", message, {**values, "count": odd})] if odd else []


def _role_too(name: str, roles: Mapping[str, Sequence[str]], key: str) -> Finding | None:
    """A field that was named for another role as well."""
    keys = [key for key, names in roles.items() if name in names and key in NO_FIELDS]
    if not keys:
        return None
    message = N_(
        "Field {field!r} is also the column of {keys}, and says nothing of new records; leave it out of {key}."
    )
    values = {"field": name, "keys": listed(keys, SHOWN), "key": key}
    return Finding("role as field", message, values, leave_out=(name,))


def _says_nothing(name: str, column: Column, key: str) -> Finding | None:
    if not column.texts:
        message = N_("Field {field!r} is empty in all rows; leave it out of {key}.")
        return Finding("empty field", message, {"field": name, "key": key}, leave_out=(name,))
    if len(column.texts) == 1 and not column.missing.any():
        message = N_("Field {field!r} is the same in all rows, and says nothing; leave it out of {key}.")
        return Finding("constant field", message, {"field": name, "key": key}, leave_out=(name,))
    return None


def _other_role(name: str, column: Column, roles: Mapping[str, Sequence[str]], key: str) -> Finding | None:
    """A field that looks as if it had a role that nobody named."""
    if len(column.texts) <= 2 * len(SYNONYMS) and "data.split.column" not in roles:
        meant = {SYNONYMS.get(text.strip().lower()) for text in column.texts}
        if None not in meant and len(meant) > 1:
            message = N_(
                "Field {field!r} says which split a row is for, and is taken as a field; use it with "
                "data.split.column={field}, or leave it out of {key}."
            )
            return Finding("split column as text", message, {"field": name, "key": key}, leave_out=(name,))
    if any(name in names for names in roles.values()):
        return None
    if len(column.texts) == len(column) >= MANY_ROWS and all(map(_ID.fullmatch, column.texts)):
        message = N_("Field {field!r} has a value of its own in each row, as an id has; leave it out of {key}.")
        if "data.id" not in roles:
            message = N_(
                "Field {field!r} has a value of its own in each row, as an id has; use it with data.id={field}, or "
                "leave it out of {key}."
            )
        return Finding("id as text", message, {"field": name, "key": key}, leave_out=(name,))
    return None

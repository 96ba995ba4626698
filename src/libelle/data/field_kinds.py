"""Fields that are not text: which columns hold categories, and which hold numbers."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from libelle.data.columns import Columns
from libelle.data.numbers import first_wrong, number_of, read_numbers
from libelle.errors import UserError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kinds:
    """The fields that are not text.

    Attributes:
        categorical: columns whose values are categories, each a text as a whole.
        numeric: columns of numbers.
    """

    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()

    @property
    def fields(self) -> list[str]:
        """All of them."""
        return [*self.categorical, *self.numeric]

    @property
    def by_key(self) -> dict[str, list[str]]:
        """Config key → columns."""
        return {"data.categorical": list(self.categorical), "data.numeric": list(self.numeric)}

    def key_of(self, name: str) -> str:
        """The config key that makes a column a field."""
        return next((key for key, names in self.by_key.items() if name in names), "data.columns")

    def check(self, columns: Columns, rows: pd.Index, source: str) -> None:
        """Raise `UserError` where a numeric column of a source holds something that is no number.

        Args:
            columns: the fields.
            rows: numbers of the rows, for messages.
            source: what messages call the data.
        """
        for name in self.numeric:
            column = columns[name]
            _, wrong = read_numbers(column.texts)
            if wrong:
                place, reason = first_wrong(column, wrong)
                raise UserError(
                    f"{source}, {rows.name or 'row'} {rows[place]}: the numeric column {name!r} holds {reason}; "
                    "correct it, leave the cell empty, or name the column in data.categorical instead."
                )
            comma = next((text for text in column.texts if "," in text), None)
            if comma is not None:
                log.info("the numeric column %r has decimal commas: %r is read as %s", name, comma, number_of(comma))


#: No other field than texts.
TEXT_ALONE = Kinds()


def one_role(roles: Mapping[str, Sequence[str]], others: Mapping[str, Sequence[str]]) -> None:
    """Raise `UserError` where a column that is not text has another role as well.

    Args:
        roles: config key → columns, of all other roles, `data.columns` among them.
        others: config key → columns that are not text.
    """
    taken = {name: key for key, names in roles.items() for name in names}
    for key, names in others.items():
        for name in names:
            other = taken.setdefault(name, key)
            if other != key:
                raise UserError(f"{other} and {key} both name {name!r}, and a column has one role; leave one out.")

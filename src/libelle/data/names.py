"""Names of columns, compared as people see them: in NFC, and without the white space around them."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from libelle.errors import UserError


def normal_name(name: object) -> str:
    """A name in composed Unicode, without white space around it.

    Files from a Mac write `é` as two characters, keyboards as one; a header `id, text` has a blank that nobody sees.
    """
    return unicodedata.normalize("NFC", str(name)).strip()


def check_header(header: Iterable[object], source: str) -> list[str]:
    """The names of a table's columns, as `normal_name` makes them.

    Args:
        header: the names.
        source: what messages call the table.

    Raises:
        UserError: when a name comes twice.
    """
    names = [normal_name(name) for name in header]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise UserError(
            f"{source}: the column {repeated[0]!r} is there more than once; give each column a name of its own."
        )
    return names


def as_spelled(there: Sequence[object], wanted: Iterable[str]) -> dict[object, str]:
    """How to rename columns, so that those that are wanted are spelled as whoever wants them spells them.

    Args:
        there: names of a table's columns; where one is spelled as it is wanted, no other one becomes it.
        wanted: names; those of an old pipeline may be decomposed, or have blanks around them.
    """
    known = {normal_name(name): name for name in wanted}
    spelled = {name: known.get(normal_name(name)) for name in there}
    return {name: other for name, other in spelled.items() if other is not None and other not in spelled}

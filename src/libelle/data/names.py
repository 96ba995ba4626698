"""Names of columns, compared as people see them: in NFC, whatever form the file and the keyboard use."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from libelle.errors import UserError


def nfc(name: object) -> str:
    """A name in composed Unicode: files from a Mac write `é` as two characters, keyboards as one."""
    return unicodedata.normalize("NFC", str(name))


def check_header(header: Iterable[object], source: str) -> list[str]:
    """The names of a table's columns in NFC.

    Args:
        header: the names.
        source: what messages call the table.

    Raises:
        UserError: when a name comes twice.
    """
    names = [nfc(name) for name in header]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise UserError(
            f"{source}: the column {repeated[0]!r} is there more than once; give each column a name of its own."
        )
    return names


def as_spelled(there: Sequence[object], wanted: Iterable[str]) -> dict[object, str]:
    """How to rename columns, so that those that are wanted are spelled as whoever wants them spells them.

    Args:
        there: names of a table's columns.
        wanted: names; those of an old pipeline may be decomposed.
    """
    if all(isinstance(name, str) and name.isascii() for name in there):
        return {}
    known = {nfc(name): name for name in wanted}
    return {name: known[nfc(name)] for name in there if nfc(name) in known and known[nfc(name)] != name}

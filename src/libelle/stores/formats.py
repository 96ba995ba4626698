"""What is stored says the number of its format; a number that is not known here is refused in one sentence.

A number goes up with each change after which this version could not read what an earlier one wrote, or the other way
round. Format 1 had no number.
"""

from collections.abc import Mapping
from typing import Any, Final

from libelle.errors import UserError

#: `pipeline.json`, with everything beside it in the folder.
PIPELINE: Final = 2
#: `prepared.json`, likewise, and the manifest of a base.
PREPARED: Final = 2
#: The manifest of a run.
RUN: Final = 2
#: The manifest of a version of a published model.
PUBLISHED: Final = 2


def check_format(stored: Mapping[str, Any], known: int, what: str, remedy: str) -> None:
    """Refuse what another version of libelle wrote in another format.

    Args:
        stored: what was read, with its number under `format`.
        known: the number that is read here.
        what: names the stored thing, for the message.
        remedy: what to do about one in an earlier format, for the message.

    Raises:
        UserError: when the numbers differ.
    """
    found = stored.get("format", 1)
    if found == known:
        return
    if isinstance(found, int) and found < known:
        raise UserError(
            f"{what} was written in format {found} by an earlier libelle, and this one reads format {known}; {remedy}, "
            "or use the libelle that its manifest names."
        )
    raise UserError(
        f"{what} was written in format {found} by a later libelle, and this one reads format {known}; install the "
        "libelle that its manifest names."
    )

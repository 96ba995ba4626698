"""The data that come with libelle."""

from pathlib import Path

from libelle.errors import UserError
from libelle.installation import DATA

#: A path that begins so names a file among them.
SCHEME = "shipped:"


def resolve(path: str) -> Path:
    """Return the path itself, or the place of a shipped file.

    Raises:
        UserError: when the shipped file is not there.
    """
    if not path.startswith(SCHEME):
        return Path(path)
    found = DATA / path.removeprefix(SCHEME)
    if not found.is_file():
        raise UserError(f"{found} is missing: {path} names no file that comes with libelle; correct it, or reinstall.")
    return found

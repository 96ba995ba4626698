"""The data that the project ships in its own `data/` folder."""

from pathlib import Path

from libelle.errors import UserError

FOLDER = Path(__file__).parents[3] / "data"

#: A path that begins so names a file of that folder.
SCHEME = "shipped:"


def resolve(path: str) -> Path:
    """Return the path itself, or the place of a shipped file.

    Raises:
        UserError: when the shipped file is not there.
    """
    if not path.startswith(SCHEME):
        return Path(path)
    found = FOLDER / path.removeprefix(SCHEME)
    if not found.is_file():
        raise UserError(f"{found} is missing; run from a checkout of libelle, which ships it.")
    return found

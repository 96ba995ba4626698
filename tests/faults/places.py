"""Places that are made anew for each kill."""

import shutil
from collections.abc import Callable
from pathlib import Path

from faults.kills import Faults, Place
from libelle.stores.local import LocalStore


def local_place(home: Path) -> Place:
    """A folder with a local store."""
    return Place(home, LocalStore(root=str(home / "store")), [], Faults())


def remade(place: Place, name: str) -> Callable[[], Place]:
    """Put a place of a local store away, under a name; what is returned makes it anew, in the same folder."""
    home = place.folder
    kept = home.rename(home.with_name(name))

    def make() -> Place:
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(kept, home, symlinks=True)
        return local_place(home)

    return make

"""Three doors to a fitted pipeline: a run, a published model, a folder. Each replays the golden records.

An id or a name comes from the store alone, and a folder has to be written as one: otherwise anybody who can put a
folder into the working directory could replace a published model.
"""

import os
from dataclasses import replace
from pathlib import Path

from libelle.errors import UserError
from libelle.files import folder_at
from libelle.pipeline import Pipeline
from libelle.publication import read_version
from libelle.published import find
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.base import Store
from libelle.stores.cache import default_cache
from libelle.stores.local import store_at


def load_run(run_id: str | RunId, store: Store | str | Path | None = None) -> Pipeline:
    """Load the pipeline of a run, with the threshold that was chosen for it.

    Args:
        run_id: the run.
        store: where it is, a store or the folder of a local one; by default the local store `store/`.

    Raises:
        UserError: when there is no such run, it has not completed, a file was altered, or the golden records no longer
            get their scores.
    """
    return Pipeline.of_run(Run.open(store_at(store), RunId.parse(str(run_id))))


def load_published(
    reference: str, store: Store | str | Path | None = None, trusted: str | Path | None = None
) -> Pipeline:
    """Load a published model.

    Args:
        reference: `name` for the current version, `name@2` for another.
        store: where it is, a store or the folder of a local one; by default the local store `store/`.
        trusted: file of public keys, of which one must have signed it (`libelle.signatures`); None asks for no
            signature.

    Raises:
        UserError: when nothing has this name, a file was altered, or the golden records no longer get their scores.
    """
    if not isinstance(reference, str):
        raise UserError(f"published={reference!r} is not a name; write a name, or a name and a version as in forms@2.")
    place = store_at(store)
    return read_version(place, find(place, reference, trusted), default_cache())


def load_folder(folder: str | Path) -> Pipeline:
    """Load a pipeline from a folder that `Pipeline.save` wrote.

    Raises:
        UserError: when it holds none or a damaged one, or the golden records no longer get their scores.
    """
    folder = folder_at(folder)
    if not folder.is_dir():
        raise UserError(f"The folder {folder} does not exist; check the path.")
    return replace(Pipeline.read(folder), name=folder.resolve().name)


def load(source: str | Path, store: Store | str | Path | None = None) -> Pipeline:
    """Load by what the source is: a folder (a `Path`, or a text with a path separator), a run id or a published name.

    Args:
        source: the folder, id or name.
        store: for ids and names, a store or the folder of a local one; by default the local store `store/`.

    Raises:
        UserError: see the three doors.
    """
    if not isinstance(source, str | Path):
        raise UserError(f"{source!r} is neither a folder, a run id nor a published name; give one of them.")
    if isinstance(source, Path) or any(mark in source for mark in (os.sep, os.altsep) if mark):
        return load_folder(source)
    if RunId.matches(source):
        return load_run(source, store)
    return load_published(source, store)

"""`based`: prepared data in the store, shared by all `mode=train` runs.

A base is a folder `based/<name>/<version>/` that is written once, its manifest last. A small pointer object,
`based/<name>/current.json`, names the version that counts: replacing a base writes the new one whole and then moves the
pointer, which an object store does atomically.
"""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NotRequired

import pyarrow as pa
from pydantic import Field
from typing_extensions import TypedDict

from libelle.errors import UserError
from libelle.files import json_bytes, link_or_copy, sha256_of
from libelle.models.stored import DAMAGED, reason_of
from libelle.stores.base import Store, in_parallel
from libelle.stores.cache import default_cache, fetch_folder
from libelle.stores.documents import FileName, StoredFile, expected_files, read_document, read_formatted
from libelle.stores.formats import PREPARED
from libelle.stores.outbox import Parcel, command_line, dispatch, drafts
from libelle.training.prepared_data import Prepared
from libelle.training.source_file import SourceFile

log = logging.getLogger(__name__)

_STAMP = "%Y-%m-%dT%H-%M-%S"
#: A version without a manifest is a preparation that goes on, or one that died; the latter is swept up after this long.
_ABANDONED = timedelta(days=1)
_ATTEMPTS = 3


class _Pointer(TypedDict):
    version: Annotated[str, Field(pattern=r"^[\w-]+$")]


class _Manifest(TypedDict):
    config: dict[str, Any]
    options: dict[str, Any]
    files: dict[FileName, StoredFile]
    source_file: NotRequired[SourceFile]


@dataclass(frozen=True)
class Base:
    """A base as it is read.

    Attributes:
        name: the base's name.
        version: of the data in it.
        config: the nodes `data`, `cleaner` and `process` that made it.
        options: their chosen options.
        prepared: the data.
        file: that they are from; None where they are from none, or an earlier version made the base.
    """

    name: str
    version: str
    config: Mapping[str, Any]
    options: Mapping[str, Any]
    prepared: Prepared
    file: SourceFile | None = None


def write_base(
    store: Store,
    name: str,
    prepared: Prepared,
    config: Mapping[str, Any],
    options: Mapping[str, Any],
    file: SourceFile | None,
    scratch: Path,
) -> str:
    """Store prepared data as the current version of a base, then remove what it replaces.

    Args:
        store: where to.
        name: the base's name.
        prepared: the data.
        config: the nodes that made it.
        options: their chosen options.
        file: that the data are from.
        scratch: a folder for temporary files.

    Returns:
        The new version.
    """
    version = f"{datetime.now(UTC).strftime(_STAMP)}_{os.urandom(4).hex()}"
    prefix = f"based/{name}/{version}/"
    draft = scratch / "drafts"
    folder = Path(drafts(draft).root, prefix)
    folder.mkdir(parents=True)
    prepared.save(folder)
    about = {"format": PREPARED, "version": version, "config": config, "options": options}
    from_file = {} if file is None else {"source_file": file.to_json()}
    manifest = {**about, **from_file, "files": _checksums(folder)}
    drafts(draft).put(f"{prefix}manifest.json", json_bytes(manifest))
    what = f"the base {name} of {version.partition('T')[0]}"
    dispatch(draft, store, "base", what, send_base, name=name, version=version)
    return version


def send_base(parcel: Parcel, store: Store) -> None:
    """Send a version of a base, make it the current one, and remove the one that it replaces.

    A version that a later one has replaced meanwhile is not wanted any more.
    """
    name, version = str(parcel.target.about["name"]), str(parcel.target.about["version"])
    replaced = _current(store, name)
    if replaced is not None and _stamp(replaced) > _stamp(version):
        log.info("the base %s in %s was prepared again since, so that of %s is not sent", name, store, _stamp(version))
        return
    prefix = f"based/{name}/{version}/"
    parcel.upload(store, prefix, but=[f"{prefix}manifest.json"])
    parcel.put(store, f"{prefix}manifest.json")
    store.put(f"based/{name}/current.json", json.dumps({"version": version}).encode())
    _sweep_up(store, name, version, replaced)


def _stamp(version: str) -> str:
    """When a version was made; among those of the same second none is later."""
    return version.partition("_")[0]


def read_base(store: Store, name: str, scratch: Path) -> Base:
    """Read the current version of a base, whole, so that replacing it disturbs nobody.

    Args:
        store: where from.
        name: the base's name.
        scratch: a folder that outlives the reader.

    Raises:
        UserError: when there is no base, or it is damaged.
    """
    for attempt in range(_ATTEMPTS):
        version = _current(store, name)
        if version is None:
            named = [] if name == "based" else [f"base.name={name}"]
            raise UserError(
                f"There is no base {name!r} in {store}; make it first, with the same data, cleaner and process: "
                f"{command_line(store, 'train', 'mode=prepare', *named)}."
            )
        try:
            return _read_version(store, name, version, scratch / f"base-{attempt}")
        except UserError:
            # Replaced and removed while we were reading: read the one that replaced it.
            if _current(store, name) == version:
                raise
    raise UserError(f"The base {name!r} in {store} is being replaced again and again; try again later.")


def has_base(store: Store, name: str) -> bool:
    """Whether there is a base of this name."""
    return _current(store, name) is not None


def _read_version(store: Store, name: str, version: str, folder: Path) -> Base:
    prefix = f"based/{name}/{version}/"
    what, remedy = f"The base {name!r} in {store}", "prepare it again with mode=prepare"
    try:
        manifest = read_formatted(store, f"{prefix}manifest.json", _Manifest, PREPARED, what, remedy)
    except KeyError:
        raise UserError(f"{what} is damaged; {remedy}.") from None
    files = expected_files(manifest["files"])
    place = fetch_folder(store, prefix, files, default_cache())
    if store.local_path(prefix) is not None:
        place = _link_folder(place, files, folder)
    config, options = manifest["config"], manifest["options"]
    try:
        prepared = Prepared.load(place)
    except (*DAMAGED, pa.ArrowException) as error:
        raise UserError(f"{what} is damaged ({reason_of(error)}); {remedy}.") from error
    return Base(name, version, config, options, prepared, manifest.get("source_file"))


def _link_folder(place: Path, files: Mapping[str, Any], folder: Path) -> Path:
    """Hard links keep the files of a local base readable after somebody replaced it."""
    for path in files:
        link = folder / path
        link.parent.mkdir(parents=True, exist_ok=True)
        try:
            link_or_copy(place / path, link)
        except FileNotFoundError:
            raise UserError(f"{place / path} is missing; prepare the base again with mode=prepare.") from None
    return folder


def _current(store: Store, name: str) -> str | None:
    try:
        return read_document(store, f"based/{name}/current.json", _Pointer)["version"]
    except KeyError:
        return None


def _checksums(folder: Path) -> dict[str, dict[str, Any]]:
    files = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        files[path.relative_to(folder).as_posix()] = {"size": path.stat().st_size, "sha256": sha256_of(path)}
    return files


def _sweep_up(store: Store, name: str, current: str, replaced: str | None) -> None:
    """Remove the version that was replaced, and those that died long ago; not one that is still being written."""
    oldest = (datetime.now(UTC) - _ABANDONED).strftime(_STAMP)
    for version in store.folders(f"based/{name}/"):
        if version != current and (version == replaced or version < oldest):
            keys = [entry.key for entry in store.list(f"based/{name}/{version}/")]
            in_parallel(store.delete, keys)

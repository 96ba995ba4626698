"""Publication: the copy of a run that the prediction service loads.

`published/<name>/<version>/` holds what serving needs and nothing else; versions are numbered 1, 2, 3…
`published/<name>/current.json` says which one counts.
"""

import json
import logging
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from typing_extensions import TypedDict

from libelle import signatures
from libelle.components import Positive
from libelle.data.frequent import require_records
from libelle.errors import UserError
from libelle.files import SCRATCH, owned
from libelle.installation import how_to_call
from libelle.pipeline import Pipeline
from libelle.published import Publication as Publication
from libelle.published import claim, prefix_of, renew_claim
from libelle.runs.ids import RunId
from libelle.runs.lock import locked
from libelle.runs.run import Run
from libelle.runs.work import work_folder
from libelle.stores.base import Store, in_parallel
from libelle.stores.cache import fetch_folder
from libelle.stores.documents import (
    LARGEST,
    expected_files,
    parse_document,
    parse_formatted,
    read_document,
)
from libelle.stores.formats import PUBLISHED
from libelle.stores.outbox import Parcel, dispatch, drafts

log = logging.getLogger(__name__)

T = TypeVar("T")

_NAME = re.compile(r"(?=.{1,100}$)[\w.-]*\w", re.ASCII)
_REFERENCE = re.compile(r"(?P<name>[\w.-]{0,99}\w)(@(?P<version>\d{1,9}))?", re.ASCII)


class _Pointer(TypedDict):
    """`current.json`."""

    version: Positive


def is_name(name: str) -> bool:
    """Whether a published model can be called so."""
    return _NAME.fullmatch(name) is not None and not RunId.matches(name)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UserError(
            f"name={name} may hold letters, digits, '.', '_' and '-' alone, 100 at most; choose another name."
        )


def publish(
    store: Store,
    run: Run,
    name: str,
    threshold: float | None = None,
    sign: str | None = None,
    min_records: int | None = None,
) -> Publication:
    """Make a completed run the current version of a published model.

    The run is checked byte by byte and its golden records are replayed; the copy is read back and replayed, too. The
    manifest is written last, and only then `current` moves; of several publications at once, to the highest version.

    Args:
        store: where the run is and the copy goes.
        run: the run.
        name: of the model.
        threshold: of a binary decision; the one chosen for the run where left out.
        sign: file of the private key that signs the manifest (`libelle.signatures`).
        min_records: training records that must hold any word, n-gram or text of the model, at least.

    Raises:
        UserError: when the run failed, has not completed, was altered or has no chosen threshold, the copy scores
            differently, or the model keeps what fewer records hold.
    """
    _check_name(name)
    if RunId.matches(name):
        raise UserError(f"name={name} is a run id, and would be taken for one; choose another name.")
    if sign is not None:
        signatures.sign(b"", sign)  # a wrong key is said before any work
    run.require_completed().verify()
    pipeline = Pipeline.of_run(run)
    require_records(f"run_id={run.id}", pipeline.min_records, min_records)
    if threshold is None and pipeline.rule.is_binary and run.read_threshold() is None:
        raise UserError(
            f"run_id={run.id} has no chosen threshold; choose one, for instance "
            f"{how_to_call('threshold')} run_id={run.id} precision=0.8, or say threshold=0.5 to publish without."
        )
    if threshold is not None:
        pipeline = pipeline.with_threshold(threshold)
    rule = pipeline.rule
    version, claimed = claim(store, name, run.id)
    publication = Publication(
        name=name,
        version=version,
        run_id=str(run.id),
        published=datetime.now().astimezone().isoformat(timespec="seconds"),
        threshold=rule.threshold,
        label_thresholds=None if rule.label_thresholds is None else dict(rule.label_thresholds),
        data=run.manifest.data,
        model=run.manifest.model,
        data_fingerprint=run.manifest.data_fingerprint,
        libraries=run.manifest.libraries,
        files=run.folder_files("pipeline"),
        min_records=pipeline.min_records,
    )
    pipeline_folder = run.fetch_folder("pipeline")
    with work_folder() as work:
        key = _draft(work / "drafts", publication, pipeline_folder, sign)
        what, about = f"publication {publication}", {"manifest": key, "claim": claimed.decode()}
        dispatch(work / "drafts", store, "published", what, send_publication, **about)
    return publication


def _draft(folder: Path, publication: Publication, pipeline: Path, sign: str | None) -> str:
    """Write all of a version on this machine; returns the key of its manifest."""
    draft = drafts(folder)
    for path in publication.files:
        draft.take_file(publication.prefix + path, pipeline / path)
    manifest = json.dumps(asdict(publication), indent=1).encode()
    if sign is not None:
        draft.put(f"{publication.prefix}manifest.sig", signatures.sign(manifest, sign))
    key = f"{publication.prefix}manifest.json"
    draft.put(key, manifest)
    return key


def send_publication(parcel: Parcel, store: Store) -> None:
    """Send a version: its files, which are read back and replayed, then the manifest; and make it the current one.

    A version that a later one follows already does not become the current one.

    Raises:
        UserError: when the store fails, gives back something else, or has another version of this number by now.
    """
    key = str(parcel.target.about["manifest"])
    publication = parse_document(parcel.objects.get(key), Publication, f"{key} in {parcel.folder}")
    renew_claim(store, publication, parcel)
    # Copies: a published model and its run do not share files.
    parcel.upload(store, publication.prefix, but=[key], copied=True)
    with tempfile.TemporaryDirectory(prefix=owned(SCRATCH)) as cache:
        # An empty cache: what is replayed is what the store gives back, not what we sent.
        read_version(store, publication, Path(cache))
    parcel.put(store, key)
    _point(store, publication, forward=True)


def find(store: Store, reference: str, trusted: str | Path | None = None) -> Publication:
    """The manifest of a published model, `name` or `name@version`.

    Args:
        store: where it is published.
        reference: the name, and the version if it is not the current one.
        trusted: file of public keys, of which one must have signed the manifest (`libelle.signatures`).

    Raises:
        UserError: when there is none, it is damaged or in another format, or it is not signed by a trusted key.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise UserError(f"published={reference} is not a name; write a name, or a name and a version as in forms@2.")
    version = int(match["version"]) if match["version"] else _current(store, match["name"])
    found = None if version is None else _read(store, match["name"], version, trusted)
    if found is None:
        names = ", ".join(store.folders("published/")) or "nothing yet"
        raise UserError(f"published={reference} is not in {store}; published there: {names}.")
    return found


def rollback(store: Store, name: str) -> Publication:
    """Make the version before the current one current again.

    Raises:
        UserError: when there is none.
    """
    _check_name(name)
    current = _current(store, name)
    if current is None:
        find(store, name)  # says what is there
    older = [item for item in versions(store, name) if current is not None and item.version < current]
    if not older:
        raise UserError(f"name={name}: version {current} is the first that is whole; there is nothing to roll back to.")
    _point(store, older[-1])
    return older[-1]


def versions(store: Store, name: str) -> list[Publication]:
    """All whole versions of a published model that can be read, oldest first."""
    numbers = sorted(int(number) for number in store.folders(f"published/{name}/") if number.isdecimal())
    found = in_parallel(lambda number: _unless_damaged(partial(_read, store, name, number)), numbers)
    return [publication for publication in found if publication is not None]


def overview(store: Store) -> Mapping[str, tuple[int | None, list[Publication]]]:
    """Name → current version and all whole versions."""
    return {
        name: (_unless_damaged(partial(_current, store, name)), versions(store, name))
        for name in store.folders("published/")
    }


def read_version(store: Store, publication: Publication, cache: Path) -> Pipeline:
    """Read the pipeline of a published version, and replay its golden records.

    Args:
        store: where it is published.
        publication: the version.
        cache: a folder for what is not read in place.

    Raises:
        UserError: when a file is missing or was altered, or the golden records no longer get their scores.
    """
    pipeline = Pipeline.read(fetch_folder(store, publication.prefix, expected_files(publication.files), cache))
    rule = replace(pipeline.rule, threshold=publication.threshold, label_thresholds=publication.label_thresholds)
    return replace(pipeline, name=str(publication), rule=rule)


def _read(store: Store, name: str, version: int, trusted: str | Path | None = None) -> Publication | None:
    key, what = f"{prefix_of(name, version)}manifest.json", f"published={name}@{version}"
    try:
        data = store.get(key, LARGEST)
    except KeyError:
        return None
    if trusted is not None:
        try:
            signature = store.get(f"{prefix_of(name, version)}manifest.sig", LARGEST)
        except KeyError:
            signature = None
        signatures.verify(data, signature, trusted, f"{what} in {store}")
    found = parse_formatted(data, f"{key} in {store}", Publication, PUBLISHED, what, "publish its run again")
    if (found.name, found.version) != (name, version):
        raise UserError(f"{key} in {store} is damaged: it names {found}; publish its run again.")
    return found


def _unless_damaged(read: Callable[[], T | None]) -> T | None:
    """What is read; one damaged object must not hide all others."""
    try:
        return read()
    except UserError as error:
        log.warning("Passed over: %s", error)
        return None


def _current(store: Store, name: str) -> int | None:
    try:
        return read_document(store, f"published/{name}/current.json", _Pointer)["version"]
    except KeyError:
        return None


def _point(store: Store, publication: Publication, forward: bool = False) -> None:
    """Make a version current; `forward`: unless a later one is."""
    name, version = publication.name, publication.version
    with locked(store, f"published/{name}/current.json.lock", f"name={name}") as lease:
        current = _unless_damaged(partial(_current, store, name)) or 0
        if forward and current > version:
            log.warning("%s@%d was published meanwhile and stays current.", name, current)
            return
        lease.require()
        store.put(f"published/{name}/current.json", json.dumps({"version": version}).encode())

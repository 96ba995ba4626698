"""Publication: the copy of a run that the prediction service loads.

`published/<name>/<version>/` holds what serving needs and nothing else; versions are numbered 1, 2, 3…
`published/<name>/current.json` says which one counts.
"""

import json
import logging
import os
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from libelle import signatures
from libelle.data.frequent import require_records
from libelle.errors import SpoiltError, UserError
from libelle.evaluation.decision_rule import DecisionRule
from libelle.files import SCRATCH, owned
from libelle.pipeline import Pipeline
from libelle.published import (
    COMPARISON,
    NAME,
    Gate,
    Publication,
    current_number,
    not_there,
    prefix_of,
    unless_damaged,
    versions,
)
from libelle.runs.ids import RunId
from libelle.runs.lock import locked
from libelle.runs.run import Run
from libelle.runs.work import work_folder
from libelle.stores.base import Store
from libelle.stores.cache import fetch_folder
from libelle.stores.documents import LARGEST, expected_files
from libelle.stores.outbox import Parcel, command_line, dispatch, drafts

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evidence:
    """What a version takes along from the publish gate: its part of the manifest, and `comparison.html`."""

    gate: Gate | None = None
    page: bytes | None = None


def is_name(name: str) -> bool:
    """Whether a published model can be called so."""
    return NAME.fullmatch(name) is not None and not RunId.matches(name)


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
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
    examine: Callable[[DecisionRule], Evidence] | None = None,
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
        examine: the publish gate (`libelle.gate`): is the run, by this rule, fit to take the place of what is current?

    Raises:
        UserError: when the run failed, has not completed, was altered or has no chosen threshold, the copy scores
            differently, the model keeps what fewer records hold, or the gate refuses it.
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
            f"{command_line(store, 'threshold', f'run_id={run.id}', 'precision=0.8')}, or say threshold=0.5 to publish "
            "without."
        )
    if threshold is not None and not pipeline.rule.is_binary:
        raise UserError(
            f"run_id={run.id} has {len(pipeline.labels)} labels, and threshold={threshold} is for two; leave it out, "
            "and choose one before where records are to be coded automatically, for instance "
            f"{command_line(store, 'threshold', f'run_id={run.id}', 'accuracy=0.95')}."
        )
    if threshold is not None:
        pipeline = pipeline.with_threshold(threshold)
    rule = pipeline.rule
    evidence = Evidence() if examine is None else examine(rule)
    version, claimed = _claim(store, name, run.id)
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
        gate=evidence.gate,
    )
    pipeline_folder = run.fetch_folder("pipeline")
    with work_folder() as work:
        key = _draft(work / "drafts", publication, pipeline_folder, evidence.page, sign)
        what, about = f"publication {publication}", {"manifest": key, "claim": claimed.decode()}
        dispatch(work / "drafts", store, "published", what, send_publication, **about)
    return publication


def _draft(folder: Path, publication: Publication, pipeline: Path, page: bytes | None, sign: str | None) -> str:
    """Write all of a version on this machine; returns the key of its manifest."""
    draft = drafts(folder)
    for path in publication.files:
        draft.take_file(publication.prefix + path, pipeline / path)
    if page is not None:
        draft.put(publication.prefix + COMPARISON, page)
    manifest = publication.to_json()
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
    where = f"{key} in {parcel.folder}"
    publication = Publication.parse(parcel.objects.get(key), where, f"The publication in {parcel.folder}")
    _renew_claim(store, publication, parcel)
    # Copies: a published model and its run do not share files.
    parcel.upload(store, publication.prefix, but=[key], copied=True)
    with tempfile.TemporaryDirectory(prefix=owned(SCRATCH)) as cache:
        # An empty cache: what is replayed is what the store gives back, not what we sent.
        read_version(store, publication, Path(cache))
    parcel.put(store, key)
    _point(store, publication, forward=True)


def rollback(store: Store, name: str) -> Publication:
    """Make the version before the current one current again, the last whose files are all whole.

    Others are passed over with a warning: nobody could use them, and a service would go on with the one that has to go.
    They are not loaded, so that this machine needs none of the model's libraries.

    Raises:
        UserError: when there is none, or the files of one cannot be read.
    """
    _check_name(name)
    current = current_number(store, name)
    if current is None:
        raise not_there(store, f"name={name}")
    older = (item for item in reversed(versions(store, name)) if item.version < current)
    found = next((item for item in older if _is_whole(store, item)), None)
    if found is None:
        raise UserError(f"name={name}: version {current} is the first that is whole; there is nothing to roll back to.")
    _point(store, found)
    return found


def _is_whole(store: Store, publication: Publication) -> bool:
    """Whether all files of a version are there, byte by byte.

    Raises:
        UserError: when that cannot be known, as where a server does not answer or this machine's disk is full.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=owned(SCRATCH)) as cache:  # empty, as when one is published
            fetch_folder(store, publication.prefix, expected_files(publication.files), Path(cache))
    except SpoiltError as error:
        log.warning("Passed over: %s", error)
        return False
    return True


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


def _claim(store: Store, name: str, run_id: RunId) -> tuple[int, bytes]:
    """Claim the next version number; of many publications at once each gets its own.

    Returns:
        The number, and the claim.
    """
    taken = [int(number) for number in store.folders(f"published/{name}/") if number.isdecimal()]
    # The folder of the current version may have been removed; a service that still serves it knows it by its number.
    current = unless_damaged(partial(current_number, store, name)) or 0
    version = max([*taken, current]) + 1
    # Whose it is, so that `runs.py clean` knows a claim of the dead.
    owner = {"run_id": str(run_id), "host": socket.gethostname(), "pid": os.getpid(), "token": os.urandom(8).hex()}
    claimed = json.dumps(owner).encode()
    while not store.create_if_absent(f"{prefix_of(name, version)}claim.json", claimed):
        version += 1
    return version, claimed


def _renew_claim(store: Store, publication: Publication, parcel: Parcel) -> None:
    """Claim the number of a version that is sent late again: somebody may have cleaned up, and published since.

    Raises:
        UserError: when another publication has the number.
    """
    key, claimed = f"{publication.prefix}claim.json", str(parcel.target.about.get("claim", "")).encode()
    if claimed and not store.create_if_absent(key, claimed) and store.get(key, LARGEST) != claimed:
        raise UserError(
            f"{publication} is another publication there by now, so it is not sent; publish {publication.run_id} "
            f"again, and remove {parcel.folder}."
        )


def _point(store: Store, publication: Publication, forward: bool = False) -> None:
    """Make a version current; `forward`: unless a later one is."""
    name, version = publication.name, publication.version
    with locked(store, f"published/{name}/current.json.lock", f"name={name}") as lease:
        current = unless_damaged(partial(current_number, store, name)) or 0
        if forward and current > version:
            log.warning("%s@%d was published meanwhile and stays current.", name, current)
            return
        lease.require()
        store.put(f"published/{name}/current.json", json.dumps({"version": version}).encode())

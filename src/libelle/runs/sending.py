"""A run that has ended on this machine, on its way to its store: its files first, its manifest last of all."""

import shutil
from pathlib import Path

from libelle.errors import UserError
from libelle.runs.heartbeat import stop_beating
from libelle.runs.ids import RunId
from libelle.runs.run import COMPLETED, DELETED, RUNNING, Manifest, Run, Status
from libelle.runs.work import LOG, drop_work, forget
from libelle.stores.base import Store
from libelle.stores.documents import LARGEST, parse_document
from libelle.stores.outbox import Parcel, dispatch, drafts

#: The folder of a work folder in which a run's files are written.
_DRAFTS = "drafts"


def write_drafts(run: Run, work: Path) -> None:
    """From now on, write a run's files on this machine, in its work folder."""
    run.drafts = drafts(work / _DRAFTS)


def finish(run: Run, work: Path, status: Status, error: str | None = None) -> None:
    """End a run: pack its files, the log and the manifest, and send them to the store.

    Args:
        run: the run.
        work: its work folder, which holds the log.
        status: how it ended.
        error: why it failed; what it wrote until then is not kept, but the log.

    Raises:
        UserError: when the store fails; the run stays on this machine, and the sentence says where.
    """
    if status != COMPLETED:
        shutil.rmtree(work / _DRAFTS, ignore_errors=True)
        run.manifest.files.clear()
    run.put(LOG, (work / LOG).read_bytes())
    run.finish(status, error)
    run.drafts = run.store

    def send(parcel: Parcel, store: Store) -> None:
        if status == COMPLETED:
            forget(work)  # there is nothing to resume any more
        send_run(parcel, store)

    dispatch(work / _DRAFTS, run.store, "run", f"run {run.id}", send, run_id=str(run.id), status=status)


def send_run(parcel: Parcel, store: Store) -> None:
    """Send a run; one that the store has whole already is left as it is there.

    Raises:
        UserError: when the store fails, or holds another run of this id.
    """
    run_id = RunId.parse(str(parcel.target.about["run_id"]))
    run = Run(store, run_id, Manifest(str(run_id), RUNNING, ""))
    key = run.key("manifest.json")
    ended = parse_document(parcel.objects.get(key), Manifest, f"{key} in {parcel.folder}")
    try:
        there = parse_document(store.get(key, LARGEST), Manifest, f"{key} in {store}")
    except KeyError:
        there = ended
    if there.started != ended.started or there.status == DELETED:
        said = "was deleted there" if there.status == DELETED else "is another run there"
        raise UserError(f"run_id={run_id} {said}, so it is not sent; remove {parcel.folder} if it is not wanted.")
    if there.status != COMPLETED:
        last = [run.key(LOG), key]
        parcel.upload(store, run_id.folder, but=last)
        for each in last:
            parcel.put(store, each)


def send_late(parcel: Parcel, store: Store) -> None:
    """As `send_run`, when the process of the run is no more, and remove what it left behind."""
    send_run(parcel, store)
    run_id = RunId.parse(str(parcel.target.about["run_id"]))
    stop_beating(Run(store, run_id, Manifest(str(run_id), RUNNING, "")))
    if parcel.target.about["status"] == COMPLETED:
        drop_work(store, str(run_id))  # of a process that was killed between its last two steps

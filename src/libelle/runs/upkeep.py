"""What people do with runs that have ended: a note on one, or deleting it."""

from libelle.errors import UserError
from libelle.runs.heartbeat import as_seen
from libelle.runs.lock import Lease
from libelle.runs.run import DELETED, RUNNING, Run
from libelle.runs.work import drop_work


def note(run: Run, text: str) -> None:
    """Keep a note with a run, in its manifest, in place of the one before; an empty text takes it away.

    Raises:
        UserError: when the run still goes on, since it will write its manifest anew.
    """
    with run.changing() as lease:
        _require_ended(run, "noted on")
        run.manifest.note = " ".join(text.split()) or None
        lease.require()
        run.put_manifest()


def check_deletion(run: Run, published: list[str]) -> None:
    """Refuse what must stay.

    Args:
        run: the run.
        published: what is published of it, as `forms@2`.

    Raises:
        UserError: when the run goes on, or something of it is published.
    """
    _require_ended(run, "deleted")
    if published:
        raise UserError(
            f"run_id={run.id} is published as {', '.join(published)} and stays; leave it out, and delete the others."
        )


def delete(run: Run) -> None:
    """Delete all files of a run but its manifest, which goes on to hold the id and says that the run is deleted.

    An id that were free again would be given to another run of that day. The manifest is written first: a deletion that
    is cut short leaves no run that looks whole, and can be done again.
    """
    with run.changing() as lease:
        _require_ended(run, "deleted")
        erase(run, lease)


def erase(run: Run, lease: Lease) -> None:
    """Do as `delete` says, to a run whose lock is held."""
    run.manifest.status, run.manifest.files = DELETED, {}
    lease.require()
    run.put_manifest()
    for key in [entry.key for entry in run.store.list(run.id.folder)]:
        if key != run.key("manifest.json") and not key.endswith(".lock"):
            run.store.delete(key)
    drop_work(run.store, str(run.id))


def _require_ended(run: Run, done: str) -> None:
    if as_seen(run.store, run.manifest).status == RUNNING:
        raise UserError(f"run_id={run.id} is running and cannot be {done} yet; wait for its end, or stop it.")

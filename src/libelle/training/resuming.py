"""A run is begun so that it can be resumed, and resumed: under its id, with its config, on the records that it had."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from libelle.errors import UserError
from libelle.installation import how_to_call
from libelle.runs.heartbeat import this_process
from libelle.runs.ids import RunId
from libelle.runs.run import COMPLETED, DELETED, RUNNING, Run
from libelle.runs.work import Begun, find_work, remember
from libelle.stores.base import Store
from libelle.stores.outbox import command_line, is_held, place_of, state_folder, sync_command, unsent
from libelle.training.plan import Provenance, Resumed

log = logging.getLogger(__name__)


def begin(store: Store, about: Mapping[str, Any], folder: Path, provenance: Provenance) -> Run:
    """Begin a run, and note in its work folder what it takes to resume it."""
    host, pid = this_process()
    run = Run.begin(store, **about, host=host, pid=pid)
    begun = Begun(
        run_id=str(run.id),
        store=place_of(store),
        cwd=str(Path.cwd()),
        config=dict(provenance.config),
        options=dict(provenance.options),
        typed=dict(provenance.typed),
        command=provenance.command,
        sweep=provenance.sweep,
        trial=provenance.trial,
    )
    remember(folder, begun)
    return run


def take_up(store: Store, resumed: Resumed, about: Mapping[str, Any]) -> Run:
    """Take up a run that was begun before.

    Args:
        store: where the run is kept.
        resumed: the run.
        about: fields of the manifest, as they are now.

    Raises:
        UserError: when the records, or the base, are not those that the run began with.
    """
    run = _unfinished(store, resumed.run_id)
    before = run.manifest
    if before.data_fingerprint != about["data_fingerprint"]:
        raise UserError(
            f"resume={run.id}: the records are not those that the run began with, or stand in another split; bring "
            "those back, or train a new run."
        )
    if before.base != about["base"]:
        raise UserError(
            f"resume={run.id}: the run began with the base {before.base}, and now there is {about['base']}; train a "
            "new run."
        )
    for name in ("git_commit", "libraries"):
        if getattr(before, name) != about[name]:
            log.warning("resume=%s: %s changed since the run began, and scores may differ a little", run.id, name)
    failed = unsent(f"run {run.id}", store)
    if failed is not None:  # what was said of its end is no longer true
        failed.discard()
    host, pid = this_process()
    run.manifest = replace(before, **about, status=RUNNING, finished=None, error=None, files={}, host=host, pid=pid)
    run.put_manifest()
    return run


def find_begun(store: Store, run_id: RunId) -> tuple[Resumed, Begun]:
    """The work folder of a run that can be resumed here, and how it was begun.

    Raises:
        UserError: says why it cannot be resumed, and what can be done.
    """
    run = _unfinished(store, str(run_id))
    ended = unsent(f"run {run_id}", store)
    if ended is not None and ended.target.about.get("status") == COMPLETED:
        line = sync_command(place_of(store))
        raise UserError(f"resume={run_id}: the run has ended and is not sent yet; send it with: {line}")
    found = find_work(store, str(run_id))
    if found is None:
        raise UserError(f"resume={run_id}: {_why_not_here(run)}")
    folder, begun = found
    if is_held(folder):
        raise UserError(f"resume={run_id}: the run goes on in another process; wait for its end, or stop it.")
    if not begun.config.get("data"):
        raise UserError(f"resume={run_id}: the run's records came from Python; call libelle.fit again.")
    return Resumed(str(run_id), folder), begun


def how_to_go_on(store: Store, run: Run) -> str:
    """What to do about a run that is lost, for people."""
    run_id = str(run.id)
    if unsent(f"run {run_id}", store) is not None:
        return f"it has ended and is not sent yet: {sync_command(place_of(store))}"
    if find_work(store, run_id) is not None:
        return f"resume it: {resume_command(store, run_id)}"
    return _why_not_here(run)


def resume_command(store: Store, run_id: str) -> str:
    """The command that resumes a run."""
    return command_line(store, "train", f"resume={run_id}")


def _unfinished(store: Store, run_id: str) -> Run:
    run = Run.open(store, RunId.parse(run_id), "resume")
    if run.manifest.status in (COMPLETED, DELETED):
        raise UserError(f"resume={run_id}: the run is {run.manifest.status}; there is nothing to resume.")
    return run


def _why_not_here(run: Run) -> str:
    host, _ = this_process()
    if run.manifest.host not in (None, host):
        return f"it was begun on the machine {run.manifest.host}, and can be resumed there."
    again = run.manifest.command or how_to_call("train")
    return f"nothing is left of it in {state_folder() / 'work'}; train it again: {again}"

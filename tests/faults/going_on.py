"""What people do after a command was killed, and what must come of it."""

import json

from faults.kills import Place
from helpers.scripts import call
from libelle import published
from libelle.runs.run import COMPLETED, DELETED


def finish(place: Place, known: str, turn: int) -> None:
    """Resume, or send, what was begun and is not whole; each second time it is left to who cleans up."""
    for run_id, status in place.statuses().items():
        if run_id == known or status == DELETED or turn % 2:
            continue
        if status not in ("lost", "failed", COMPLETED):
            place.faults.add("lost", f"{run_id} is {status} though its process died")
        if status != COMPLETED:
            resume(place, run_id)
        if place.open(run_id).manifest.status == COMPLETED:
            same(place, known, run_id)


def resume(place: Place, run_id: str) -> None:
    answer = call("train.py", f"resume={run_id}", *place.options, cwd=place.folder)
    place.judge("resume", answer.returncode, answer.stderr)
    if "runs.py sync" in answer.stderr:
        place.runs("sync")
    elif answer.returncode != 0 and "nothing is left of it" in answer.stderr:
        return  # killed between its first two steps: it had not begun
    if place.open(run_id).manifest.status != COMPLETED:
        place.faults.add("lost", f"{run_id} cannot be resumed: {answer.stderr[-1000:]}")


def same(place: Place, known: str, run_id: str) -> None:
    """A run that was killed comes to the same as one that was not."""
    for name in ("predictions.parquet", "metrics.json", "split.parquet"):
        if place.open(run_id).read(name) != place.open(known).read(name):
            place.faults.add("believed", f"{run_id}.{name} is not that of a run that was not killed")


def publish(place: Place, command: list[str], turn: int) -> None:
    """Send what was kept; each second time, publish again. The highest version that is whole is current."""
    sent = place.runs("sync")
    if turn % 2 and "publication" not in sent:
        place.succeed(*command)
    versions = [found.version for found in published.versions(place.store, "forms")]
    if published.find(place.store, "forms").version != versions[-1]:
        place.faults.add("lost", f"of the versions {versions}, the last is not current")
    if len(versions) < 2 and (turn % 2 or "publication" in sent):
        place.faults.add("lost", "the publication is not there")


def choose(place: Place, command: list[str], turn: int) -> None:
    """Send what was kept; each second time, choose again. The report goes with the threshold."""
    sent = place.runs("sync")
    if turn % 2:
        place.succeed(*command)
    run = place.open(place.ids()[0])
    value = (run.read_threshold() or {})["value"]
    if value != 0.4 and (turn % 2 or "choice" in sent):
        place.faults.add("lost", f"the threshold 0.4 was chosen, and is {value}")
    if run.read("report.html").decode() != f"<p>{value}</p>":
        place.faults.add("half-used", f"the threshold is {value}, and the report another's")


def sync(place: Place, before: str) -> None:
    """Send what was kept: a run, a threshold, a version, and a base that replaces one."""
    place.runs("sync")
    first, second = place.ids()
    if place.open(second).manifest.status != COMPLETED:
        place.faults.add("lost", "the run was not sent")
    else:
        same(place, first, second)
    if published.find(place.store, "forms").version != 2:
        place.faults.add("lost", "the publication was not sent")
    if (place.open(first).read_threshold() or {})["value"] != 0.4:
        place.faults.add("lost", "the threshold was not sent")
    # One that was replaced may stay for a day: it goes with a later preparation.
    current = json.loads(place.store.get("based/based/current.json"))["version"]
    versions = place.store.folders("based/based/")
    if current != max(versions) or current == before:
        place.faults.add("lost", f"of the bases {versions}, {current} is the current one")

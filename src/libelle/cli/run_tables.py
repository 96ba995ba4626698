"""What `runs.py` prints for people; `json_output` prints the same for programs."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from libelle.cli.command import as_shell_needs
from libelle.cli.terminal import cell, in_bytes, interval, make_console, make_table, print_list
from libelle.errors import listed
from libelle.installation import how_to_call
from libelle.published import Publication
from libelle.runs.cleaning import Leftover
from libelle.runs.run import Manifest, Run
from libelle.runs.run_list import duration, size
from libelle.runs.synced import Synced

if TYPE_CHECKING:  # importing it takes a second
    from libelle.evaluation.comparison import Comparison

#: Columns that a narrow terminal does without, the least important first.
_LOSE = ("size", "seconds", "seed", "objective", "sweep", "data", "status", "note", "model", "value")

#: Names of what goes that are printed for each kind.
_NAMED = 3


def print_runs(manifests: Sequence[Manifest], ways_on: Mapping[str, str] = MappingProxyType({})) -> None:
    """Print one line per run, and below them what can be done about each that is lost."""
    noted = any(item.note for item in manifests)
    columns = ["run", "status", "data", "model", "seed", "objective", "value", "seconds", "size", "sweep", "note"]
    rows = []
    for item in manifests:
        seconds = duration(item)
        cells = [
            item.run_id,
            item.status,
            *map(cell, (item.data, item.model, item.seed, item.objective, item.value)),
            "-" if seconds is None else f"{seconds:.0f}",
            in_bytes(size(item)) if item.files else "-",
            "-" if item.sweep is None else f"{item.sweep} #{item.trial}",
            cell(item.note),
        ]
        rows.append(cells if noted else cells[:-1])
    print_list(columns if noted else columns[:-1], rows, _LOSE, "note")
    for run_id, way in ways_on.items():
        make_console().print(f"run {run_id} is lost: {way}", highlight=False, soft_wrap=True)


def print_run(run: Run, way_on: str | None = None, published: Sequence[Publication] = ()) -> None:
    """Print one run in full: manifest, metrics, what is published of it, and of one that is lost, what can be done."""
    table = make_table(f"run {run.id}", "")
    for name, value in asdict(run.manifest).items():
        if name not in ("files", "libraries", "run_id"):
            table.add_row(name, cell(value))
    if published:
        table.add_row("published", "\n".join(map(_published, published)))
    table.add_row("size", in_bytes(size(run.manifest)))
    table.add_row("libraries", ", ".join(f"{name} {version}" for name, version in run.manifest.libraries.items()))
    table.add_row("files", "\n".join(run.manifest.files))
    console = make_console()
    console.print(table)
    if way_on is not None:
        console.print(f"The process of run {run.id} has died; {way_on}", highlight=False, soft_wrap=True)
    if f"{run.id}.metrics.json" in run.manifest.files:
        metrics = run.read_json("metrics.json")
        table = make_table("metric", *metrics)
        for name in next(iter(metrics.values())):
            if name != "classes":
                table.add_row(name, *(cell(values[name]) for values in metrics.values()))
        console.print(table)


def _published(publication: Publication) -> str:
    forced = "" if publication.forced is None else f", although it is worse: {publication.forced}"
    return f"{publication}{forced}"


def print_differences(first: Run, second: Run, rows: Sequence[tuple[Any, ...]]) -> None:
    """Print what differs between two runs."""
    table = make_table("", str(first.id), str(second.id))
    for key, *values in rows:
        table.add_row(key, *map(cell, values))
    make_console().print(table if rows else f"runs {first.id} and {second.id} do not differ")


def print_comparison(comparison: "Comparison", page: Path) -> None:
    """Print the metrics of runs side by side, what their differences say, and where the page is."""
    first = comparison.candidates[0]
    table = make_table("metric (test)", *(candidate.name for candidate in comparison.candidates))
    for name in first.intervals:
        table.add_row(name, *(interval(asdict(candidate.intervals[name])) for candidate in comparison.candidates))
    console = make_console()
    console.print(table)
    if comparison.weighted:
        console.print(comparison.weighting(), highlight=False)
    for difference in comparison.differences:
        for sentence in comparison.verdicts(difference).values():
            console.print(sentence, highlight=False)
        console.print(f"{comparison.decisions(difference)}\n", highlight=False)
    console.print(f"Report: {page}", highlight=False, soft_wrap=True)


def print_deletion(manifests: Sequence[Manifest], done: bool, overrides: Sequence[str]) -> None:
    """Print which runs were deleted, or would be, and the command that does it.

    Args:
        manifests: of the runs.
        done: whether they are deleted.
        overrides: those of the command.
    """
    print_runs(manifests)
    ids = [item.run_id for item in manifests]
    if done:
        make_console().print(f"Deleted: {', '.join(ids)}.", highlight=False)
        return
    make_console().print("Nothing is deleted yet. All files of these runs go, for good, with", highlight=False)
    _print_command(["delete", *ids, "yes=true"], overrides)


def print_cleaning(found: Sequence[Leftover], done: bool, overrides: Sequence[str]) -> None:
    """Print what was removed, or would be, a line a kind, and the command that does it.

    Args:
        found: all of it.
        done: whether it is removed.
        overrides: those of the command.
    """
    if not found:
        make_console().print("There is nothing to clean up.", highlight=False)
        return
    kinds: dict[str, list[Leftover]] = {}
    for item in found:
        kinds.setdefault(item.kind, []).append(item)
    rows = [
        [
            kind,
            str(len(items)),
            in_bytes(sum(item.size for item in items)),
            listed([item.name for item in items], _NAMED),
        ]
        for kind, items in kinds.items()
    ]
    print_list(["what", "count", "size", "which"], rows, ["which"], "which")
    if done:
        make_console().print("Removed.", highlight=False)
        return
    make_console().print("Nothing is removed yet. It goes, for good, with", highlight=False)
    wanted = [override for override in overrides if override.startswith(("older_than=", "status="))]
    _print_command(["clean", *wanted, "yes=true"], overrides)


def _print_command(words: Sequence[str], overrides: Sequence[str]) -> None:
    """Print what to type, in the same store."""
    store = [override for override in overrides if override.startswith("store")]
    line = as_shell_needs(f"{how_to_call('runs')} {shlex.join([*words, *store])}")
    make_console().print(f"  {line}", highlight=False, soft_wrap=True)


def print_sync(found: Sequence[Synced]) -> None:
    """Print what was sent to the store, and what is left."""
    console = make_console()
    for item in found:
        said = "sent" if item.reason is None else f"left in {item.folder}: {item.reason}"
        console.print(f"{item.what}: {said}", highlight=False, soft_wrap=True)
    if not found:
        console.print("Nothing is kept on this machine for this store.")


def print_note(run: Run) -> None:
    """Print the note that a run has now."""
    text = "has no note now" if run.manifest.note is None else f"is noted: {run.manifest.note}"
    make_console().print(f"run {run.id} {text}", highlight=False)

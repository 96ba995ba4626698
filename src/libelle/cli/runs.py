"""The command `runs`: list runs, show one, diff two, compare, note or delete some, clean up, or sync."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from libelle.cli import json_output, run_tables
from libelle.cli.command import plain_errors, typed_overrides, values_and_store
from libelle.cli.schema_keys import did_you_mean
from libelle.errors import UserError
from libelle.installation import how_to_call
from libelle.language import ENGLISH, require_language
from libelle.published import versions_of
from libelle.runs import cleaning, run_list, upkeep
from libelle.runs.heartbeat import as_seen
from libelle.runs.ids import RunId
from libelle.runs.published import published_runs
from libelle.runs.run import LOST, Manifest, Run
from libelle.stores.base import Store
from libelle.stores.outbox import command_line, parcels, place_of, sync_command

log = logging.getLogger(__name__)

#: Verb → the run ids that it takes.
_RUNS_TAKEN = {
    "list": "no run ids",
    "show": "one run id",
    "diff": "two run ids",
    "compare": "two run ids or more",
    "delete": "one run id or more",
    "note": "one run id",
    "clean": "no run ids",
    "sync": "no run ids",
}


def runs(config: DictConfig) -> None:
    """Run the command on a composed config."""
    with plain_errors():
        values, store = values_and_store(config)
        verb, *names = json.loads(values["words"]) or ["list"]
        where = json.loads(values["where"])
        _check_words(store, verb, names, where)
        output = json_output if _as_json(where) else run_tables
        store.reach()
        found = [Run.open(store, RunId.parse(name)) for name in names]
        match verb, found:
            case "list", []:
                chosen = run_list.select(run_list.manifests(store), where)
                output.print_runs(chosen, _ways_on(store, chosen))
                if not chosen:
                    _say_none(store, where)
            case "show", [run]:
                _refuse_keys(verb, where, "a run id and format=")
                run.manifest = as_seen(store, run.manifest)
                way_on = _ways_on(store, [run.manifest]).get(str(run.id))
                output.print_run(run, way_on, versions_of(store, str(run.id)))
            case "diff", [first, second]:
                _refuse_keys(verb, where, "two run ids and format=")
                output.print_differences(first, second, run_list.differences(first, second))
            case "compare", _:
                _compare(found, where, output)
            case "delete", [_, *_]:
                _delete(store, list({run.id: run for run in found}.values()), where, output)
            case "note", [run]:
                _note(run, where, output)
            case "clean", []:
                _clean(store, where, output)
            case "sync", []:
                _refuse_keys(verb, where, "store keys and format=")
                _sync(store, output)
            case _:
                given = f"{len(found)} {'was' if len(found) == 1 else 'were'} given"
                raise UserError(f"{how_to_call('runs')} {verb} takes {_RUNS_TAKEN[verb]}, and {given}.")


def _check_words(store: Store, verb: str, names: list[str], where: Mapping[str, str]) -> None:
    """Refuse a verb that does not exist, and a word that stands where a run id should."""
    if RunId.matches(verb):
        raise UserError(f"{verb} is a run id without a verb; write {command_line(store, 'runs', 'show', verb)}.")
    if verb not in _RUNS_TAKEN:
        rest = f"the verbs are {', '.join(_RUNS_TAKEN)}."
        raise UserError(f"{how_to_call('runs')} {verb} is not known; {did_you_mean(verb, _RUNS_TAKEN, rest)}")
    loose = [name for name in names if not RunId.matches(name)]
    if verb == "note" and loose and "text" in where:
        text = " ".join([where["text"], *loose])
        raise UserError(f'{loose[0]} belongs to no key; a note with blanks stands in quotes: text="{text}".')


def _say_none(store: Store, where: Mapping[str, str]) -> None:
    """Say why a list is empty: not on stdout, where programs read."""
    asked = [f"{key}={value}" for key, value in where.items() if key not in ("sort", "limit")]
    if not where.get("limit", "").strip("0") and "limit" in where:
        log.info("limit=%s leaves no run", where["limit"])
    elif asked:
        log.info("no run in %s matches %s", store, " ".join(asked))
    else:
        log.info("there is no run in %s", store)


def _compare(runs: list[Run], where: dict[str, str], output: Any) -> None:
    # Importing scikit-learn and jinja2 takes a second, and no other verb needs them.
    from libelle.evaluation.comparison import compare
    from libelle.reports.comparison_report import make_page
    from libelle.reports.page import write_page

    language = where.pop("language", ENGLISH)
    require_language(language, "language")
    path = _page_path(where)
    comparison = compare(runs)
    write_page(make_page(comparison, language), path, f"output={path}")
    output.print_comparison(comparison, path)


def _delete(store: Store, runs: list[Run], where: dict[str, str], output: Any) -> None:
    sure = _is_sure(where)
    _refuse_keys("delete", where, "run ids, yes=true and format=")
    published = published_runs(store)
    for run in runs:
        upkeep.check_deletion(run, published.get(str(run.id), []))
    manifests = [run.manifest for run in runs]
    for run in runs if sure else []:
        upkeep.delete(run)
    output.print_deletion(manifests, sure, typed_overrides())


def _clean(store: Store, where: dict[str, str], output: Any) -> None:
    sure = _is_sure(where)
    wanted: dict[str, str] = {key: where.pop(key) for key in ("older_than", "status") if key in where}
    _refuse_keys("clean", where, "yes=true, older_than=, status= and format=")
    choice = cleaning.Choice.parse(wanted)
    found = cleaning.leftovers(store, published_runs(store), choice)
    if sure:
        cleaning.remove_all(found)
    output.print_cleaning(found, sure, [*(f"{key}={value}" for key, value in wanted.items()), *typed_overrides()])


def _is_sure(where: dict[str, str]) -> bool:
    """Whether things are to go, or to be shown."""
    said = where.pop("yes", "false")
    if said.lower() not in ("true", "false"):
        raise UserError(f"yes={said} is not known; write yes=true to delete, or leave it out to see what would go.")
    return said.lower() == "true"


def _ways_on(store: Store, manifests: Sequence[Manifest]) -> dict[str, str]:
    """Run id of each lost run → what can be done about it."""
    lost = [item for item in manifests if item.status == LOST]
    if not lost:
        return {}
    from libelle.training.resuming import how_to_go_on  # and with it all that trains

    return {item.run_id: how_to_go_on(store, Run(store, RunId.parse(item.run_id), item)) for item in lost}


def _sync(store: Store, output: Any) -> None:
    """Send what this machine has kept for a store."""
    # Bases and published models come with it, which take seconds to import.
    from libelle.training.sync import sync

    store.check()
    found = sync(store)
    output.print_sync(found)
    here = place_of(store)
    for command in sorted({sync_command(parcel.target.store) for parcel in parcels() if parcel.target.store != here}):
        log.info("Something is kept for another store: %s", command)
    left = [item for item in found if item.reason is not None]
    if left:
        raise UserError(f"{len(left)} of {len(found)} could not be sent to {store}; {left[0].what}: {left[0].reason}")


def _note(run: Run, where: dict[str, str], output: Any) -> None:
    text = where.pop("text", None)
    _refuse_keys("note", where, "a run id, text= and format=")
    if text is None:
        raise UserError(f'Say what to note on run {run.id}: text="first run with the new forms"; text= takes it away.')
    upkeep.note(run, text)
    output.print_note(run)


def _as_json(where: dict[str, str]) -> bool:
    """Whether stdout is for programs."""
    form = where.pop("format", "text")
    if form not in ("text", "json"):
        raise UserError(f"format={form} is not known; choose text or json.")
    return form == "json"


def _page_path(where: dict[str, str]) -> Path:
    """Where the page of a comparison goes."""
    output = where.pop("output", "comparison.html")
    _refuse_keys("compare", where, "run ids, output=, language= and format=")
    if not Path(output).name:
        raise UserError(f"output={output} is not the name of a file; write for instance output=comparison.html.")
    return Path(output)


def _refuse_keys(verb: str, left: Mapping[str, str], taken: str) -> None:
    for key in left:
        raise UserError(f"{how_to_call('runs')} {verb} knows no {key}=; it takes {taken}.")

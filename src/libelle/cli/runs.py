"""The command `runs`: list runs, show one, say what differs between two, or compare several."""

import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from libelle.cli import json_output, terminal_tables
from libelle.cli.command import plain_errors, values_and_store
from libelle.errors import UserError
from libelle.installation import how_to_call
from libelle.language import ENGLISH, require_language
from libelle.runs import run_list
from libelle.runs.ids import RunId
from libelle.runs.run import Run

_RUNS_TAKEN = {"list": "no run ids", "show": "one run id", "diff": "two run ids"}


def runs(config: DictConfig) -> None:
    """Run the command on a composed config."""
    with plain_errors():
        values, store = values_and_store(config)
        verb, *names = json.loads(values["words"]) or ["list"]
        where = json.loads(values["where"])
        output = json_output if _as_json(where) else terminal_tables
        found = [Run.open(store, RunId.parse(name)) for name in names]
        match verb, found:
            case "list", []:
                output.print_runs(run_list.select(run_list.manifests(store), where))
            case "show", [run]:
                output.print_run(run)
            case "diff", [first, second]:
                output.print_differences(first, second, run_list.differences(first, second))
            case "compare", _:
                _compare(found, where, output)
            case (("list" | "show" | "diff"), _):
                raise UserError(f"{how_to_call('runs')} {verb} takes {_RUNS_TAKEN[verb]}, and {len(found)} were given.")
            case _:
                raise UserError(
                    f"{how_to_call('runs')} {verb} is not known; the verbs are list, show, diff and compare."
                )


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


def _as_json(where: dict[str, str]) -> bool:
    """Whether stdout is for programs."""
    form = where.pop("format", "text")
    if form not in ("text", "json"):
        raise UserError(f"format={form} is not known; choose text or json.")
    return form == "json"


def _page_path(where: dict[str, str]) -> Path:
    """Where the page of a comparison goes."""
    output = where.pop("output", "comparison.html")
    for key in where:
        raise UserError(
            f"{how_to_call('runs')} compare knows no {key}=; it takes run ids, output=, language= and format=."
        )
    if not Path(output).name:
        raise UserError(f"output={output} is not the name of a file; write for instance output=comparison.html.")
    return Path(output)

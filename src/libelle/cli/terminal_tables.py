"""What the commands print on stdout."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from libelle.cli.command import as_shell_needs
from libelle.cli.terminal import cell as _cell
from libelle.cli.terminal import interval as _interval
from libelle.cli.terminal import make_console as _console
from libelle.cli.terminal import make_table as _table
from libelle.cli.terminal import print_list
from libelle.data.split import SPLITS
from libelle.evaluation.decision_rule import DecisionRule
from libelle.installation import how_to_call
from libelle.processes.base import Process
from libelle.publication import Publication
from libelle.runs.run import Manifest, Run
from libelle.training.pairings import usual_models
from libelle.training.workflow import Outcome

_EXAMPLE = "text=Boulangerie Léa, pâtisserie (chef)"
#: Columns that a narrow terminal does without, the least important first.
_PUBLISHED_LOSE = ("published", "data", "model", "run", "threshold")
_HEADLINES = {
    2: ("average_precision", "roc_auc", "log_loss", "precision", "recall", "accuracy"),
    3: ("accuracy", "f1_macro", "top_k_accuracy", "log_loss"),
}


def print_outcome(outcome: Outcome, overrides: Sequence[str]) -> None:
    """Print a run's id, its headline metrics and the three commands that one would type next.

    Args:
        outcome: the run.
        overrides: those of the command, of which the commands keep what concerns the store.
    """
    console = _console()
    table = Table(box=box.SIMPLE_HEAD, title=f"run {outcome.run_id}", title_justify="left")
    table.add_column("metric")
    for split in SPLITS:
        table.add_column(split, justify="right")
    for name in _HEADLINES[min(len(outcome.pipeline.labels), 3)]:
        values = [outcome.metrics[split][name] for split in SPLITS]
        table.add_row(name, *("-" if value is None else f"{value:.4f}" for value in values))
    table.add_row("rows", *(f"{outcome.metrics[split]['rows']:,}" for split in SPLITS))
    console.print(table)
    console.print(f"{outcome.objective} = {outcome.value:.6f}")
    console.print(f"report: {outcome.report}\n", highlight=False, soft_wrap=True)
    # A target that any model meets; multiclass models can be published without a threshold.
    target = "f=0.5" if outcome.pipeline.rule.is_binary else "value=0.5"
    _print_next(
        console,
        overrides,
        ["runtime", f"run_id={outcome.run_id}", _EXAMPLE],
        ["threshold", f"run_id={outcome.run_id}", target],
        ["publish", f"run_id={outcome.run_id}"],
    )


def _print_next(
    console: Console, overrides: Sequence[str], *commands: list[str], keep: tuple[str, ...] = ("store",)
) -> None:
    """Print commands that one would type next, with what the overrides of this one say of the store.

    Each of `commands` is a command's name and its arguments.
    """
    kept = [override for override in overrides if override.startswith(keep)]
    console.print("Next:")
    for words in commands:
        line = f"{how_to_call(words[0])} {shlex.join([*words[1:], *kept])}"
        console.print(f"  {as_shell_needs(line)}", highlight=False, soft_wrap=True)


def print_threshold(run: Run, choice: Mapping[str, Any], overrides: Sequence[str]) -> None:
    """Print the threshold that was chosen, what it achieves, and the commands that one would type next.

    Args:
        run: the run.
        choice: as `libelle.evaluation.threshold.decide` makes it.
        overrides: those of the command, of which the commands keep what concerns the store.
    """
    console = _console()
    rule = ", ".join(f"{name}={value}" for name, value in choice["rule"].items() if value is not None)
    if choice["value"] is None:
        table = _table("label", "threshold", "precision (test)", "recall (test)", "rows (test)")
        for label, limit in choice["classes"].items():
            found = choice["test"].get(label)
            cells = [None] * 3 if found is None else [_interval(found["precision"]), _interval(found["recall"])]
            table.add_row(label, *map(_cell, (limit, *cells[:2], None if found is None else found["tp"] + found["fn"])))
        console.print(f"run {run.id}: a threshold for each label, by {rule}", highlight=False)
        console.print(table)
        limits = choice["classes"].values()
        if never := sum(limit is None for limit in limits):
            console.print(f"Without a threshold: {never} of {len(limits)} labels, never coded automatically.")
        console.print(f"{choice['sentence']}\n", highlight=False)
    else:
        console.print(f"run {run.id}: threshold {choice['value']:.17g}, by {rule}", highlight=False)
        table = _table("", "validation", "test")
        binary = DecisionRule.chosen(choice["labels"], choice).is_binary
        names = {} if binary else {"precision": "accuracy", "share": "share coded"}
        for name in names or ("precision", "recall", "share"):
            table.add_row(
                names.get(name, name.replace("share", "share set aside")),
                *(_interval(choice[split][name]) for split in ("validation", "test")),
            )
        for name in ("rows",) if names else ("rows", "tp", "fp", "fn", "tn"):
            table.add_row(name, *(f"{choice[split][name]:,}" for split in ("validation", "test")))
        console.print(table)
        console.print(f"{choice['sentence']}\n", highlight=False)
    _print_next(console, overrides, ["publish", f"run_id={run.id}"], ["runtime", f"run_id={run.id}", _EXAMPLE])


def print_base(name: str, version: str, process: Process, overrides: Sequence[str]) -> None:
    """Print what `mode=prepare` made, and commands that use it, with models that go with its process."""
    console = _console()
    models = usual_models(process)
    encoder = getattr(process, "encoder", None)
    model = [f"model={models[0]}", *([f"model.encoder={encoder}"] if encoder else [])]
    several = [f"model={','.join(models)}", *model[1:]]
    console.print(f"base {name} is now {version}\n", highlight=False)
    _print_next(
        console,
        overrides,
        ["train", *model, "mode=train"],
        ["train", "--multirun", *several, "sampler=none,oversample", "mode=train"],
        keep=("store", "base"),
    )


def best_run(results: Mapping[str, Any], manifests: Sequence[Manifest]) -> Manifest | None:
    """The run of a search's best trial, the newest where a trial has several; None where none has completed."""
    done = [item for item in manifests if item.trial == results["best_trial"] and item.value is not None]
    return max(done, key=lambda item: item.started, default=None)


def print_search(results: Mapping[str, Any], manifests: Sequence[Manifest], page: Path) -> None:
    """Print the best run of a search, and the command that trains it again.

    Args:
        results: the sweeper's `optimization_results.yaml`.
        manifests: of the sweep's runs.
        page: the sweep's report.
    """
    console = _console()
    best = best_run(results, manifests)
    if best is None:
        console.print("no trial has completed")
        return
    console.print(
        f"best of {sum(results['trials'].values())} trials: #{best.trial}, run {best.run_id}, "
        f"{best.objective} = {best.value:.6f}\n\nAgain, alone:"
    )
    console.print(f"  {as_shell_needs(best.command)}", highlight=False, soft_wrap=True)
    console.print(f"\nReport: {page}", highlight=False, soft_wrap=True)


def print_publication(publication: Publication, overrides: Sequence[str]) -> None:
    """Print what is current now, and how to use it; `overrides` are those of the command."""
    console = _console()
    threshold = "" if publication.threshold is None else f", threshold {publication.threshold:g}"
    if publication.label_thresholds is not None:
        own = [limit for limit in publication.label_thresholds.values() if limit is not None]
        threshold = f", thresholds of {len(own)} of {len(publication.label_thresholds)} labels"
    console.print(f"{publication} is current: run {publication.run_id}{threshold}\n", highlight=False)
    _print_next(console, overrides, ["runtime", f"published={publication.name}", _EXAMPLE])


def print_published(overview: Mapping[str, tuple[int | None, Sequence[Publication]]]) -> None:
    """Print one line a published version."""
    columns = ("name", "version", "current", "run", "data", "model", "threshold", "published")
    rows = []
    for name, (current, versions) in overview.items():
        for item in versions:
            mark = "current" if item.version == current else ""
            threshold = item.threshold if item.label_thresholds is None else "by label"
            values = (item.run_id, item.data, item.model, threshold, item.published)
            rows.append([name, str(item.version), mark, *map(_cell, values)])
    print_list(columns, rows, _PUBLISHED_LOSE)

"""What the commands print on stdout."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich import box
from rich.table import Table

from libelle.cli.command import as_shell_needs
from libelle.cli.next_commands import example, print_next, publication_arguments, stored_example
from libelle.cli.terminal import cell as _cell
from libelle.cli.terminal import interval as _interval
from libelle.cli.terminal import make_console as _console
from libelle.cli.terminal import make_table as _table
from libelle.cli.terminal import print_list
from libelle.data.split import SPLITS, TEST
from libelle.errors import counted
from libelle.evaluation.threshold_request import as_typed
from libelle.language import threshold_text
from libelle.processes.base import Process
from libelle.published import COMPARISON, Publication
from libelle.runs.run import THRESHOLDS, Manifest, Run
from libelle.runs.run_list import run_of_trial
from libelle.stores.base import Store
from libelle.training.pairings import usual_models

if TYPE_CHECKING:  # importing it takes a second
    from libelle.training.workflow import Outcome

#: Labels whose own thresholds are printed; of more, the table in the run has them.
PRINTED_LABELS = 20
#: Columns that a narrow terminal does without, the least important first.
_PUBLISHED_LOSE = ("published", "data", "model", "signed", "run", "threshold")

#: What the sweeper calls trials that gave no value.
_LOST = ("failed", "nan", "timeout")

_HEADLINES = {
    2: ("average_precision", "roc_auc", "log_loss", "precision", "recall", "accuracy"),
    3: ("accuracy", "f1_macro", "top_k_accuracy", "log_loss"),
}


def print_outcome(outcome: "Outcome", overrides: Sequence[str]) -> None:
    """Print a run's id, its headline metrics and the three commands that one would type next.

    Args:
        outcome: the run.
        overrides: those of the command, of which the commands keep what concerns the store.
    """
    console = _console()
    table = Table(box=box.SIMPLE_HEAD, title=f"run {outcome.run_id}", title_justify="left")
    table.add_column("metric")
    columns = {split: outcome.metrics[split] for split in SPLITS}
    apart = outcome.metrics[TEST].get("without_repeated")
    if apart is not None:
        columns["test, new"] = apart
    for title in columns:
        table.add_column(title, justify="right")
    for name in _HEADLINES[min(len(outcome.pipeline.labels), 3)]:
        values = [metrics.get(name) for metrics in columns.values()]
        table.add_row(name, *("-" if value is None else f"{value:.4f}" for value in values))
    table.add_row("rows", *(f"{metrics['rows']:,}" for metrics in columns.values()))
    console.print(table)
    if apart is not None:
        console.print("test, new: the test records whose texts are not among the training rows\n", highlight=False)
    console.print(f"{outcome.objective} = {outcome.value:.6f}")
    console.print(f"report: {outcome.report}\n", highlight=False, soft_wrap=True)
    golden = outcome.pipeline.golden
    record = example(golden.astype(object).where(golden.notna(), None).to_dict("records"), outcome.pipeline.text)
    print_next(
        console,
        overrides,
        ["runtime", f"run_id={outcome.run_id}", *record],
        ["threshold", f"run_id={outcome.run_id}", outcome.wish],
        ["publish", *publication_arguments(outcome.run_id, outcome.data)],
    )


def print_threshold(run: Run, choice: Mapping[str, Any], labels: pd.DataFrame, overrides: Sequence[str]) -> None:
    """Print the threshold that was chosen, what it achieves, and the commands that one would type next.

    Args:
        run: the run.
        choice: as `libelle.evaluation.threshold.decide` makes it.
        labels: see `libelle.evaluation.threshold_table.threshold_table`.
        overrides: those of the command, of which the commands keep what concerns the store.
    """
    console = _console()
    own, binary = choice["value"] is None, len(choice["labels"]) == 2
    threshold = "a threshold for each label" if own else f"threshold {choice['value']!r}"
    console.print(f"run {run.id}: {threshold}, by {as_typed(choice['rule'])}", highlight=False)
    if own and len(labels) <= PRINTED_LABELS:
        console.print(_label_table(labels))
    figures = choice["automatic"] if own else choice
    table = _table("", "validation", "test")
    names = {"precision": "precision", "recall": "recall", "share": "share set aside"}
    for name, shown in (names if binary else {"precision": "accuracy", "share": "share coded"}).items():
        table.add_row(shown, *(_interval(figures[split][name]) for split in ("validation", "test")))
    for name in ("rows", "tp", "fp", "fn", "tn") if binary else ("rows",):
        table.add_row(name, *(f"{figures[split][name]:,}" for split in ("validation", "test")))
    console.print(table)
    if own and (never := sum(limit is None for limit in choice["classes"].values())):
        console.print(f"Without a threshold: {never} of {len(labels)} labels, never coded automatically.")
    console.print(choice["sentence"], highlight=False, soft_wrap=True)
    if not binary:
        place = run.key(THRESHOLDS)
        where = run.store.local_path(place) or place
        console.print(f"Table with a line a label: {where}", highlight=False, soft_wrap=True)
    console.print()
    publish = ["publish", *publication_arguments(str(run.id), run.manifest.data)]
    record = stored_example(lambda name: run.read(f"pipeline/{name}"))
    print_next(console, overrides, publish, ["runtime", f"run_id={run.id}", *record])


def _label_table(labels: pd.DataFrame) -> Table:
    titled = ["title"] if "title" in labels else []
    table = _table("label", *titled, "threshold", "precision (test)", "recall (test)", "rows (test)")
    for row in labels.astype(object).where(labels.notna(), None).to_dict(orient="records"):
        cells = [row["label"], *(row[name] for name in titled)]
        if row["threshold"] is None:
            cells += [None] * 4
        else:
            cells.append(threshold_text(row["threshold"]))
            ends = {"value": "", "low": "_low", "high": "_high"}
            cells += [
                _interval({key: row[f"test_{name}{end}"] for key, end in ends.items()})
                for name in ("precision", "recall")
            ] + [row["test_rows"]]
        table.add_row(*map(_cell, cells))
    return table


def print_base(name: str, version: str, process: Process, overrides: Sequence[str]) -> None:
    """Print what `mode=prepare` made, and commands that use it, with models that go with its process."""
    console = _console()
    models = usual_models(process)
    encoder = getattr(process, "encoder", None)
    model = [f"model={models[0]}", *([f"model.encoder={encoder}"] if encoder else [])]
    several = [f"model={','.join(models)}", *model[1:]]
    console.print(f"base {name} is now {version}\n", highlight=False)
    print_next(
        console,
        overrides,
        ["train", *model, "mode=train"],
        ["train", "--multirun", *several, "sampler=none,oversample", "mode=train"],
        keep=("store", "base"),
    )


def print_search(results: Mapping[str, Any], manifests: Sequence[Manifest], page: Path) -> None:
    """Print the best run of a search, and the command that trains it again.

    Args:
        results: the sweeper's `optimization_results.yaml`.
        manifests: of the sweep's runs.
        page: the sweep's report.
    """
    console = _console()
    best = run_of_trial(manifests, results["best_trial"])
    if best is None:
        console.print("no trial has completed")
        return
    counts: Mapping[str, int] = results["trials"]
    total, lost = sum(counts.values()), {name: counts[name] for name in _LOST if counts.get(name)}
    of_them = f" ({', '.join(f'{count} {status}' for status, count in sorted(counts.items()))})" if lost else ""
    console.print(
        f"best of {counted(total, 'trial')}{of_them}: #{best.trial}, run {best.run_id}, "
        f"{best.objective} = {best.value:.6f}"
    )
    if lost:
        console.print(
            f"{sum(lost.values())} of them gave no value and are not tried again; {page.parent / 'trials'} says why, "
            f"and the same command with hydra.sweeper.max_trials={total + sum(lost.values())} tries as many others.",
            highlight=False,
            soft_wrap=True,
        )
    console.print("\nAgain, alone:")
    console.print(f"  {as_shell_needs(best.command)}", highlight=False, soft_wrap=True)
    console.print(f"\nReport: {page}", highlight=False, soft_wrap=True)


def print_publication(store: Store, publication: Publication, overrides: Sequence[str]) -> None:
    """Print what is current now in a store, and how to use it; `overrides` are those of the command."""
    console = _console()
    threshold = "" if publication.threshold is None else f", threshold {threshold_text(publication.threshold)}"
    if publication.label_thresholds is not None:
        own = [limit for limit in publication.label_thresholds.values() if limit is not None]
        threshold = f", thresholds of {len(own)} of {len(publication.label_thresholds)} labels"
    kept = "" if publication.min_records is None else f", min_records {publication.min_records}"
    console.print(f"{publication} is current: run {publication.run_id}{threshold}{kept}\n", highlight=False)
    record = stored_example(lambda name: store.get(f"{publication.prefix}{name}"))
    print_next(console, overrides, ["runtime", f"published={publication.name}", *record])


def print_gate(store: Store, publication: Publication) -> None:
    """Print what the publish gate found, and where its page is; nothing for a first version."""
    gate, console = publication.gate, _console()
    if gate is None:
        return
    for sentence in gate.sentences:
        console.print(sentence, highlight=False)
    if gate.forced is not None:
        console.print(f"Published all the same: {gate.forced}", highlight=False)
    if gate.page is not None:
        key = f"{publication.prefix}{COMPARISON}"
        console.print(f"Report: {store.local_path(key) or key}", highlight=False, soft_wrap=True)
    console.print()


def print_published(overview: Mapping[str, tuple[int | None, Sequence[Publication]]], signed: Collection[str]) -> None:
    """Print one line a published version; `signed` are those that have a signature, as `forms@1`."""
    columns = ["name", "version", "current", "run", "data", "model", "threshold", "published", "signed", "forced"]
    rows = []
    for name, (current, versions) in overview.items():
        for item in versions:
            mark = "current" if item.version == current else ""
            threshold = None if item.threshold is None else threshold_text(item.threshold)
            threshold = threshold if item.label_thresholds is None else "by label"
            is_signed = "yes" if str(item) in signed else "no"
            values = (item.run_id, item.data, item.model, threshold, item.published, is_signed, item.forced)
            rows.append([name, str(item.version), mark, *map(_cell, values)])
    if all(item.forced is None for _, versions in overview.values() for item in versions):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    print_list(columns, rows, _PUBLISHED_LOSE, "forced")

"""What the scripts print on stdout."""

import shlex
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from libelle.data.split import SPLITS
from libelle.runs.run import Manifest
from libelle.workflow import Outcome

_HEADLINES = {
    2: ("average_precision", "roc_auc", "log_loss", "precision", "recall", "accuracy"),
    3: ("accuracy", "f1_macro", "top_k_accuracy", "log_loss"),
}


def print_outcome(outcome: Outcome, python: str, overrides: Sequence[str]) -> None:
    """Print a run's id, its headline metrics and the three commands that one would type next.

    Args:
        outcome: the run.
        python: how to call Python from this shell.
        overrides: those of the command, of which the commands keep what concerns store and data.
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
    console.print(f"{outcome.objective} = {outcome.value:.6f}\n")
    store = [override for override in overrides if override.startswith("store")]
    data = [override for override in overrides if override.startswith("data")]
    console.print("Next:")
    for words in (
        ["runtime.py", f"run_id={outcome.run_id}", "text=Boulangerie Léa, pâtisserie (chef)", *store],
        ["train.py", "model=transformer", *data, *store],
        ["train.py", "--multirun", "model=mlp,transformer", "seed=1,2,3", *data, *store],
    ):
        console.print(f"  {python} {shlex.join(words)}", highlight=False, markup=False)


def print_base(name: str, version: str, python: str, overrides: Sequence[str]) -> None:
    """Print what `mode=prepare` made, and the command that uses it."""
    console = _console()
    console.print(f"base {name} is now {version}\n", highlight=False)
    kept = [override for override in overrides if override.startswith(("store", "base"))]
    console.print("Next:")
    for words in (["model=mlp"], ["--multirun", "model=mlp,transformer", "sampler=none,oversample"]):
        console.print(
            f"  {python} {shlex.join(['train.py', *words, 'mode=train', *kept])}", highlight=False, markup=False
        )


def print_runs(manifests: Sequence[Manifest]) -> None:
    """Print one line a run."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("run", "status", "data", "model", "seed", "objective", "value", "command"):
        table.add_column(name, overflow="fold", no_wrap=name == "run")
    for manifest in manifests:
        value = "-" if manifest.value is None else f"{manifest.value:.4f}"
        about = (manifest.run_id, manifest.status, manifest.data, manifest.model, manifest.seed, manifest.objective)
        table.add_row(*("-" if item is None else str(item) for item in about), value, manifest.command)
    _console().print(table)


def _console() -> Console:
    # Outside a terminal nothing should be folded to 80 columns.
    return Console(soft_wrap=True) if sys.stdout.isatty() else Console(width=200)

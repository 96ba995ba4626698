"""The terminal that a command prints on: as wide as it is, and left early by whoever has seen enough."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Any, NoReturn

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

#: Columns of text outside a terminal, where nothing should be folded, unless COLUMNS says how many there are.
_NO_TERMINAL = 200
#: What stands between two columns of a table, and around it.
_BETWEEN, _AROUND = 3, 2
#: Columns of text that a folded column of a list gets at least.
_FOLDED = 24


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Leave it to the command, which ends quietly; rich would exit with status 1."""
        raise BrokenPipeError


def make_console() -> Console:
    """The console that prints on stdout; brackets, as of a command, are not rich's markup."""
    known = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return _Console(width=None if known else _NO_TERMINAL, markup=False)


def make_table(*columns: str) -> Table:
    """A table whose first column stays whole; long cells of the others are folded."""
    made = Table(box=box.SIMPLE_HEAD)
    for number, name in enumerate(columns):
        made.add_column(name, overflow="fold", no_wrap=number == 0)
    return made


def print_list(
    columns: Sequence[str], rows: Iterable[Sequence[str]], expendable: Sequence[str], folded: str | None = None
) -> None:
    """Print a table with a line a row; a narrow terminal loses columns, never letters of a cell.

    Args:
        columns: their names.
        rows: the cells of each.
        expendable: columns that may be left out, the least important first.
        folded: a column of longer texts, which are folded at words where room is short.
    """
    printed, cells = make_console(), list(rows)
    widths = {
        name: max(cell_len(text) for text in (name, *(row[place] for row in cells)))
        for place, name in enumerate(columns)
    }
    if folded in widths:
        widths[folded] = min(widths[folded], _FOLDED)

    def width(names: Sequence[str]) -> int:
        return sum(widths[name] + _BETWEEN for name in names) - _BETWEEN + _AROUND

    left = list(columns)
    for name in (name for name in expendable if name in columns):
        if width(left) > printed.width:
            left.remove(name)
    fits = width(left) <= printed.width
    shown = Table(box=box.SIMPLE_HEAD)
    for name in left:
        shown.add_column(name, overflow="fold", no_wrap=fits and name != folded)
    for row in cells:
        shown.add_row(*(text for name, text in zip(columns, row, strict=True) if name in left))
    printed.print(shown)
    if out := [name for name in columns if name not in left]:
        printed.print(f"Left out, for want of room: {', '.join(out)}.", highlight=False)


def cell(value: Any) -> str:
    """A value as a cell of a table."""
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def in_bytes(size: int) -> str:
    """A number of bytes as a cell of a table."""
    for unit, bytes_ in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= bytes_:
            return f"{size / bytes_:.1f} {unit}"
    return f"{size} B"


def interval(estimate: Mapping[str, float | None]) -> str:
    """A figure and its confidence interval as a cell of a table; `value`, `low` and `high`, not a number if unknown."""
    value, low, high = (estimate[name] for name in ("value", "low", "high"))
    if value is None or low is None or high is None or isnan(value):
        return "-"
    return f"{value:.4f} (–)" if isnan(low) else f"{value:.4f} ({low:.4f}–{high:.4f})"

"""Figures of pages, drawn or left blank: matplotlib takes more than a second of each run that is trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

#: Rooms and files whose tests are about pages, or train on odd values that stand in figures.
DRAWN = {
    *("reports", "docs", "test_compare.py", "test_run_pages.py", "test_field_worth.py"),
    "test_memory.py",
}

_draw = Figure.savefig


def are_drawn(test_file: Path) -> bool:
    return not DRAWN.isdisjoint(test_file.parts)


@contextmanager
def figures(*, drawn: bool) -> Iterator[None]:
    """Figures that are saved inside are drawn, or stay blank; not in processes that are started."""
    before = Figure.savefig
    Figure.savefig = _draw if drawn else _leave_blank  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        Figure.savefig = before  # type: ignore[method-assign]


def _leave_blank(_: Figure, text: Any, **__: Any) -> None:
    text.write("<svg ></svg>")

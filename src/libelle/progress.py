"""What long work says while it lasts: a bar on a terminal, in a pipe a line now and then; short work says nothing."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

from libelle import logs
from libelle.errors import shortened

log = logging.getLogger(__name__)

#: Seconds until there is a bar, how often it moves, and seconds until each line in a pipe.
BAR_AFTER, BAR_EVERY = 1.0, 0.2
LINE_EVERY = 20.0
#: Columns of a terminal that the figures and the time take, and the bar: on a narrow terminal, and on a wide one.
_FIGURES, _BARS, _WIDE = 32, (10, 40), 120


class _Counter:
    def __init__(self, total: int | None, unit: str, begun: int) -> None:
        self.done = self.begun = begun
        self.total, self.unit = total, unit
        self.start = time.monotonic()

    def advance(self, count: int) -> None:
        self.done += count

    def pace(self) -> str:
        """How much is done in a second, and how long the rest will take; nothing where there is no unit."""
        done, seconds = self.done - self.begun, time.monotonic() - self.start
        if not self.unit or done <= 0 or not seconds:
            return ""
        left = f", {_duration((self.total - self.done) * seconds / done)} left" if self.total else ""
        return f"{done / seconds:,.0f} {self.unit}/s{left}"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


@contextmanager
def stage(what: str, total: int | None = None, unit: str = "", begun: int = 0) -> Iterator[Callable[[int], None]]:
    """Say that something is being done, as long as it lasts, and yield the function that counts what is done.

    A thread says it, so that work without a loop needs no more than this.

    Args:
        what: for instance `reading forms.csv`.
        total: how much there is to do, where that is known.
        unit: what is counted, as `rows`, where people want to know how many a second and how long it will take.
        begun: how much was done before.
    """
    counter, ended, console = _Counter(total, unit, begun), Event(), logs.terminal()
    given = (what, total, counter, ended)
    if console is None:
        thread = Thread(target=_write_lines, args=given, daemon=True)
    else:
        thread = Thread(target=_show_bar, args=(*given, console), daemon=True)
    thread.start()
    try:
        yield counter.advance
    finally:
        ended.set()
        thread.join()


def _show_bar(what: str, total: int | None, counter: _Counter, ended: Event, console: "Console") -> None:
    if ended.wait(BAR_AFTER):
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bar_width = _BARS[console.width >= _WIDE]
    figures = 2 * _FIGURES if counter.unit else _FIGURES
    what = shortened(what, max(console.width - figures - bar_width, _FIGURES // 2))
    # A file's name may hold what rich would read as markup.
    columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()]
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total, pace="")
        while not ended.wait(BAR_EVERY):
            if counter.done and len(columns) == 3:
                columns += [BarColumn(bar_width), MofNCompleteColumn()] if total else [MofNCompleteColumn()]
                columns += [TextColumn("{task.fields[pace]}")] if counter.unit else []
                bar.columns = tuple(columns)
            bar.update(task, completed=counter.done, pace=counter.pace())


def _write_lines(what: str, total: int | None, counter: _Counter, ended: Event) -> None:
    begun = time.monotonic()
    while not ended.wait(LINE_EVERY):
        done = f": {counter.done:,}" if counter.done else ""
        of = f" of {total:,}" if counter.done and total else ""
        pace = f", {pace}" if (pace := counter.pace()) else ""
        log.info("%s%s%s%s, %.0f s", what, done, of, pace, time.monotonic() - begun)

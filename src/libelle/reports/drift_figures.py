"""The figures of the page about drift. Each is an SVG element."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from libelle.reports.look import BLUE, LINE, SOFT, VERMILION, shortened, style, svg

if TYPE_CHECKING:
    from libelle.evaluation.drift import Change

_WIDTH = 10.4


def scores(
    now: npt.NDArray[np.int64], before: npt.NDArray[np.int64], threshold: float | None, name: str = "score"
) -> Markup:
    """Share of records by score, in bins of equal width from 0 to 1."""
    edges = np.linspace(0, 1, len(now) + 1)
    with style():
        figure = Figure(figsize=(_WIDTH, 3.2), layout="constrained")
        axes = figure.subplots()
        for counts, colour, line, label in ((before, BLUE, "--", "training"), (now, VERMILION, "-", "this file")):
            shares = counts / max(int(counts.sum()), 1)
            axes.stairs(shares, edges, color=colour, linestyle=line, linewidth=1.5, label=label)
        if threshold is not None:
            axes.axvline(threshold, color=SOFT, linewidth=0.8, linestyle=":", label=f"threshold {threshold:g}")
        axes.set(xlabel=name, ylabel="share of records", xlim=(0, 1), ylim=(0, None))
        axes.yaxis.set_major_formatter(FuncFormatter(_percent))
        axes.legend()
        return svg(figure, "Distribution of scores, in training and in this file")


def fields(empty: Mapping[str, "Change"], new: Mapping[str, "Change"]) -> Markup:
    """Empty records and new words of each field: training and this file, a line between them."""
    names = list(empty)
    with style():
        figure = Figure(figsize=(_WIDTH, 1.3 + 0.3 * len(names)), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, changes, title in ((panels[0], empty, "empty"), (panels[1], new, "new or rare words")):
            places = np.arange(len(names))
            # A field that is not text has no words.
            before = np.array([changes[name].before if name in changes else np.nan for name in names])
            now = np.array([changes[name].now if name in changes else np.nan for name in names])
            axes.hlines(places, before, now, color=LINE, linewidth=4)
            axes.plot(before, places, "o", color=BLUE, fillstyle="none", label="training")
            axes.plot(now, places, "o", color=VERMILION, markersize=5, label="this file")
            axes.set(title=title, xlim=(-0.02, 1.02), ylim=(len(names) - 0.5, -0.5))
            axes.xaxis.set_major_formatter(FuncFormatter(_percent))
        panels[0].set_yticks(range(len(names)), [shortened(name) for name in names])
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        return svg(figure, "Empty fields and new words, in training and in this file")


def _percent(value: float, _: int) -> str:
    return f"{value * 100:.3g} %"

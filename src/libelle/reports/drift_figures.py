"""The figures of the page about drift. Each is an SVG element."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from matplotlib.ticker import FuncFormatter

from libelle.errors import shortened
from libelle.language import gettext as _
from libelle.language import percent, threshold_text
from libelle.reports.look import BLUE, LINE, PANEL, SOFT, VERMILION, WIDTH, panel, side_by_side, style, svg

if TYPE_CHECKING:
    from libelle.evaluation.drift import Change


def scores(now: npt.NDArray[np.int64], before: npt.NDArray[np.int64], threshold: float | None, name: str) -> Markup:
    """Share of records by score, called `name`, in bins of equal width from 0 to 1."""
    edges = np.linspace(0, 1, len(now) + 1)
    with style():
        figure, axes = panel((WIDTH, 3.2))
        sides = ((before, BLUE, "--", _("training")), (now, VERMILION, "-", _("this file")))
        for counts, colour, line, label in sides:
            shares = counts / max(int(counts.sum()), 1)
            axes.stairs(shares, edges, color=colour, linestyle=line, linewidth=1.5, label=label)
        if threshold is not None:
            text = _("threshold {threshold}").format(threshold=threshold_text(threshold))
            axes.axvline(threshold, color=SOFT, linewidth=0.8, linestyle=":", label=text)
        axes.set(xlabel=name, ylabel=_("share of records"), xlim=(0, 1), ylim=(0, None))
        axes.yaxis.set_major_formatter(FuncFormatter(_percent))
        axes.legend()
        return svg(figure, _("Distribution of scores, in training and in this file"))


def fields(empty: Mapping[str, "Change"], new: Mapping[str, "Change"]) -> Markup:
    """Empty records and new words of each field: training and this file, a line between them."""
    names = list(empty)
    places = np.arange(len(names))
    drawn = []
    with style():
        # A field that is not text has no words.
        for changes, title, whole in (
            (empty, _("empty"), _("share of records")),
            (new, _("new or rare words"), _("share of words")),
        ):
            figure, axes = panel((PANEL[0], 1.4 + 0.3 * len(names)))
            before = np.array([changes[name].before if name in changes else np.nan for name in names])
            now = np.array([changes[name].now if name in changes else np.nan for name in names])
            axes.hlines(places, before, now, color=LINE, linewidth=4)
            axes.plot(before, places, "o", color=BLUE, fillstyle="none", label=_("training"))
            axes.plot(now, places, "o", color=VERMILION, markersize=5, label=_("this file"))
            axes.set(title=title, xlabel=whole, xlim=(-0.02, 1.02), ylim=(len(names) - 0.5, -0.5))
            axes.xaxis.set_major_formatter(FuncFormatter(_percent))
            axes.set_yticks(places, [shortened(name, 28) for name in names])
            figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
            drawn.append((figure, _("{what}, in training and in this file").format(what=title)))
        return side_by_side(*drawn)


def _percent(value: float, _place: int) -> str:
    return percent(float(f"{value:.4g}"), 0 if round(value * 100, 6).is_integer() else 1)

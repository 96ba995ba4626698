"""Figures for reports: one look, drawn by matplotlib without its global state, as SVG inside the page."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from textwrap import wrap
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from libelle.errors import shortened
from libelle.evaluation.decision_rule import DecisionRule
from libelle.language import ENGLISH, current_language
from libelle.language import gettext as _

#: Okabe and Ito (2008): distinct for colour-blind readers, and different greys in print.
BLUE, ORANGE, GREEN, VERMILION = "#0072b2", "#e69f00", "#009e73", "#d55e00"
INK, SOFT, LINE = "#1b1f24", "#5a6472", "#d9dee4"
#: From dark to light, evenly, for colour-blind readers too; its lightest is still seen on white.
GRADIENT = ListedColormap(colormaps["cividis"](np.linspace(0, 0.85, 256)))

#: Sizes in inches: of a figure of its own, and of one of several side by side. Letters of either can be read on a
#: phone, where figures are as wide as the screen and stand below each other.
WIDTH, PANEL = 5.4, (4.8, 3.1)

_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": SOFT,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.fonttype": "none",
    # What people name may hold dollars.
    "text.parse_math": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
}


@contextmanager
def style() -> Iterator[None]:
    """Everything drawn inside has the look of the reports."""
    with mpl.rc_context(_STYLE):
        yield


def svg(figure: Figure, description: str) -> Markup:
    """A figure as an `<svg>` element to put into a page.

    Args:
        figure: drawn within `style()`.
        description: what the figure shows, for those who do not see it; also makes its ids unique on the page.
    """
    with mpl.rc_context({**_STYLE, "svg.hashsalt": description}):
        _localise(figure)
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    element = re.search(r"<svg .*</svg>", text.getvalue(), re.DOTALL)
    assert element is not None
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", element[0], flags=re.DOTALL)
    # Ids of groups repeat from figure to figure and nothing refers to them; HTML knows SVG without its namespaces.
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r' xmlns(:\w+)?="[^"]*"', "", body)
    # A tenth of a point is finer than anyone sees; with many marks it is half of the page's size.
    body = re.sub(r"(?<=[ \"(,-])(\d+\.\d)\d+(?=[ \"),\n])", r"\1", body)
    body = re.sub(r"\s*\n\s*(?=[<LMz])", "", body)
    return Markup(body.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1))


def side_by_side(*drawn: tuple[Figure, str]) -> Markup:
    """Figures, each with its description, beside each other; on a narrow screen, below each other."""
    return Markup('<div class="panels">{}</div>').format(Markup().join(svg(*one) for one in drawn))


def panel(size: tuple[float, float] = PANEL) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, drawn within `style()`."""
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots()


def wrapped(text: str, width: int = 64) -> str:
    """A label in lines that are no wider than a panel."""
    return "\n".join(wrap(text, width))


class _Localised(ScalarFormatter):
    """Numbers at ticks with a comma."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return super().__call__(x, pos).replace(".", ",")


def _localise(figure: Figure) -> None:
    """Write the numbers at ticks that matplotlib formats itself as the page's language does."""
    if current_language() == ENGLISH:
        return
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if type(axis.get_major_formatter()) is ScalarFormatter:
                axis.set_major_formatter(_Localised())


def round_ticks(count: int, *, whole: bool = False) -> MaxNLocator:
    """At most about `count` ticks at round numbers, whole ones on request."""
    return MaxNLocator(count, steps=[1, 2, 5, 10], integer=whole)


def score_name(rule: DecisionRule) -> str:
    """What the score is called that a threshold is held against."""
    if rule.is_binary:
        return _("score of label {label}").format(label=shortened(rule.positive, 28))
    return _("score of the decision")

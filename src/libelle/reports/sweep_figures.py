"""The figures of a sweep's report. Each is an SVG element, or empty where there is nothing to draw."""

from collections.abc import Sequence
from math import isfinite, isnan
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from hydra_plugins.hydra_hyperopt_sweeper.sweep import COMPLETED, FAILURES, PRUNED, TrialRecord
from libelle.errors import shortened
from libelle.language import decimal, general
from libelle.language import gettext as _
from libelle.reports.look import (
    BLUE,
    GRADIENT,
    ORANGE,
    SOFT,
    VERMILION,
    WIDTH,
    panel,
    round_ticks,
    side_by_side,
    style,
    svg,
)
from libelle.reports.sweep_scales import limits, thinned, ticks, working_time
from libelle.tuning.importance import Importances
from libelle.tuning.sweep import Parameter, Sweep

#: More of them hide each other, and make the page heavy.
LINES, POINTS = 200, 400


def importance_bars(found: Importances) -> Markup:
    """A bar for each parameter, the greatest on top."""
    if found.reason:
        return Markup()
    items = found.parameters[::-1]
    with style():
        figure, axes = panel((WIDTH, 0.7 + 0.27 * len(items)))
        for place, item in enumerate(items):
            if item.value is None:
                _note(axes, 0, place, _("too few trials to say ({count})").format(count=item.trials))
                continue
            axes.barh(place, max(item.value, 0), height=0.62, color=BLUE)
            low, high = max(item.value - item.spread, 0), max(item.value + item.spread, 0)
            axes.plot([low, high], [place, place], color="black", linewidth=1)
            _note(axes, high, place, decimal(max(item.value, 0), 2))
        axes.set_yticks(range(len(items)), [shortened(item.parameter.key, 30) for item in items])
        axes.set(xlabel=_("loss of R² when the parameter is shuffled"), xlim=(0, None), ylim=(-0.6, len(items) - 0.4))
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0, labelcolor="black")
        axes.margins(x=0.1)
        return svg(figure, _("Importance of each parameter"))


def _note(axes: Axes, x: float, y: float, text: str) -> None:
    axes.annotate(text, (x, y), (4, 0), textcoords="offset points", va="center", color=SOFT)


def history(sweep: Sweep) -> Markup:
    """The values and the best so far, by trial and by time."""
    if not sweep.ranked:
        return Markup()
    ends, unit = _in_unit(working_time(sweep.trials))
    numbers = {trial.number: float(trial.number) for trial in sweep.trials}
    drawn = []
    with style():
        by_trial, first = panel()
        _draw_history(first, sweep, numbers)
        first.set(xlabel=_("trial"), xlim=_padded(0, len(sweep.trials) - 1))
        first.xaxis.set_major_locator(round_ticks(8, whole=True))
        drawn.append((by_trial, _("Value of each trial and the best so far, by trial")))
        if ends:
            by_time, second = panel()
            _draw_history(second, sweep, ends)
            second.set(xlabel=unit, xlim=(0, None))
            drawn.append((by_time, _("Value of each trial and the best so far, by time")))
        for figure, _title in drawn:
            axes = figure.axes[0]
            axes.set_ylabel(_objective(sweep))
            figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2, fontsize=8)
        return side_by_side(*drawn)


def _draw_history(axes: Axes, sweep: Sweep, places: dict[int, float]) -> None:
    low, high = _limits(sweep)
    done = sorted((places[t.number], t.value) for t in sweep.ranked if t.value is not None and t.number in places)
    if done:
        x, y = np.array(done).T
        shown = (y >= low) & (y <= high)
        look: dict[str, Any] = {"s": 16, "alpha": 0.6, "clip_on": False}
        axes.scatter(x[shown], y[shown], color=BLUE, linewidth=0, label=_("completed"), **look)
        axes.scatter(x[~shown], np.clip(y[~shown], low, high), facecolor="none", edgecolor=BLUE, **look)
        best = (np.maximum if sweep.header.direction == "maximize" else np.minimum).accumulate(y)
        axes.step(x, np.clip(best, low, high), where="post", color="black", linewidth=1.2, label=_("best so far"))
    axes.set_ylim(*_padded(low, high))
    _draw_outcomes(axes, [(places[t.number], t) for t in sweep.trials if t.number in places], sweep.header.direction)


def _limits(sweep: Sweep) -> tuple[float, float]:
    return limits([trial.value for trial in sweep.ranked if trial.value is not None], sweep.header.direction)


def _draw_outcomes(axes: Axes, placed: Sequence[tuple[float, TrialRecord]], direction: str) -> None:
    """Marks, on the bad edge of the axes, of the trials without a value."""
    edge = 0.02 if direction == "maximize" else 0.98
    kinds = (((PRUNED,), "v", ORANGE, _("pruned")), (FAILURES, "x", VERMILION, _("failed")))
    for statuses, marker, color, label in kinds:
        x = [place for place, trial in placed if trial.status in statuses]
        if x:
            transform = axes.get_xaxis_transform()
            marks = axes.scatter(x, [edge] * len(x), 18, color, marker=marker, transform=transform, label=label)
            marks.set_clip_on(False)


def coordinates(sweep: Sweep, parameters: Sequence[Parameter]) -> Markup:
    """A line for each completed trial through its values of some parameters to its objective; good ones are dark."""
    trials = thinned(sweep.ranked, LINES)[::-1]
    if len(trials) < 2 or not parameters:
        return Markup()
    low, high = _limits(sweep)
    colors = GRADIENT if sweep.header.direction == "minimize" else GRADIENT.reversed()
    shade = Normalize(low, high)
    with style():
        figure, axes = panel((10.4, 4.3))
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        heights = [_draw_axis(axes, place, p, trials) for place, p in enumerate(parameters)]
        heights.append(_draw_objective(axes, len(parameters), trials, (low, high)))
        for trial, *ys in zip(trials, *heights, strict=True):
            is_best = trial is sweep.best
            color = VERMILION if is_best else colors(shade(trial.value))
            x = range(len(ys))
            axes.plot(
                x,
                ys,
                color=color,
                linewidth=2.2 if is_best else 0.9,
                alpha=1 if is_best else 0.7 if len(trials) < 100 else 0.45,
            )
        names = [shortened(name, 24) for name in (*(p.key for p in parameters), _objective(sweep))]
        # In two rows, so that neighbours do not run into each other.
        axes.set_xticks(range(len(heights)), [name if at % 2 else f"\n{name}" for at, name in enumerate(names)])
        axes.tick_params(axis="x", length=0, labelcolor="black")
        lowest = min(map(min, heights))
        axes.set(yticks=[], ylim=(lowest - 0.04, 1.04), xlim=(-0.3, len(heights) - 0.5))
        return svg(figure, _("Parallel coordinates of the completed trials"))


_ABSENT = -0.12


def _draw_axis(axes: Axes, place: int, parameter: Parameter, trials: Sequence[TrialRecord]) -> list[float]:
    """Draw one axis with its ticks; the trials' heights on it, from 0 to 1."""
    positions = np.array([parameter.position(trial) for trial in trials])
    low, high = np.nanmin(positions), np.nanmax(positions)
    span = high - low or 1.0
    marks = [((at - low) / span, label) for at, label in ticks(parameter, low, high) if low <= at <= high]
    if np.isnan(positions).any():
        marks.append((_ABSENT, _("absent")))
    _draw_marks(axes, place, marks)
    return [_ABSENT if isnan(position) else (position - low) / span for position in positions]


def _draw_objective(axes: Axes, place: int, trials: Sequence[TrialRecord], view: tuple[float, float]) -> list[float]:
    low, high = view
    span = high - low or 1.0
    marks = [((at - low) / span, general(at)) for at in round_ticks(6).tick_values(low, high) if low <= at <= high]
    _draw_marks(axes, place, marks)
    return [(min(max(trial.value or 0, low), high) - low) / span for trial in trials]


def _draw_marks(axes: Axes, place: int, marks: Sequence[tuple[float, str]]) -> None:
    axes.plot([place, place], [0, 1], color=SOFT, linewidth=1, zorder=3)
    for at, label in marks:
        axes.plot([place - 0.02, place + 0.02], [at, at], color=SOFT, linewidth=1, zorder=3)
        box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8}
        axes.text(place + 0.04, at, shortened(label, 16), va="center", fontsize=8, zorder=4, bbox=box)


def slices(sweep: Sweep, parameters: Sequence[Parameter]) -> Markup:
    """A panel for each parameter: its values against the objective, later trials darker."""
    if not sweep.ranked or not parameters:
        return Markup()
    with style():
        return side_by_side(*(_draw_slice(sweep, parameter) for parameter in parameters))


def _draw_slice(sweep: Sweep, parameter: Parameter) -> tuple[Figure, str]:
    figure, axes = panel((4.8, 2.6))
    trials = thinned([*sweep.ranked, *(trial for trial in sweep.trials if trial.value is None)], POINTS)
    placed = [(parameter.position(trial), trial) for trial in trials if parameter.key in trial.settings]
    low, high = _limits(sweep)
    done = [(at, trial, trial.value) for at, trial in placed if trial.value is not None]
    for inside in (True, False):
        some = [(at, trial, value) for at, trial, value in done if (low <= value <= high) is inside]
        if not some:
            continue
        shades = GRADIENT.reversed()(np.array([trial.number / len(sweep.trials) for _at, trial, _value in some]))
        look: dict[str, Any] = {"color": shades, "linewidth": 0}
        if not inside:
            look = {"facecolor": "none", "edgecolor": shades, "linewidth": 1}
        heights = [min(max(value, low), high) for _at, _trial, value in some]
        axes.scatter([at for at, *_rest in some], heights, s=18, clip_on=False, **look)
    for at, trial, value in done:
        if trial is sweep.best:
            axes.scatter([at], [value], s=70, facecolor="none", edgecolor=VERMILION, linewidth=1.6)
    axes.set_ylim(*_padded(low, high))
    _draw_outcomes(axes, placed, sweep.header.direction)
    positions = [at for at, _trial in placed]
    marks = ticks(parameter, min(positions), max(positions))
    labels = [shortened(label, 14) for _at, label in marks]
    tilted = len(labels) * max(map(len, labels)) > 60
    axes.set_xticks(
        [at for at, _label in marks], labels, rotation=25 if tilted else 0, ha="right" if tilted else "center"
    )
    if parameter.categories:
        axes.set_xlim(-0.5, len(parameter.categories) - 0.5)
    axes.set(xlabel=shortened(parameter.key, 40), ylabel=_objective(sweep))
    return figure, _("The value of each trial against {parameter}").format(parameter=parameter.key)


def curves(sweep: Sweep) -> Markup:
    """What the trials reported on their way, where they did."""
    trials = thinned([*sweep.ranked, *(trial for trial in sweep.trials if trial.value is None)], LINES)
    drawn = [(trial, curve) for trial in trials if (curve := sweep.curve(trial))]
    if not drawn:
        return Markup()
    looks = {COMPLETED: (SOFT, 0.35, "-"), PRUNED: (ORANGE, 0.9, "--")}
    low, high = limits([v for _trial, curve in drawn for v in curve.values() if isfinite(v)] or [0.0], "")
    with style():
        figure, axes = panel((WIDTH, 3.4))
        for trial, curve in drawn:
            color, alpha, dashes = looks.get(trial.status, (VERMILION, 0.7, ":"))
            if trial is sweep.best:
                color, alpha, dashes = BLUE, 1, "-"
            x, y = list(curve), np.clip(list(curve.values()), low, high)
            width = 2.2 if trial is sweep.best else 1
            axes.plot(x, y, dashes, color=color, alpha=alpha, linewidth=width, zorder=3 if trial is sweep.best else 2)
            if trial.status != COMPLETED:
                axes.plot(x[-1:], y[-1:], "v" if trial.status == PRUNED else "x", color=color, markersize=4)
        for label, color, dashes in (
            (_("best trial"), BLUE, "-"),
            (_("completed"), SOFT, "-"),
            (_("pruned"), ORANGE, "v--"),
        ):
            axes.plot([], [], dashes, color=color, markersize=4, label=label)
        axes.set(xlabel=_("step"), ylabel=_("reported value"))
        axes.xaxis.set_major_locator(round_ticks(8, whole=True))
        figure.legend(loc="outside upper right", ncols=3)
        return svg(figure, _("What the trials reported on their way"))


def _in_unit(seconds: dict[int, float]) -> tuple[dict[int, float], str]:
    longest = max(seconds.values(), default=0)
    units = (
        (_("hours in which trials ran"), 3600),
        (_("minutes in which trials ran"), 60),
        (_("seconds in which trials ran"), 0),
    )
    unit, size = next((unit, size) for unit, size in units if longest >= 2 * size)
    return {number: value / (size or 1) for number, value in seconds.items()}, unit


def _padded(low: float, high: float) -> tuple[float, float]:
    margin = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def _objective(sweep: Sweep) -> str:
    return shortened(sweep.header.objective or _("value"), 32)

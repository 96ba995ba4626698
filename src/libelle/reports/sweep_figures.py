"""The figures of a sweep's report. Each is an SVG element, or empty where there is nothing to draw."""

from collections.abc import Sequence
from math import isfinite, isnan

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from hydra_plugins.hydra_hyperopt_sweeper.sweep import COMPLETED, FAILURES, PRUNED, TrialRecord
from libelle.reports.look import BLUE, GRADIENT, ORANGE, SOFT, VERMILION, round_ticks, shortened, style, svg
from libelle.reports.sweep_scales import limits, thinned, ticks, working_time
from libelle.tuning.importance import Importances
from libelle.tuning.sweep import Parameter, Sweep

_WIDTH = 10.4
_COLUMNS = 3
#: More of them hide each other, and make the page heavy.
_LINES, _POINTS = 200, 400


def importance_bars(found: Importances) -> Markup:
    """A bar for each parameter, the greatest on top."""
    if found.reason:
        return Markup()
    items = found.parameters[::-1]
    with style():
        figure = Figure(figsize=(_WIDTH, 0.7 + 0.27 * len(items)), layout="constrained")
        axes = figure.subplots()
        for place, item in enumerate(items):
            if item.value is None:
                _note(axes, 0, place, f"too few trials to say ({item.trials})")
                continue
            axes.barh(place, max(item.value, 0), height=0.62, color=BLUE)
            low, high = max(item.value - item.spread, 0), max(item.value + item.spread, 0)
            axes.plot([low, high], [place, place], color="black", linewidth=1)
            _note(axes, high, place, f"{max(item.value, 0):.2f}")
        axes.set_yticks(range(len(items)), [shortened(item.parameter.key, 44) for item in items])
        axes.set(xlabel="loss of R² when the parameter is shuffled", xlim=(0, None), ylim=(-0.6, len(items) - 0.4))
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0, labelcolor="black")
        axes.margins(x=0.1)
        return svg(figure, "Importance of each parameter")


def _note(axes: Axes, x: float, y: float, text: str) -> None:
    axes.annotate(text, (x, y), (4, 0), textcoords="offset points", va="center", color=SOFT)


def history(sweep: Sweep) -> Markup:
    """The values and the best so far, by trial and by time."""
    if not sweep.ranked:
        return Markup()
    with style():
        figure = Figure(figsize=(_WIDTH, 3.1), layout="constrained")
        ends, unit = _in_unit(working_time(sweep.trials))
        by_trial, *by_time = figure.subplots(1, 2 if ends else 1, sharey=True, squeeze=False).flat
        _draw_history(by_trial, sweep, {trial.number: float(trial.number) for trial in sweep.trials})
        by_trial.set(xlabel="trial", ylabel=_objective(sweep), xlim=_padded(0, len(sweep.trials) - 1))
        by_trial.xaxis.set_major_locator(round_ticks(8, whole=True))
        for axes in by_time:
            _draw_history(axes, sweep, ends)
            axes.set(xlabel=f"{unit} in which trials ran", xlim=(0, None))
        figure.legend(*by_trial.get_legend_handles_labels(), loc="outside upper right", ncols=4)
        return svg(figure, "Value of each trial and the best so far, by trial and by time")


def _draw_history(axes: Axes, sweep: Sweep, places: dict[int, float]) -> None:
    low, high = limits([trial.value for trial in sweep.ranked if trial.value is not None], sweep.header.direction)
    done = sorted((places[t.number], t.value) for t in sweep.ranked if t.value is not None and t.number in places)
    if done:
        x, y = np.array(done).T
        axes.scatter(
            x, np.clip(y, low, high), s=16, color=BLUE, alpha=0.6, linewidth=0, clip_on=False, label="completed"
        )
        best = (np.maximum if sweep.header.direction == "maximize" else np.minimum).accumulate(y)
        axes.step(x, np.clip(best, low, high), where="post", color="black", linewidth=1.2, label="best so far")
    axes.set_ylim(*_padded(low, high))
    _draw_outcomes(axes, [(places[t.number], t) for t in sweep.trials if t.number in places], sweep.header.direction)


def _draw_outcomes(axes: Axes, placed: Sequence[tuple[float, TrialRecord]], direction: str) -> None:
    """Marks, on the bad edge of the axes, of the trials without a value."""
    edge = 0.02 if direction == "maximize" else 0.98
    for statuses, marker, color, label in (((PRUNED,), "v", ORANGE, "pruned"), (FAILURES, "x", VERMILION, "failed")):
        x = [place for place, trial in placed if trial.status in statuses]
        if x:
            transform = axes.get_xaxis_transform()
            marks = axes.scatter(x, [edge] * len(x), 18, color, marker=marker, transform=transform, label=label)
            marks.set_clip_on(False)


def coordinates(sweep: Sweep, parameters: Sequence[Parameter]) -> Markup:
    """A line for each completed trial through its values of some parameters to its objective; good ones are dark."""
    trials = thinned(sweep.ranked, _LINES)[::-1]
    if len(trials) < 2 or not parameters:
        return Markup()
    low, high = limits([trial.value for trial in sweep.ranked if trial.value is not None], sweep.header.direction)
    colors = GRADIENT if sweep.header.direction == "minimize" else GRADIENT.reversed()
    shade = Normalize(low, high)
    with style():
        figure = Figure(figsize=(_WIDTH, 4.3), layout="constrained")
        axes = figure.subplots()
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        heights = [_draw_axis(axes, place, p, trials) for place, p in enumerate(parameters)]
        heights.append(_draw_objective(axes, len(parameters), sweep, trials, (low, high)))
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
        return svg(figure, "Parallel coordinates of the completed trials")


_ABSENT = -0.12


def _draw_axis(axes: Axes, place: int, parameter: Parameter, trials: Sequence[TrialRecord]) -> list[float]:
    """Draw one axis with its ticks; the trials' heights on it, from 0 to 1."""
    positions = np.array([parameter.position(trial) for trial in trials])
    low, high = np.nanmin(positions), np.nanmax(positions)
    span = high - low or 1.0
    marks = [((at - low) / span, label) for at, label in ticks(parameter, low, high)]
    if np.isnan(positions).any():
        marks.append((_ABSENT, "absent"))
    _draw_marks(axes, place, marks)
    return [_ABSENT if isnan(position) else (position - low) / span for position in positions]


def _draw_objective(
    axes: Axes, place: int, sweep: Sweep, trials: Sequence[TrialRecord], view: tuple[float, float]
) -> list[float]:
    low, high = view
    span = high - low or 1.0
    marks = [((at - low) / span, f"{at:g}") for at in round_ticks(6).tick_values(low, high) if low <= at <= high]
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
    rows = -(-len(parameters) // _COLUMNS)
    with style():
        figure = Figure(figsize=(_WIDTH, 2.6 * rows), layout="constrained")
        panels = figure.subplots(rows, _COLUMNS, squeeze=False, sharey=True)
        for axes, parameter in zip(panels.flat, parameters, strict=False):
            _draw_slice(axes, sweep, parameter)
        for axes in panels.flat[len(parameters) :]:
            axes.set_visible(False)
        figure.supylabel(_objective(sweep), fontsize=9)
        return svg(figure, "Slices: the value of each trial against each of its parameters")


def _draw_slice(axes: Axes, sweep: Sweep, parameter: Parameter) -> None:
    trials = thinned([*sweep.ranked, *(trial for trial in sweep.trials if trial.value is None)], _POINTS)
    placed = [(parameter.position(trial), trial) for trial in trials if parameter.key in trial.settings]
    low, high = limits([trial.value for trial in sweep.ranked if trial.value is not None], sweep.header.direction)
    if parameter.categories:
        # Points of one category stand side by side, the earlier trials on the left.
        last = max(len(sweep.trials) - 1, 1)
        placed = [(at + 0.5 * (trial.number / last - 0.5), trial) for at, trial in placed]
    done = [(at, trial) for at, trial in placed if trial.value is not None]
    axes.scatter(
        [at for at, _ in done],
        [min(max(trial.value or 0, low), high) for _, trial in done],
        c=[trial.number for _, trial in done],
        cmap=GRADIENT.reversed(),
        vmin=0,
        vmax=len(sweep.trials),
        s=18,
        linewidth=0,
        clip_on=False,
    )
    for at, trial in done:
        if trial is sweep.best:
            axes.scatter([at], [trial.value or 0], s=70, facecolor="none", edgecolor=VERMILION, linewidth=1.6)
    axes.set_ylim(*_padded(low, high))
    _draw_outcomes(axes, placed, sweep.header.direction)
    positions = [at for at, _ in placed]
    marks = ticks(parameter, min(positions), max(positions))
    labels = [shortened(label, 14) for _, label in marks]
    tilted = len(labels) * max(map(len, labels)) > 42
    axes.set_xticks([at for at, _ in marks], labels, rotation=25 if tilted else 0, ha="right" if tilted else "center")
    if parameter.categories:
        axes.set_xlim(-0.5, len(parameter.categories) - 0.5)
    axes.set_title(shortened(parameter.key, 40))


def curves(sweep: Sweep) -> Markup:
    """What the trials reported on their way, where they did."""
    trials = thinned([*sweep.ranked, *(trial for trial in sweep.trials if trial.value is None)], _LINES)
    drawn = [(trial, curve) for trial in trials if (curve := sweep.curve(trial))]
    if not drawn:
        return Markup()
    looks = {COMPLETED: (SOFT, 0.35, "-"), PRUNED: (ORANGE, 0.9, "--")}
    low, high = limits([v for _, curve in drawn for v in curve.values() if isfinite(v)] or [0.0], "")
    with style():
        figure = Figure(figsize=(_WIDTH, 3.1), layout="constrained")
        axes = figure.subplots()
        for trial, curve in drawn:
            color, alpha, dashes = looks.get(trial.status, (VERMILION, 0.7, ":"))
            if trial is sweep.best:
                color, alpha, dashes = BLUE, 1, "-"
            x, y = list(curve), np.clip(list(curve.values()), low, high)
            width = 2.2 if trial is sweep.best else 1
            axes.plot(x, y, dashes, color=color, alpha=alpha, linewidth=width, zorder=3 if trial is sweep.best else 2)
            if trial.status != COMPLETED:
                axes.plot(x[-1:], y[-1:], "v" if trial.status == PRUNED else "x", color=color, markersize=4)
        for label, color, dashes in (("best trial", BLUE, "-"), ("completed", SOFT, "-"), ("pruned", ORANGE, "v--")):
            axes.plot([], [], dashes, color=color, markersize=4, label=label)
        axes.set(xlabel="step", ylabel="reported value")
        axes.xaxis.set_major_locator(round_ticks(8, whole=True))
        figure.legend(loc="outside upper right", ncols=3)
        return svg(figure, "What the trials reported on their way")


def _in_unit(seconds: dict[int, float]) -> tuple[dict[int, float], str]:
    longest = max(seconds.values(), default=0)
    unit, size = next((u, s) for u, s in (("hours", 3600), ("minutes", 60), ("seconds", 0)) if longest >= 2 * s)
    return {number: value / (size or 1) for number, value in seconds.items()}, unit


def _padded(low: float, high: float) -> tuple[float, float]:
    margin = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def _objective(sweep: Sweep) -> str:
    return shortened(sweep.header.objective or "value", 32)

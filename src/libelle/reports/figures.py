"""The figures of a run's report. Each is an SVG element; curves of several runs share one axis."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import numpy.typing as npt
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from sklearn import metrics as sk

from libelle.errors import shortened
from libelle.evaluation.curve import Curve
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.reliability import reliability
from libelle.features import Floats, Ints
from libelle.language import N_, count, threshold_text
from libelle.language import gettext as _
from libelle.reports.look import (
    BLUE,
    GREEN,
    LINE,
    ORANGE,
    PANEL,
    SOFT,
    VERMILION,
    WIDTH,
    panel,
    round_ticks,
    score_name,
    side_by_side,
    style,
    svg,
    wrapped,
)

_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, "#56b4e9", "#cc79a7")
_LINES = ("-", "--", "-.", ":")
_CURVES = {
    "train_loss": N_("train loss"),
    "validation_loss": N_("validation loss"),
    "validation_accuracy": N_("validation accuracy"),
    "validation_average_precision": N_("validation average precision"),
}

#: Targets, int64 [rows], and scores, float32 [rows, classes].
Scored = tuple[Ints, Floats]


def history(epochs: pd.DataFrame) -> Markup:
    """Losses, and the other validation metrics, by epoch."""
    by_epoch = epochs.dropna(subset=["epoch"]).groupby("epoch").max()
    losses = [name for name in ("train_loss", "validation_loss") if name in by_epoch]
    others = [str(name) for name in by_epoch if str(name).startswith("validation_") and name not in losses]
    drawn = []
    with style():
        for names, y, title in (
            (losses, _("loss"), _("Losses by epoch")),
            (others, _("metric"), _("Metrics of the validation records by epoch")),
        ):
            if not names:
                continue
            figure, axes = panel()
            for name, (colour, line) in zip(names, _looks(), strict=False):
                values = by_epoch[name].dropna()
                axes.plot(values.index + 1, values, line, color=colour, marker=".", label=_curve_name(name))
            axes.set(xlabel=_("epoch"), ylabel=y)
            axes.xaxis.set_major_locator(round_ticks(8, whole=True))
            axes.legend()
            drawn.append((figure, title))
        return side_by_side(*drawn)


def _curve_name(name: str) -> str:
    return _(_CURVES[name]) if name in _CURVES else name.replace("_", " ")


def ranking(runs: Mapping[str, Scored]) -> Markup:
    """Binary: precision–recall and ROC curves."""
    with style():
        (first, left), (second, right) = panel(), panel()
        for (name, (targets, scores)), (colour, line) in zip(runs.items(), _looks(), strict=False):
            precision, recall, _thresholds = sk.precision_recall_curve(targets, scores[:, 1])
            left.step(recall, precision, line, where="post", color=colour, label=name)
            false, true, _thresholds = sk.roc_curve(targets, scores[:, 1])
            right.plot(false, true, line, color=colour, label=name)
        targets = next(iter(runs.values()))[0]
        left.axhline(targets.mean(), color=SOFT, linewidth=0.8, linestyle=":", label=_("set aside at random"))
        right.plot([0, 1], [0, 1], ":", color=SOFT, linewidth=0.8, label=_("set aside at random"))
        _shares(left, _("recall"), _("precision"))
        _shares(right, _("false positive rate"), _("true positive rate (recall)"))
        _legends_below(left, right)
        return side_by_side((first, _("Precision–recall curve")), (second, _("ROC curve")))


def thresholds(runs: Mapping[str, Scored], chosen: float | None) -> Markup:
    """Precision and recall against the threshold, and precision against the share set aside."""
    several = len(runs) > 1
    with style():
        (first, left), (second, right) = panel(), panel()
        for (name, (targets, scores)), (colour, line) in zip(runs.items(), _looks(), strict=False):
            curve = Curve.of(targets == 1, scores[:, 1])
            rightly, caught = (name, "") if several else (_("set aside rightly"), _("caught"))
            precision, recall = (name, "") if several else (_("precision"), _("recall"))
            left.plot(curve.thresholds, curve.precision, line, color=colour, label=precision)
            left.plot(curve.thresholds, curve.recall, line, color=colour, alpha=0.5, label=recall)
            right.plot(curve.share, curve.precision, line, color=colour, label=rightly)
            right.plot(curve.share, curve.recall, line, color=colour, alpha=0.5, label=caught)
        if chosen is not None:
            text = _("threshold {threshold}").format(threshold=threshold_text(chosen))
            left.axvline(chosen, color=SOFT, linewidth=0.8, linestyle=":", label=text)
        _shares(left, _("threshold"), _("share"))
        _shares(right, _("share of records set aside (workload)"), _("share"))
        if several:
            for axes, dark, pale in (
                (left, _("dark: precision"), _("pale: recall")),
                (right, _("dark: set aside rightly"), _("pale: caught")),
            ):
                axes.plot([], [], color=SOFT, label=dark)
                axes.plot([], [], color=SOFT, alpha=0.5, label=pale)
        _legends_below(left, right)
        return side_by_side(
            (first, _("Precision and recall against the threshold")),
            (second, _("Precision and recall against the workload")),
        )


def automatic_coding(runs: Mapping[str, Scored], rule: DecisionRule) -> Markup:
    """Multiclass: accuracy on the records that are coded automatically, against their share and the threshold."""
    with style():
        (first, left), (second, right) = panel(), panel()
        for (name, (targets, scores)), (colour, line) in zip(runs.items(), _looks(), strict=False):
            curve = Curve.of(rule.decide(scores) == targets, rule.decisive(scores))
            left.plot(curve.share, curve.precision, line, color=colour, label=name)
            right.plot(curve.thresholds, curve.precision, line, color=colour, label=name)
            right.plot(curve.thresholds, curve.share, line, color=colour, alpha=0.5)
        left.set(xlabel=_("share coded automatically, highest scores first"), ylabel=_("accuracy on that share"))
        left.set(xlim=(-0.01, 1.01))
        _shares(right, _("threshold"), _("share"))
        right.plot([], [], color=SOFT, label=_("dark: accuracy"))
        right.plot([], [], color=SOFT, alpha=0.5, label=_("pale: share coded"))
        _legends_below(left, right)
        return side_by_side(
            (first, _("Accuracy against the share coded automatically")),
            (second, _("Accuracy and share coded against the threshold")),
        )


def calibration(runs: Mapping[str, Scored], rule: DecisionRule, before: Mapping[str, Scored] | None = None) -> Markup:
    """Reliability diagram, and the distribution of the scores.

    Args:
        runs: what is drawn.
        rule: the decision rule.
        before: the same before calibration, to be drawn beside it.
    """
    with style():
        if before is None:
            (first, left), (second, right) = panel(), panel()
            _reliability(left, runs, rule)
            _distribution(right, runs, rule)
            _legends_below(left, right)
            return side_by_side((first, _("Reliability diagram")), (second, _("Distribution of the scores")))
        drawn = []
        parts = ((_("before calibration"), before), (_("after calibration"), runs))
        columns = [_calibration_column(title, part, rule) for title, part in parts]
        for row in (0, 1):
            low = min(axes[row].get_ylim()[0] for _figure, axes in columns)
            high = max(axes[row].get_ylim()[1] for _figure, axes in columns)
            for _figure, axes in columns:
                axes[row].set_ylim(low, high)
        for (figure, axes), (title, _part) in zip(columns, parts, strict=True):
            _legends_below(axes[0])
            drawn.append((figure, _("Reliability diagram and distribution of the scores, {when}").format(when=title)))
        return side_by_side(*drawn)


def _calibration_column(title: str, runs: Mapping[str, Scored], rule: DecisionRule) -> tuple[Figure, Sequence[Axes]]:
    """A reliability diagram, and below it the distribution of the scores."""
    figure = Figure(figsize=(PANEL[0], 1.6 * PANEL[1]), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1))
    _reliability(above, runs, rule)
    _distribution(below, runs, rule)
    above.set(title=title, xlabel="")
    return figure, (above, below)


def _reliability(axes: Axes, runs: Mapping[str, Scored], rule: DecisionRule) -> None:
    axes.plot([0, 1], [0, 1], ":", color=SOFT, linewidth=0.8, label=_("perfect"))
    for (name, (targets, scores)), (colour, line) in zip(runs.items(), _looks(), strict=False):
        bins, _scores = reliability(targets, scores, rule)
        rates = np.array([item.rate.value for item in bins])
        bars = [rates - [item.rate.low for item in bins], [item.rate.high for item in bins] - rates]
        means = [item.score for item in bins]
        axes.errorbar(means, rates, yerr=np.maximum(bars, 0), color=colour, linestyle=line, marker=".", label=name)
    _shares(axes, _("mean score"), _("share that is positive") if rule.is_binary else _("share that is right"))


def _distribution(axes: Axes, runs: Mapping[str, Scored], rule: DecisionRule) -> None:
    for (name, (_targets, scores)), (colour, line) in zip(runs.items(), _looks(), strict=False):
        axes.hist(
            rule.decisive(scores), bins=40, range=(0, 1), histtype="step", color=colour, linestyle=line, label=name
        )
    axes.set(xlabel=score_name(rule), ylabel=_("records"), yscale="log", xlim=(-0.01, 1.01))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: count(round(value))))


def confusion(counts: npt.NDArray[np.int64], labels: Sequence[str]) -> Markup:
    """A confusion matrix for few labels: rows are the true labels, shades their shares."""
    size = 1.6 + 0.55 * len(labels)
    with style():
        figure = Figure(figsize=(size + 1.2, size), layout="constrained")
        axes = figure.subplots()
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(*counts.shape):
            colour = "white" if shares[row, column] > 0.6 else "black"
            text = count(int(counts[row, column])) if counts[row, column] or len(labels) == 2 else ""
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
        names = [shortened(label, 18) for label in labels]
        axes.set_xticks(range(len(labels)), names, rotation=0 if len(labels) == 2 else 60)
        axes.set_yticks(range(len(labels)), names)
        axes.set(xlabel=_("decision"), ylabel=_("true label"))
        axes.grid(visible=False)
        return svg(figure, _("Confusion matrix"))


def field_worth(fields: pd.DataFrame) -> Markup:
    """Mean change of the true label's score when a field is left out."""
    with style():
        figure, axes = panel((WIDTH, 1.1 + 0.27 * len(fields)))
        ordered = fields.sort_values("toward")
        axes.barh(range(len(ordered)), ordered["toward"], height=0.62, color=BLUE)
        axes.set_yticks(range(len(ordered)), [shortened(str(name), 30) for name in ordered["field"]])
        axes.axvline(0, color=LINE)
        text = _("mean loss of the true label's score when the field is blanked, on test records that have it")
        axes.set(xlabel=wrapped(text))
        axes.grid(axis="y", visible=False)
        return svg(figure, _("What each field is worth"))


def _legends_below(*panels: Axes) -> None:
    """A legend for each panel, below it, where it covers nothing however many lines there are."""
    for axes in panels:
        figure = axes.get_figure()
        assert isinstance(figure, Figure)
        handles, labels = axes.get_legend_handles_labels()
        # In inches: a letter of this size, and the line before the words with the gaps around it.
        column = 0.068 * max(map(len, labels)) + 0.5
        columns = max(1, min(len(labels), int(figure.get_figwidth() / column)))
        figure.set_figheight(figure.get_figheight() + 0.2 * -(-len(labels) // columns))
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8)


def _looks() -> list[tuple[str, str]]:
    """A colour and a line style for each run; either distinguishes them."""
    return list(zip(_COLOURS, cycle(_LINES), strict=False))


def _shares(axes: Axes, x: str, y: str) -> None:
    axes.set(xlabel=x, ylabel=y, xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))

"""The figures of a run's report. Each is an SVG element; curves of several runs share one axis."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import numpy.typing as npt
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from sklearn import metrics as sk

from libelle.evaluation.curve import Curve
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.reliability import reliability
from libelle.features import Floats, Ints
from libelle.reports.look import BLUE, GREEN, LINE, ORANGE, SOFT, VERMILION, round_ticks, shortened, style, svg

_WIDTH, _HEIGHT = 10.4, 3.2
_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, "#56b4e9", "#cc79a7")
_LINES = ("-", "--", "-.", ":")

#: Targets, int64 [rows], and scores, float32 [rows, classes].
Scored = tuple[Ints, Floats]


def history(epochs: pd.DataFrame) -> Markup:
    """Losses, and the other validation metrics, by epoch."""
    by_epoch = epochs.dropna(subset=["epoch"]).groupby("epoch").max()
    losses = [name for name in ("train_loss", "validation_loss") if name in by_epoch]
    others = [name for name in by_epoch if str(name).startswith("validation_") and name not in losses]
    with style():
        figure, (left, right) = _two()
        for axes, names in ((left, losses), (right, others)):
            for name, (colour, line) in zip(names, _looks(), strict=False):
                values = by_epoch[name].dropna()
                label = str(name).replace("_", " ")
                axes.plot(values.index + 1, values, line, color=colour, marker=".", label=label)
            axes.set(xlabel="epoch")
            axes.xaxis.set_major_locator(round_ticks(8, whole=True))
            if names:
                axes.legend()
        return svg(figure, "Training curves by epoch")


def ranking(runs: Mapping[str, Scored]) -> Markup:
    """Binary: precision–recall and ROC curves."""
    with style():
        figure, (left, right) = _two()
        for (name, (targets, scores)), (colour, line) in zip(runs.items(), _looks(), strict=False):
            precision, recall, _ = sk.precision_recall_curve(targets, scores[:, 1])
            left.step(recall, precision, line, where="post", color=colour, label=name)
            false, true, _ = sk.roc_curve(targets, scores[:, 1])
            right.plot(false, true, line, color=colour, label=name)
        targets = next(iter(runs.values()))[0]
        left.axhline(targets.mean(), color=SOFT, linewidth=0.8, linestyle=":", label="flagging at random")
        right.plot([0, 1], [0, 1], ":", color=SOFT, linewidth=0.8)
        _shares(left, "recall", "precision")
        _shares(right, "false positive rate", "true positive rate (recall)")
        _legend_below(figure, left)
        return svg(figure, "Precision–recall curve and ROC curve")


def thresholds(runs: Mapping[str, Scored], chosen: float | None) -> Markup:
    """Precision and recall against the threshold, and precision against the share flagged."""
    several = len(runs) > 1
    with style():
        figure, (left, right) = _two()
        for (name, (targets, scores)), (colour, line) in zip(runs.items(), _looks(), strict=False):
            curve = Curve.of(targets == 1, scores[:, 1])
            left.plot(curve.thresholds, curve.precision, line, color=colour, label=name if several else "precision")
            left.plot(curve.thresholds, curve.recall, line, color=colour, alpha=0.5, label="" if several else "recall")
            right.plot(curve.share, curve.precision, line, color=colour, label="flagged rightly")
            right.plot(curve.share, curve.recall, line, color=colour, alpha=0.5, label="caught")
        if chosen is not None:
            left.axvline(chosen, color=SOFT, linewidth=0.8, linestyle=":", label=f"threshold {chosen:g}")
        _shares(left, "threshold", "share")
        _shares(right, "share of records flagged (workload)", "share")
        if several:
            left.plot([], [], color=SOFT, label="precision (right: flagged rightly)")
            left.plot([], [], color=SOFT, alpha=0.5, label="pale: recall (right: caught)")
            _legend_below(figure, left)
        else:
            left.legend(fontsize=8)
            right.legend(fontsize=8)
        return svg(figure, "Precision, recall and workload against the threshold")


def automatic_coding(runs: Mapping[str, Scored], rule: DecisionRule) -> Markup:
    """Multiclass: accuracy on the records that are coded automatically, against their share and the threshold."""
    with style():
        figure, (left, right) = _two()
        for (name, (targets, scores)), (colour, line) in zip(runs.items(), _looks(), strict=False):
            curve = Curve.of(rule.decide(scores) == targets, rule.decisive(scores))
            left.plot(curve.share, curve.precision, line, color=colour, label=name)
            right.plot(curve.thresholds, curve.precision, line, color=colour)
            right.plot(curve.thresholds, curve.share, line, color=colour, alpha=0.5)
        left.set(xlabel="share coded automatically, highest scores first", ylabel="accuracy on that share")
        left.set(xlim=(-0.01, 1.01))
        _shares(right, "threshold", "share")
        right.set(title="dark: accuracy, pale: share coded")
        _legend_below(figure, left)
        return svg(figure, "Accuracy against the share coded automatically, and both against the threshold")


def calibration(runs: Mapping[str, Scored], rule: DecisionRule, before: Mapping[str, Scored] | None = None) -> Markup:
    """Reliability diagram, and the distribution of the scores.

    Args:
        runs: what is drawn.
        rule: the decision rule.
        before: the same before calibration, to be drawn beside it.
    """
    with style():
        if before is None:
            figure, (left, right) = _two()
            _reliability(left, runs, rule)
            _distribution(right, runs, rule)
            _legend_below(figure, left)
            return svg(figure, "Reliability diagram and distribution of scores")
        figure = Figure(figsize=(_WIDTH, 1.6 * _HEIGHT), layout="constrained")
        panels = figure.subplots(2, 2, sharex="col", sharey="row", height_ratios=(2.4, 1))
        for column, (title, part) in enumerate((("before calibration", before), ("after calibration", runs))):
            _reliability(panels[0, column], part, rule)
            _distribution(panels[1, column], part, rule)
            panels[0, column].set(title=title, xlabel="")
        for axes in panels[:, 1]:
            axes.set(ylabel="")
        _legend_below(figure, panels[0, 0])
        return svg(figure, "Reliability diagrams and distributions of scores, before and after calibration")


def _reliability(axes: Axes, runs: Mapping[str, Scored], rule: DecisionRule) -> None:
    axes.plot([0, 1], [0, 1], ":", color=SOFT, linewidth=0.8, label="perfect")
    for (name, (targets, scores)), (colour, line) in zip(runs.items(), _looks(), strict=False):
        bins, _ = reliability(targets, scores, rule)
        rates = np.array([item.rate.value for item in bins])
        bars = [rates - [item.rate.low for item in bins], [item.rate.high for item in bins] - rates]
        means = [item.score for item in bins]
        axes.errorbar(means, rates, yerr=np.maximum(bars, 0), color=colour, linestyle=line, marker=".", label=name)
    _shares(axes, "mean score", "share that is positive" if rule.is_binary else "share that is right")


def _distribution(axes: Axes, runs: Mapping[str, Scored], rule: DecisionRule) -> None:
    for (_, (_, scores)), (colour, line) in zip(runs.items(), _looks(), strict=False):
        axes.hist(rule.decisive(scores), bins=40, range=(0, 1), histtype="step", color=colour, linestyle=line)
    axes.set(
        xlabel="score" if rule.is_binary else "score of the decision",
        ylabel="records",
        yscale="log",
        xlim=(-0.01, 1.01),
    )
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


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
            text = f"{counts[row, column]:,}" if counts[row, column] or len(labels) == 2 else ""
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
        names = [shortened(label, 18) for label in labels]
        axes.set_xticks(range(len(labels)), names, rotation=0 if len(labels) == 2 else 60)
        axes.set_yticks(range(len(labels)), names)
        axes.set(xlabel="decision", ylabel="true label")
        axes.grid(visible=False)
        return svg(figure, "Confusion matrix")


def field_worth(fields: pd.DataFrame) -> Markup:
    """Mean change of the true label's score when a field is left out."""
    with style():
        figure = Figure(figsize=(_WIDTH, 0.9 + 0.27 * len(fields)), layout="constrained")
        axes = figure.subplots()
        ordered = fields.sort_values("toward")
        axes.barh(range(len(ordered)), ordered["toward"], height=0.62, color=BLUE)
        axes.set_yticks(range(len(ordered)), [shortened(str(name), 44) for name in ordered["field"]])
        axes.axvline(0, color=LINE)
        axes.set(xlabel="mean loss of the true label's score when the field is blanked, test records that have it")
        axes.grid(axis="y", visible=False)
        return svg(figure, "What each field is worth")


def _two() -> tuple[Figure, tuple[Axes, Axes]]:
    figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
    left, right = figure.subplots(1, 2)
    return figure, (left, right)


def _legend_below(figure: Figure, axes: Axes) -> None:
    """A legend of one panel's lines, for all panels; below them, where it covers nothing however many there are."""
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

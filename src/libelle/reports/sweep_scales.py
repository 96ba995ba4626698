"""What a figure of a sweep shows of it, and where: ticks, limits, time, a selection of trials."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.ticker import LogLocator

from hydra_plugins.hydra_hyperopt_sweeper.sweep import TrialRecord
from libelle.language import general
from libelle.reports.look import round_ticks
from libelle.tuning.sweep import Parameter


def ticks(parameter: Parameter, low: float, high: float) -> list[tuple[float, str]]:
    """A few places on a parameter's scale between two positions, and what to write there."""
    if parameter.categories:
        step = -(-len(parameter.categories) // 12)
        return [(float(at), label) for at, label in enumerate(parameter.categories)][::step]
    if low == high:
        return [(low, general(10**low if parameter.log else low))]
    if not parameter.log:
        places = round_ticks(5, whole=parameter.whole).tick_values(low, high)
        return [(at, general(at)) for at in places if low - 1e-9 <= at <= high + 1e-9]
    subs = (1.0,) if high - low >= 2 else (1.0, 2.0, 5.0)
    values = LogLocator(subs=subs, numticks=7).tick_values(10**low, 10**high)
    return [
        (float(np.log10(value)), general(value)) for value in values if 10**low <= value * 1.0001 <= 10**high * 1.001
    ]


def limits(values: Sequence[float], direction: str) -> tuple[float, float]:
    """The part of the values to show, so that a diverged trial does not flatten the others.

    On the bad side it ends at three interquartile ranges beyond the quartile at most (Tukey's far out).

    Args:
        values: at least one.
        direction: `minimize` or `maximize`; without one, both sides are bad.
    """
    low, high = min(values), max(values)
    first, third = np.quantile(values, [0.25, 0.75])
    reach = 3 * (third - first)
    if reach > 0 and direction != "maximize":
        high = min(high, third + reach)
    if reach > 0 and direction != "minimize":
        low = max(low, first - reach)
    return float(low), float(high)


def working_time(trials: Sequence[TrialRecord]) -> dict[int, float]:
    """When each trial ended, by its number, in seconds during which some trial ran: a sweep's pauses do not count.

    Trials whose times are not known are left out.
    """
    spans = sorted(
        (t.started, t.started + t.seconds) for t in trials if t.started is not None and t.seconds is not None
    )
    merged: list[tuple[float, float]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    pauses = [(end, start - end) for (_, end), (start, _) in pairwise(merged)]
    return {
        t.number: t.started + t.seconds - merged[0][0] - sum(length for at, length in pauses if at <= t.started)
        for t in trials
        if t.started is not None and t.seconds is not None
    }


def thinned(trials: Sequence[TrialRecord], most: int) -> list[TrialRecord]:
    """At most `most` of the trials, evenly spread over their order; the first is kept."""
    return [trials[at] for at in np.unique(np.linspace(0, len(trials) - 1, min(most, len(trials))).astype(int))]

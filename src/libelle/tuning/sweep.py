"""A sweep as its report sees it: the ranking of its trials, and the scales of its parameters."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from math import log10, nan

from hydra_plugins.hydra_hyperopt_sweeper.sweep import DimensionRecord, SweepRecord, TrialRecord, ranked

_WHOLE = re.compile(r"-?\d+")


@dataclass(frozen=True)
class Parameter:
    """A config key that is searched.

    Attributes:
        key: as typed.
        spaces: conditions → distribution, as written; the conditions are empty where the key is drawn in every trial.
        categories: the values seen, in order, of a parameter that is no number; empty for a number.
        log: whether it is drawn on a log scale.
        whole: whether it is a whole number in every trial.
    """

    key: str
    spaces: dict[str, str]
    categories: list[str]
    log: bool = False
    whole: bool = False

    def position(self, trial: TrialRecord) -> float:
        """A trial's position on the parameter's scale: the number, its log10, or the category's index.

        NaN where the trial does not have the parameter.
        """
        text = trial.settings.get(self.key)
        if text is None:
            return nan
        if self.categories:
            return self.categories.index(text)
        return log10(float(text)) if self.log else float(text)


class Sweep(SweepRecord):
    """A sweep that is no longer changing: what is computed from its trials is computed once."""

    @cached_property
    def ranked(self) -> list[TrialRecord]:
        """The trials that have a value, best first; among equals, the oldest first."""
        return ranked(self.trials, self.header.direction)

    @property
    def best(self) -> TrialRecord | None:
        """The best trial, None where none has a value."""
        return self.ranked[0] if self.ranked else None

    @property
    def counts(self) -> dict[str, int]:
        """Number of trials by status, the most frequent first."""
        return dict(Counter(trial.status for trial in self.trials).most_common())

    @cached_property
    def parameters(self) -> list[Parameter]:
        """The searched keys, in the order of the space. A key with a space for each of several conditions is one."""
        dimensions: dict[str, list[DimensionRecord]] = {}
        for dimension in self.header.space:
            dimensions.setdefault(dimension.key, []).append(dimension)
        return [self._parameter(key, found) for key, found in dimensions.items()]

    def _parameter(self, key: str, dimensions: list[DimensionRecord]) -> Parameter:
        spaces = {", ".join(dimension.conditions): dimension.distribution for dimension in dimensions}
        values = {trial.settings[key] for trial in self.trials if key in trial.settings}
        scales = {dimension.scale for dimension in dimensions}
        if None in scales or not all(map(_is_number, values)):
            options = [option for dimension in dimensions for option in dimension.options or ()]
            return Parameter(key, spaces, _ordered(values, options))
        # A quantised draw may be zero on any scale.
        log = scales == {"log"} and all(float(value) > 0 for value in values)
        return Parameter(key, spaces, [], log, whole=all(map(_WHOLE.fullmatch, values)))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _ordered(values: set[str], options: list[str]) -> list[str]:
    """Categories that are numbers in their order, then others as the space lists them."""
    numbers = sorted(filter(_is_number, values), key=float)
    places = {option: place for place, option in reversed([*enumerate(options)])}
    others = values.difference(numbers)
    return numbers + sorted(others, key=lambda text: (places.get(text, len(options)), text))

"""The search space: its dimensions, its points, and the overrides of a job at one of them."""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ._distributions import Distribution
from ._errors import SweepError
from ._ledger_reader import DimensionRecord, label
from ._override_values import encode, plain

#: Hyperopt's number for each dimension that a trial has, by the dimension's label.
Raws = dict[str, Any]


@dataclass(frozen=True)
class Condition:
    """A dimension is drawn only where the dimension (or fixed override) `name` has one of `values`."""

    name: str
    values: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.name}={','.join(map(encode, self.values))}"


@dataclass(frozen=True)
class Dimension:
    """One searched override.

    Attributes:
        line: the override as given, for messages.
        key: its key as given (`+a`, `group@package`).
        name: the key without `+`, `++` and `~`.
        distribution: what is drawn.
        conditions: which must all hold in a trial that has the dimension.
        shuffle: whether a grid runs its values in an order that follows the seed.
    """

    line: str
    key: str
    name: str
    distribution: Distribution
    conditions: tuple[Condition, ...] = ()
    shuffle: bool = False

    @property
    def label(self) -> str:
        """Hyperopt's name of the dimension."""
        return label(self.key, self.conditions)

    @property
    def record(self) -> DimensionRecord:
        """The dimension as the ledger keeps it."""
        drawn = self.distribution
        options = [encode(option) for option in drawn.options or ()] if drawn.scale is None else None
        return DimensionRecord(self.key, [str(c) for c in self.conditions], drawn.text, drawn.scale, options)

    def override(self, raw: Any) -> str:
        """The override that a job gets for hyperopt's number `raw`."""
        return f"{self.key}={encode(self.distribution.value(raw))}"


@dataclass
class Space:
    """What a sweep searches, and the overrides around it.

    Attributes:
        dimensions: each after those that its conditions name.
        lines: in the order of the overrides, (key, True) where a dimension of that key goes, (override, False) for a
            fixed override as typed.
    """

    dimensions: list[Dimension] = field(default_factory=list)
    lines: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def fixed(self) -> list[str]:
        """The overrides that every job gets, as typed."""
        return [line for line, searched in self.lines if not searched]

    @property
    def records(self) -> list[DimensionRecord]:
        """The dimensions as the ledger keeps them."""
        return [dimension.record for dimension in self.dimensions]

    def active(self, dimension: Dimension, raws: Mapping[str, Any]) -> bool:
        """Whether a trial with the numbers `raws` has this dimension."""
        return all(
            any(
                plain(parent.distribution.value(raws[parent.label])) in condition.values
                for parent in self.dimensions
                if parent.name == condition.name and parent.label in raws
            )
            for condition in dimension.conditions
        )

    def overrides(self, raws: Mapping[str, Any]) -> list[str]:
        """The overrides of a job: fixed and drawn, in the order in which they were typed."""
        drawn = {d.key: d.override(raws[d.label]) for d in self.dimensions if d.label in raws}
        return [drawn[line] if searched else line for line, searched in self.lines if not searched or line in drawn]

    def points(self, seed: int) -> Iterator[Raws]:
        """Every point of the space, the last dimension moving fastest; `seed` orders shuffled dimensions.

        Raises:
            SweepError: where a dimension is continuous.
        """
        orders = {}
        for dimension in self.dimensions:
            raws = dimension.distribution.raws
            if raws is None:
                raise SweepError(f"Bad grid, {dimension.line}: there is no end of its values")
            if dimension.shuffle:
                raws = random.Random(f"{seed} {dimension.label}").sample(raws, len(raws))
            orders[dimension.label] = raws
        yield from self._points(0, {}, orders)

    def _points(self, depth: int, raws: Raws, orders: Mapping[str, Iterable[Any]]) -> Iterator[Raws]:
        if depth == len(self.dimensions):
            yield dict(raws)
            return
        dimension = self.dimensions[depth]
        if not self.active(dimension, raws):
            yield from self._points(depth + 1, raws, orders)
            return
        for raw in orders[dimension.label]:
            yield from self._points(depth + 1, raws | {dimension.label: raw}, orders)

    def is_at_most(self, limit: int) -> bool:
        """Whether the space is finite and has no more than `limit` points."""
        if any(dimension.distribution.raws is None for dimension in self.dimensions):
            return False
        return sum(1 for _ in islice(self.points(seed=0), limit + 1)) <= limit

    def probes(self, limit: int = 32) -> Iterator[Raws]:
        """A few points that have, together, every dimension and (up to `limit`) every option of each."""
        most = max(len(d.distribution.raws or ()) or 1 for d in self.dimensions)
        unseen = {dimension.label for dimension in self.dimensions}
        for index in range(min(most, limit)):
            raws = self._example(index, {})
            unseen -= set(raws)
            yield raws
        for dimension in self.dimensions:
            if dimension.label in unseen:
                raws = self._example(0, self._wanted(dimension))
                unseen -= set(raws)
                yield raws

    def _example(self, index: int, wanted: Mapping[str, tuple[Any, ...]]) -> Raws:
        raws: Raws = {}
        for dimension in self.dimensions:
            if self.active(dimension, raws):
                distribution = dimension.distribution
                options = distribution.raws or ()
                allowed = wanted.get(dimension.name)
                fitting = [raw for raw in options if plain(distribution.value(raw)) in allowed] if allowed else []
                raws[dimension.label] = fitting[0] if fitting else distribution.example(index)
        return raws

    def _wanted(self, dimension: Dimension) -> dict[str, tuple[Any, ...]]:
        """The values that make a dimension active, those of the dimensions it depends on included."""
        wanted: dict[str, tuple[Any, ...]] = {}
        for condition in dimension.conditions:
            wanted[condition.name] = condition.values
            parent = next(d for d in self.dimensions if d.name == condition.name)
            wanted = self._wanted(parent) | wanted
        return wanted

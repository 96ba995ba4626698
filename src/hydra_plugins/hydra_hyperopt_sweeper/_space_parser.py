"""From overrides, in Hydra's grammar, to a search space; what cannot be searched is refused here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, Sweep, ValueType

from ._distributions import Distribution, from_override
from ._errors import SweepError
from ._override_values import encode, plain
from ._space import Condition, Dimension, Space


@dataclass
class _Entry:
    """One override as given, with the conditions that stand around it in `hydra.sweeper.params`."""

    override: Override
    conditions: tuple[Condition, ...]
    distribution: Distribution | None

    @property
    def is_fixed(self) -> bool:
        """Whether every job gets it as it is; a fixed value under a condition counts as a choice of one."""
        return self.distribution is None and not self.conditions

    @property
    def line(self) -> str:
        return str(self.override.input_line)

    @property
    def key(self) -> str:
        return self.override.get_key_element()

    @property
    def name(self) -> str:
        return self.key.lstrip("+~")


def read_space(params: Mapping[str, Any], arguments: list[str], config_loader: ConfigLoader) -> Space:
    """The space that `hydra.sweeper.params` and the command line describe together.

    A space typed on the command line replaces that of the same key in `params`.

    Args:
        params: override's key → its value in Hydra's grammar; a key `NAME=VALUE` holds a mapping of those that are
            drawn only with that value.
        arguments: the overrides typed on the command line, fixed ones included.
        config_loader: knows the options of config groups, which `glob(...)` asks for.

    Returns:
        The dimensions, and the overrides that every job gets.

    Raises:
        SweepError: shows an override that nothing can be drawn from, or that contradicts another.
    """
    parser = OverridesParser.create(config_loader=config_loader)
    in_params = list(_read_params(params, (), parser))
    typed = [_entry(argument, (), parser) for argument in arguments]
    names = {entry.name for entry in typed}
    _refuse_collisions([*in_params, *typed])
    replaced = {entry.name for entry in in_params} & names
    offered = {entry.name: _options(entry) for entry in typed if entry.name in replaced and _options(entry)}
    kept = [_narrowed(entry, offered) for entry in in_params if entry.name not in names]
    return _build([entry for entry in kept if entry is not None] + typed)


def _options(entry: _Entry) -> list[Any]:
    return [plain(option) for option in (entry.distribution and entry.distribution.options) or ()]


def _narrowed(entry: _Entry, offered: Mapping[str, list[Any]]) -> _Entry | None:
    """An entry of the config under the choices typed on the command line; None where they rule it out."""
    conditions = tuple(
        Condition(c.name, tuple(value for value in c.values if value in offered.get(c.name, c.values)))
        for c in entry.conditions
    )
    return replace(entry, conditions=conditions) if all(c.values for c in conditions) else None


def _read_params(
    params: Mapping[str, Any], conditions: tuple[Condition, ...], parser: OverridesParser
) -> Iterator[_Entry]:
    for key, value in params.items():
        if "=" in key:
            if not isinstance(value, Mapping):
                raise SweepError(f"hydra.sweeper.params: {key} needs a mapping of the overrides it holds for")
            yield from _read_params(value, (*conditions, _condition(key, parser)), parser)
        else:
            text = value if isinstance(value, str) else encode(value)
            yield _param(key, text, conditions, parser)


def _param(key: str, text: str, conditions: tuple[Condition, ...], parser: OverridesParser) -> _Entry:
    # hp.normal(0, 1) is no word of Hydra's grammar: in YAML, where it cannot mean anything else, it goes unquoted.
    is_call = text.lstrip().startswith(("hp.", "int(hp."))
    line = f"{key}={encode(text)}" if is_call else f"{key}={text}"
    return _entry(line, conditions, parser)


def _condition(text: str, parser: OverridesParser) -> Condition:
    (override,) = parser.parse_overrides([text])
    if override.value_type in (ValueType.ELEMENT, None):
        return Condition(override.get_key_element(), (override.value(),))
    return Condition(override.get_key_element(), tuple(plain(value) for value in override.sweep_iterator()))


def _entry(line: str, conditions: tuple[Condition, ...], parser: OverridesParser) -> _Entry:
    # In the plural: the singular leaves out the config loader, which glob() asks for a group's options.
    (override,) = parser.parse_overrides([line])
    value = override._value
    try:
        if isinstance(value, Sweep):
            tagged = sorted(tag for tag in value.tags if "=" in tag)
            conditions = (*conditions, *(_condition(tag, parser) for tag in tagged))
            if unknown := value.tags - {"log"} - set(tagged):
                raise SweepError(f"unknown tag {', '.join(sorted(unknown))}: there are log and NAME=VALUE")
        distribution = from_override(override)
        if isinstance(value, ChoiceSweep) and "log" in value.tags:
            raise SweepError("only a range or an interval has a log scale")
    except SweepError as error:
        raise SweepError(f"Bad search space, {line}: {error}") from error
    return _Entry(override, conditions, distribution)


def _refuse_collisions(entries: list[_Entry]) -> None:
    for entry in entries:
        for other in entries:
            if entry.name == other.name and entry.is_fixed and not other.is_fixed:
                raise SweepError(
                    f"Bad search space, {entry.line} collides with {other.line}: "
                    f"a key is either fixed or searched; take one away, or write {_single(entry)} for this value alone"
                )


def _single(entry: _Entry) -> str:
    """A fixed value as a space, which replaces one in the config: a choice of one."""
    key, _, value = entry.line.partition("=")
    return f"'{key}=choice({value})'"


def _build(entries: list[_Entry]) -> Space:
    fixed = {e.name: e.override.value() for e in entries if e.is_fixed}
    space = Space()
    waiting: list[Dimension] = []
    for entry in entries:
        # What a fixed override decides is decided now: the condition holds in every job, or in none.
        decided = [c for c in entry.conditions if c.name in fixed]
        if any(fixed[c.name] not in c.values for c in decided):
            continue
        conditions = tuple(c for c in entry.conditions if c.name not in fixed)
        if entry.distribution is None and not conditions:
            space.lines.append((entry.line, False))
            continue
        dimension = _dimension(entry, conditions)
        waiting.append(dimension)
        if (dimension.key, True) not in space.lines:
            space.lines.append((dimension.key, True))
    _refuse_overlaps(waiting)
    space.dimensions = _parents_first(waiting)
    names = {condition.name for dimension in waiting for condition in dimension.conditions}
    # Hyperopt branches on a categorical draw only, so a range that others depend on is drawn as one.
    space.dimensions = [
        replace(d, distribution=d.distribution.categorical()) if d.name in names else d for d in space.dimensions
    ]
    return space


def _dimension(entry: _Entry, conditions: tuple[Condition, ...]) -> Dimension:
    distribution = entry.distribution
    if distribution is None:
        distribution = _constant(entry.override._value)
    shuffle = bool(getattr(entry.override._value, "shuffle", False))
    return Dimension(entry.line, entry.key, entry.name, distribution, conditions, shuffle)


def _constant(value: Any) -> Distribution:
    """A fixed value under a condition: a draw from one. Beside other spaces of its key, a number has a scale."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Distribution("randint", (1,), encode(value), range(1), [value], scale="linear" if is_number else None)


def _refuse_overlaps(dimensions: list[Dimension]) -> None:
    """A key may have two spaces only where no trial has both."""
    for index, one in enumerate(dimensions):
        for other in dimensions[:index]:
            if one.name == other.name and not any(
                mine.name == theirs.name and not any(value in theirs.values for value in mine.values)
                for mine in one.conditions
                for theirs in other.conditions
            ):
                raise SweepError(
                    f"Bad search space, a trial could have both {other.line} and {one.line}: "
                    "give them conditions that exclude each other"
                )


def _parents_first(dimensions: list[Dimension]) -> list[Dimension]:
    """The dimensions in their order, except that one goes after those it depends on."""
    by_name: dict[str, list[Dimension]] = {}
    for dimension in dimensions:
        by_name.setdefault(dimension.name, []).append(dimension)
    for dimension in dimensions:
        for condition in dimension.conditions:
            _check_condition(dimension, condition, by_name.get(condition.name, []))
    ordered: list[Dimension] = []
    waiting = list(dimensions)
    while waiting:
        pending = {dimension.name for dimension in waiting}
        ready = next((d for d in waiting if not pending & {c.name for c in d.conditions}), None)
        if ready is None:
            raise SweepError(f"The conditions of {', '.join(sorted(pending))} go round in a circle")
        waiting.remove(ready)
        ordered.append(ready)
    return ordered


def _check_condition(dimension: Dimension, condition: Condition, parents: list[Dimension]) -> None:
    what = f"Bad search space, {dimension.line} is for {condition}"
    if not parents:
        raise SweepError(f"{what}, but {condition.name} is neither searched nor set")
    if any(parent.distribution.options is None for parent in parents):
        raise SweepError(f"{what}, but {condition.name} is not a choice")
    options = [plain(option) for parent in parents for option in parent.distribution.options or ()]
    for value in condition.values:
        if value not in options:
            raise SweepError(f"{what}, but {condition.name} has no option {encode(value)}")

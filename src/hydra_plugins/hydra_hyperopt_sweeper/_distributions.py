"""One dimension's distribution: read from Hydra's grammar or from hyperopt's names, decoded to values."""

import ast
import math
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.override_parser.types import (
    ChoiceSweep,
    Glob,
    IntervalSweep,
    Override,
    QuotedString,
    RangeSweep,
)

from ._errors import SweepError
from ._override_values import encode

_CALL = re.compile(r"(?:int\()?hp\.[a-z]+\(.*\)", re.DOTALL)

#: Arguments of hyperopt's distributions, in order.
_PARAMETERS = {
    "uniform": ("low", "high"),
    "uniformint": ("low", "high"),
    "quniform": ("low", "high", "q"),
    "loguniform": ("low", "high"),
    "qloguniform": ("low", "high", "q"),
    "normal": ("mu", "sigma"),
    "qnormal": ("mu", "sigma", "q"),
    "lognormal": ("mu", "sigma"),
    "qlognormal": ("mu", "sigma", "q"),
}


@dataclass(frozen=True)
class Distribution:
    """What hyperopt draws for one dimension (a *raw* number), and the value that the number stands for.

    Attributes:
        name: the node of hyperopt's graph.
        arguments: its numbers, in hyperopt's own scale (log for loguniform).
        text: the distribution as people write it; two distributions are the same if their texts are.
        raws: every raw number where they are finite in number, in order; None otherwise.
        options: the values that raw numbers index (or, with `snap`, the ascending numbers to round to).
        snap: whether `options` are numbers to round to.
        integer: whether values are rounded to whole numbers.
        scale: `linear` or `log` for values on a line; None for a choice, which has no order.
    """

    name: str
    arguments: tuple[Any, ...]
    text: str
    raws: Sequence[Any] | None = None
    options: Sequence[Any] | None = None
    snap: bool = False
    integer: bool = False
    scale: str | None = "linear"

    def value(self, raw: float) -> Any:
        """The value that a raw number of hyperopt's stands for."""
        if self.options is None:
            return round(raw) if self.integer else float(raw)
        if self.snap:
            return _nearest(self.options, raw)
        return self.options[min(max(round(raw), 0), len(self.options) - 1)]

    def categorical(self) -> "Distribution":
        """The same options without an order, for one on which others depend."""
        if self.name in ("randint", "categorical") or self.options is None:
            return self
        return replace(choice(self.options), text=self.text, scale=self.scale)

    def example(self, index: int) -> Any:
        """Some raw number of the distribution: the `index`-th option (modulo their number), or the middle."""
        if self.raws is not None:
            return self.raws[index % len(self.raws)]
        first, second = self.arguments[:2]
        middle = first if "normal" in self.name else (first + second) / 2
        return math.exp(middle) if "log" in self.name else middle


def _nearest(ascending: Sequence[Any], raw: float) -> Any:
    """The one of some ascending numbers above zero that is nearest to `raw` on a log scale."""
    above = bisect_left(ascending, raw)
    around = ascending[max(above - 1, 0) : above + 1]
    return min(around, key=lambda option: abs(math.log(option / raw)))


def from_override(override: Override) -> Distribution | None:
    """The distribution that an override's value describes, or None where it is a fixed value.

    Raises:
        SweepError: where nothing could be drawn from it; the sentence leaves the override's name to the caller.
    """
    value = override._value
    if isinstance(value, Glob):
        return choice(list(override.sweep_iterator()))
    if isinstance(value, ChoiceSweep):
        # choice('hp.normal(0, 1)'): the spelling for keys whose type would refuse the text itself.
        only = value.list[0] if len(value.list) == 1 else None
        return from_call(only) or choice(value.list)
    if isinstance(value, RangeSweep):
        return _from_range(value)
    if isinstance(value, IntervalSweep):
        return _from_interval(value)
    return from_call(value)


def choice(options: Sequence[Any]) -> Distribution:
    """One of `options`, all equally likely."""
    if not options:
        raise SweepError("there is nothing to choose from")
    text = f"choice({', '.join(map(encode, options))})"
    return Distribution("randint", (len(options),), text, range(len(options)), options, scale=None)


def _ordinal(values: Sequence[Any], text: str) -> Distribution:
    """One of evenly spaced numbers: neighbours are alike, so hyperopt draws their index as a number.

    Half a step on each side gives the first and the last the same weight as the others.
    """
    return Distribution("quniform", (-0.5, len(values) - 0.5, 1), text, range(len(values)), values)


def _log_ordinal(values: Sequence[Any], text: str) -> Distribution:
    ascending = values if values[-1] >= values[0] else values[::-1]
    first, last = ascending[0], ascending[-1]
    if first <= 0:
        raise SweepError("a log scale needs numbers above zero")
    # Half a step on each side, as above, but never as far as zero.
    half = (ascending[1] - first) / 2 if len(ascending) > 1 else 0
    arguments = (math.log(max(first - half, first / 2)), math.log(last + max(half, first / 2)))
    return Distribution("loguniform", arguments, text, ascending, ascending, snap=True, scale="log")


def _from_range(sweep: RangeSweep) -> Distribution:
    text = f"range({sweep.start}, {sweep.stop}, {sweep.step})"
    if sweep.step == 0:
        raise SweepError("the step of a range cannot be zero")
    numbers = sweep.range()
    values: Sequence[Any] = numbers if isinstance(numbers, range) else list(numbers)
    if not values:
        raise SweepError("the range is empty")
    if "log" in sweep.tags:
        return _log_ordinal(values, f"tag(log, {text})")
    return _ordinal(values, text)


def _from_interval(sweep: IntervalSweep) -> Distribution:
    low, high = sweep.start, sweep.end
    assert low is not None
    assert high is not None
    if not low < high or not math.isfinite(high - low):
        raise SweepError("the interval is empty" if low >= high else "the interval is not finite")
    text = f"interval({low}, {high})"
    if isinstance(low, int) and isinstance(high, int):
        # Whole numbers include both ends.
        values = range(low, high + 1)
        return _log_ordinal(values, f"tag(log, {text})") if "log" in sweep.tags else _ordinal(values, text)
    if "log" not in sweep.tags:
        return Distribution("uniform", (low, high), text)
    if low <= 0:
        raise SweepError("a log scale needs numbers above zero")
    return Distribution("loguniform", (math.log(low), math.log(high)), f"tag(log, {text})", scale="log")


def from_call(value: Any) -> Distribution | None:
    """The distribution behind hyperopt's own call without its label, such as `hp.qloguniform(0, 5, 1)`.

    `int(hp.…)` gives whole numbers. Anything that is not such a text gives None.

    Raises:
        SweepError: for a call that hyperopt does not have, or arguments that it does not take.
    """
    text = value.text if isinstance(value, QuotedString) else value
    if not isinstance(text, str) or not _CALL.fullmatch(text.strip()):
        return None
    try:
        call = ast.parse(text.strip(), mode="eval").body
        assert isinstance(call, ast.Call)
        integer = isinstance(call.func, ast.Name)
        call = call.args[0] if integer else call
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Attribute)
        args = [ast.literal_eval(arg) for arg in call.args]
        named = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError, AssertionError) as error:
        raise SweepError("this is no call of one of hyperopt's distributions with plain values") from error
    return _from_arguments(call.func.attr, args, named, integer)


def _from_arguments(name: str, args: list[Any], named: dict[str, Any], integer: bool) -> Distribution:
    if name == "choice":
        (options,) = _bind(name, ("options",), args, named)
        return choice(options)
    if name == "pchoice":
        (pairs,) = _bind(name, ("p_options",), args, named)
        return _pchoice(pairs)
    if name == "randint":
        low, high = (0, *args) if len(args) == 1 and not named else _bind(name, ("low", "high"), args, named)
        if not (isinstance(low, int) and isinstance(high, int) and low < high):
            raise SweepError("hp.randint needs whole numbers, low below high")
        return _native("randint", (low, high), integer=True, raws=range(low, high))
    if name not in _PARAMETERS:
        known = ", ".join([*_PARAMETERS, "randint", "choice", "pchoice"])
        raise SweepError(f"hyperopt has no distribution {name}: it has {known}")
    numbers = _bind(name, _PARAMETERS[name], args, named)
    _check_numbers(name, dict(zip(_PARAMETERS[name], numbers, strict=True)))
    if name == "uniformint":
        name, numbers, integer = "quniform", (*numbers, 1), True
    return _native(name, numbers, integer, _multiples(name, numbers))


def _bind(name: str, parameters: tuple[str, ...], args: list[Any], named: dict[str, Any]) -> tuple[Any, ...]:
    bound = dict(zip(parameters, args, strict=False)) | named
    if len(args) > len(parameters) or set(bound) != set(parameters) or len(bound) != len(args) + len(named):
        raise SweepError(f"hp.{name} takes {', '.join(parameters)}")
    return tuple(bound[parameter] for parameter in parameters)


def _check_numbers(name: str, numbers: dict[str, Any]) -> None:
    for parameter, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise SweepError(f"hp.{name}: {parameter} is not a finite number")
    if "low" in numbers and not numbers["low"] < numbers["high"]:
        raise SweepError(f"hp.{name}: the interval is empty, low is not below high")
    for parameter in ("sigma", "q"):
        if numbers.get(parameter, 1) <= 0:
            raise SweepError(f"hp.{name}: {parameter} must be above zero")


def _multiples(name: str, numbers: tuple[Any, ...]) -> Sequence[float] | None:
    """Every value of a quantised bounded distribution, or None where there is no end of them."""
    if name not in ("quniform", "qloguniform"):
        return None
    low, high, q = numbers
    if name == "qloguniform":
        low, high = math.exp(low), math.exp(high)
    first, last = round(low / q), round(high / q)
    return _Scaled(range(first, last + 1), q)


class _Scaled(Sequence[float]):
    """`q` times each whole number of a range, without a list of them: the range may be long."""

    def __init__(self, steps: range, q: float) -> None:
        self.steps, self.q = steps, q

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: Any) -> Any:
        return self.steps[index] * self.q


def _native(name: str, numbers: tuple[Any, ...], integer: bool, raws: Sequence[float] | None = None) -> Distribution:
    text = f"hp.{name}({', '.join(map(str, numbers))})"
    scale = "log" if "log" in name else "linear"
    return Distribution(name, numbers, f"int({text})" if integer else text, raws, integer=integer, scale=scale)


def _pchoice(pairs: Any) -> Distribution:
    try:
        weights, options = zip(*((float(weight), option) for weight, option in pairs), strict=True)
    except (TypeError, ValueError) as error:
        raise SweepError("hp.pchoice takes a list of (probability, option) pairs") from error
    if min(weights) < 0 or not math.isclose(sum(weights), 1, abs_tol=1e-6):
        raise SweepError("the probabilities of hp.pchoice do not sum to 1")
    text = f"hp.pchoice({', '.join(f'({w}, {encode(o)})' for w, o in zip(weights, options, strict=True))})"
    return Distribution("categorical", (weights,), text, range(len(options)), options, scale=None)

"""Layer norm and dense layers in numpy, folded so that a record's first layer is a sum over its fields.

A layer norm is linear but for two numbers, the mean and the deviation of its input. So the first dense layer is applied
to each distinct text by itself, once, however many records hold it; what is left for a record is to add up its fields,
and to divide.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from itertools import pairwise
from threading import Lock

import numpy as np
from threadpoolctl import LibController, ThreadpoolController

from libelle.features import Floats

#: As in torch.
_EPSILON = np.float32(1e-5)
#: Minus the coefficients of a polynomial p for which 1 / (1 + exp(-x p(x^2))) is the normal distribution, to 1e-7 of x;
#: fitted up to the limit of x^2, beyond which p stays what it is there.
_NORMAL = tuple(
    map(
        np.float32,
        (-1.59576845, -0.0726685673, 6.62597304e-05, 0.000110480396, -7.93822983e-06, 2.66893466e-07, -3.61124708e-09),
    )
)
_ZERO, _SQUARE_LIMIT = np.float32(0), np.float32(31.36)
#: Exponents at most, so that none is infinite.
_EXPONENT_LIMIT = np.float32(80)
#: Rows that are multiplied at least: BLAS has other functions for a single row, with another order of sums.
_LEAST_ROWS = 4
#: Numbers that are kept of an input beside the first layer's outputs: its sum, and that of its squares.
_SUMS = 2


class DenseScorer:
    """What `layers.Dense` computes, but for the product with the first layer.

    Attributes:
        first: float32 [inputs, outputs], the first layer's weights, with the layer norm's, centred: times an input,
            they give what they would of the input less its mean.
        width: of what `apply_first` writes.
    """

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        """Read the layers, whose weights are named as in the state of a `Dense`."""
        norm, first, *others = sorted({int(name.partition(".")[0]) for name in weights})
        scaled = (weights[f"{first}.weight"] * weights[f"{norm}.weight"]).T
        self.first: Floats = np.ascontiguousarray(scaled - scaled.mean(axis=0))
        self.width = self.first.shape[1] + _SUMS
        self._inputs = np.float32(len(self.first))
        self._constant = weights[f"{first}.weight"] @ weights[f"{norm}.bias"] + weights[f"{first}.bias"]
        #: The other layers, the last of which gives logits: its weights [inputs, outputs] and biases.
        self.others = [
            (np.ascontiguousarray(weights[f"{number}.weight"].T), weights[f"{number}.bias"]) for number in others
        ]

    def apply_first(self, inputs: Floats, by_part: Floats, starts: Sequence[int], out: Floats) -> None:
        """The first layer of parts of inputs, and what the layer norm needs of them; parts of an input add up.

        Args:
            inputs: float32 [parts, size].
            by_part: float32 [kinds, size, outputs], the rows of `first` for each kind of part.
            starts: where the parts of each kind begin, and their number.
            out: float32 [parts, width], where they are written to.
        """
        for matrix, (start, end) in zip(by_part, pairwise(starts), strict=True):
            if end > start:
                times(inputs[start:end], matrix, out=out[start:end, :-_SUMS])
        inputs.sum(axis=1, out=out[:, -2])
        np.einsum("ij,ij->i", inputs, inputs, out=out[:, -1])

    def add(self, summed: Floats, inputs: Floats, matrix: Floats) -> None:
        """Add inputs of rows themselves, float32 [rows, size], to the sums of their parts; `matrix` is theirs."""
        summed[:, :-_SUMS] += times(inputs, matrix)
        summed[:, -2] += inputs.sum(axis=1)
        summed[:, -1] += np.einsum("ij,ij->i", inputs, inputs)

    def finish(self, summed: Floats) -> Floats:
        """What follows, up to the input of the last GELU, or the logits where there is none.

        Args:
            summed: float32 [rows, width], the sums of the parts.
        """
        mean = summed[:, -2:-1] / self._inputs
        deviation = summed[:, -1:] / self._inputs
        deviation -= mean * mean
        np.maximum(deviation, 0, out=deviation)
        deviation += _EPSILON
        values: Floats = summed[:, :-_SUMS] / np.sqrt(deviation, out=deviation)
        values += self._constant
        for matrix, bias in self.others[:-1]:
            values = times(gelu(values), matrix)
            values += bias
        return values


class Pool:
    """The last layers of all paths as one: their logits, weighed by the pool, are a sum."""

    def __init__(self, weights: Floats, denses: Sequence[DenseScorer]) -> None:
        pairs = list(zip(weights, denses, strict=False))
        #: The weights of paths without a hidden layer.
        self._straight = [None if dense.others else weight for weight, dense in pairs]
        self._margins = weights[-1]
        none: Floats = np.zeros((0, 1), np.float32)
        last = [(weight, *dense.others[-1]) for weight, dense in pairs if dense.others]
        self._matrix = np.concatenate([weight * matrix for weight, matrix, _ in last]) if last else none
        self._bias = sum(weight * bias for weight, _, bias in last)

    def logits(self, values: Sequence[Floats], margins: Floats | None) -> Floats:
        """Return float32 [rows, classes].

        Args:
            values: what each path has before its last GELU, float32 [rows, hidden], or its logits.
            margins: of the linear path, float32 [rows, classes], if there is one.
        """
        hidden = [found for found, weight in zip(values, self._straight, strict=True) if weight is None]
        straight = [found * weight for found, weight in zip(values, self._straight, strict=True) if weight is not None]
        parts = [times(gelu(np.concatenate(hidden, axis=1)), self._matrix) + self._bias] if hidden else []
        parts += straight if margins is None else [*straight, margins * self._margins]
        logits: Floats = parts[0]
        for part in parts[1:]:
            logits += part
        return logits


def times(rows: Floats, matrix: Floats, out: Floats | None = None) -> Floats:
    """`rows @ matrix`; a row alone gets nearly the product, and mostly the very bits, that it has among others."""
    if len(rows) >= _LEAST_ROWS:
        return np.matmul(rows, matrix, out=out)
    filled = np.zeros((_LEAST_ROWS, rows.shape[1]), np.float32)
    filled[: len(rows)] = rows
    product: Floats = (filled @ matrix)[: len(rows)]
    if out is None:
        return product
    out[:] = product
    return out


def gelu(values: Floats) -> Floats:
    """GELU, float32: x times the share of a normal distribution below x."""
    squares = values * values
    # `clip` takes a fifth of the time of `minimum` with a number; the lower bounds change nothing.
    np.clip(squares, _ZERO, _SQUARE_LIMIT, out=squares)
    result: Floats = squares * _NORMAL[-1]
    for number in _NORMAL[-2:0:-1]:
        result += number
        result *= squares
    result += _NORMAL[0]
    result *= values
    np.clip(result, -_EXPONENT_LIMIT, _EXPONENT_LIMIT, out=result)
    np.exp(result, out=result)
    result += 1
    return np.divide(values, result, out=result)


def softmax(logits: Floats) -> Floats:
    """Probabilities, float32 [rows, classes]; `logits` is overwritten."""
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits


class _BlasThreads:
    """How many threads numpy's products use: one number for the whole process, whatever threads of Python there are.

    So the first that computes sets it, and the last one sets it back.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._before: list[tuple[LibController, int]] = []

    @contextmanager
    def limit(self, count: int) -> Iterator[None]:
        with self._lock:
            if not self._users:
                self._before = [(library, library.get_num_threads()) for library in _blas()]
                for library, _ in self._before:
                    library.set_num_threads(count)
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    for library, before in self._before:
                        library.set_num_threads(before)


_threads = _BlasThreads()


def blas_threads(count: int) -> AbstractContextManager[None]:
    """Let numpy's products use so many threads; 0 changes nothing.

    Few rows need it as well: BLAS shares the product of one row with a large matrix, too, and its threads wait for each
    other for 11 ms instead of 0.1 where others are at work. Of several at once, the first one's number counts.
    """
    return _threads.limit(count) if count else nullcontext()


@cache
def _blas() -> list[LibController]:
    libraries: list[LibController] = ThreadpoolController().select(user_api="blas").lib_controllers
    return libraries

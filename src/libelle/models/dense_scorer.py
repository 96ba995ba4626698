"""Layer norm and dense layers in numpy, folded so that a record's first layer is a sum over its fields.

A layer norm is linear but for two numbers, the mean and the deviation of its input. So the first dense layer is applied
to each distinct text by itself, once, however many records hold it; what is left for a record is to add up its fields,
and to subtract and divide.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from threading import Lock

import numpy as np
from threadpoolctl import LibController, ThreadpoolController

from libelle.features import Floats

#: Texts that are known at most; a text takes some two kilobytes.
_KNOWN_TEXTS = 1 << 12
#: As in torch.
_EPSILON = np.float32(1e-5)
#: Abramowitz and Stegun 1964, 7.1.26: the complementary error function to 1.5e-7.
_ERROR_SCALE = np.float32(0.3275911)
_ERROR_SERIES = tuple(map(np.float32, (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)))


class DenseScorer:
    """What `layers.Dense` computes, but for the product with the first layer.

    Attributes:
        first: float32 [inputs, outputs], the first layer's weights, with the layer norm's.
        outputs: of the first layer.
    """

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        """Read the layers, whose weights are named as in the state of a `Dense`."""
        norm, first, *others = sorted({int(name.partition(".")[0]) for name in weights})
        scaled = weights[f"{first}.weight"] * weights[f"{norm}.weight"]
        self.first: Floats = np.ascontiguousarray(scaled.T)
        self.outputs = self.first.shape[1]
        self._width = np.float32(len(self.first))
        self._total = self.first.sum(0)
        self._constant = weights[f"{first}.weight"] @ weights[f"{norm}.bias"] + weights[f"{first}.bias"]
        self._known: dict[tuple[int, bytes], Floats] = {}
        self._others = [
            (np.ascontiguousarray(weights[f"{number}.weight"].T), weights[f"{number}.bias"]) for number in others
        ]

    def known(self, field: int, inputs: Floats, by_field: Floats) -> Floats:
        """What one text adds to its record, float32 [outputs + 2]: the first layer, its sum and that of its squares.

        Kept for the next call: "missing", a town or a job comes again and again.

        Args:
            field: of the text.
            inputs: float32 [width].
            by_field: float32 [fields, width, outputs], the first layer.
        """
        key = field, inputs.tobytes()
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _KNOWN_TEXTS:
                self._known.clear()
            found = np.concatenate((inputs @ by_field[field], [inputs.sum(), inputs @ inputs]), dtype=np.float32)
            self._known[key] = found
        return found

    def logits(self, first: Floats, total: Floats, squares: Floats) -> Floats:
        """What follows, float32 [rows, classes].

        Args:
            first: float32 [rows, outputs], the inputs times `first`.
            total: float32 [rows, 1], the sum of a row's inputs.
            squares: float32 [rows, 1], the sum of their squares.
        """
        mean = total / self._width
        deviation: Floats = np.sqrt(np.maximum(squares / self._width - mean * mean, 0) + _EPSILON)
        values: Floats = (first - mean * self._total) / deviation
        values += self._constant
        for matrix, bias in self._others:
            values = gelu(values) @ matrix
            values += bias
        return values


def gelu(values: Floats) -> Floats:
    """GELU, float32: x - x times the share of a normal distribution above x."""
    size = np.abs(values)
    scaled = size * np.float32(np.sqrt(0.5))
    step = scaled * _ERROR_SCALE
    step += 1
    np.reciprocal(step, out=step)
    tail = step * _ERROR_SERIES[0]
    for number in _ERROR_SERIES[1:]:
        tail += number
        tail *= step
    scaled *= scaled
    np.negative(scaled, out=scaled)
    tail *= np.exp(scaled, out=scaled)
    tail *= size
    tail *= np.float32(0.5)
    result: Floats = np.maximum(values, 0)
    result -= tail
    return result


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

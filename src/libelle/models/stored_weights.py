"""A network's weights as they are saved: small, and exact enough that no score moves by 0.001.

Nearly all of a network are tables with a row for each n-gram. Embeddings are rounded to a byte, each row with a scale
of its own. The linear path's weights are rounded to multiples of one step: most of them are next to nothing, few are
large, and deflated they take a third. A run scores with the rounded weights, too, so that its scores are those of what
it saves.
"""

import math
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from libelle.features import Floats, Ints

#: Weights by the names of the network's state; `<table>.scales` beside those of a rounded table.
Weights = Mapping[str, npt.NDArray[np.generic]]

_NGRAMS, _LINEAR, _WORDS = "ngrams.weight", "wide.weight", ("words.table.weight", "words.words.weight")
_FILE = "weights.safetensors"
#: What zlib makes of a byte at most.
_MOST = 1032
#: The linear path's weights in the file: their bytes, deflated by zlib, and rows and columns.
_DEFLATED, _SHAPE = f"{_LINEAR}.deflated", f"{_LINEAR}.shape"
#: What rounding may move a weight of the linear path by, once the pool has weighed the path, twice over.
_STEP = 8e-4


def rounded(weights: Mapping[str, Floats]) -> dict[str, npt.NDArray[np.generic]]:
    """The weights as they are saved; those of dense layers are left as they are."""
    found: dict[str, npt.NDArray[np.generic]] = dict(weights)
    for name in _WORDS:
        if name in weights:
            found[name] = weights[name].astype(np.float16)
    if _NGRAMS in weights:
        table = weights[_NGRAMS]
        found |= _round(_NGRAMS, table, np.abs(table).max(axis=1, keepdims=True) / 127, np.int8)
    if _LINEAR in weights:
        table = weights[_LINEAR]
        # Of two classes, one margin is the other, turned around, and so are their errors.
        step = max(
            _STEP / (2 if table.shape[1] == 2 else 1) / float(weights["pool"][-1]),
            float(np.abs(table).max(initial=0)) / np.iinfo(np.int16).max,
        )
        found |= _round(_LINEAR, table, np.full((1, 1), step, np.float32), np.int16)
    return found


def _round(name: str, table: Floats, scales: Floats, dtype: type) -> dict[str, npt.NDArray[np.generic]]:
    scales = np.where(scales > 0, scales, 1).astype(np.float32)
    return {name: np.rint(table / scales).astype(dtype), f"{name}.scales": scales}


def rows_of(weights: Weights, name: str, rows: Ints | None = None) -> Floats:
    """Some rows of a weight, float32; all by default."""
    stored = weights[name] if rows is None else weights[name].take(rows, axis=0)
    found: Floats = stored.astype(np.float32)
    if f"{name}.scales" in weights:
        scales = weights[f"{name}.scales"].astype(np.float32, copy=False)
        found *= scales if rows is None or len(scales) == 1 else scales.take(rows, axis=0)
    return found


def exact(weights: Weights) -> dict[str, Floats]:
    """All weights, float32, as the network's state names them."""
    return {name: rows_of(weights, name) for name in weights if not name.endswith(".scales")}


def save_weights(weights: Weights, folder: Path) -> None:
    """Write `weights.safetensors`."""
    stored = {name: np.asarray(array, order="C") for name, array in weights.items()}
    if _LINEAR in stored:
        linear = stored.pop(_LINEAR)
        stored[_DEFLATED] = np.frombuffer(zlib.compress(linear.tobytes()), np.uint8)
        stored[_SHAPE] = np.array(linear.shape)
    save_file(stored, folder / _FILE)


def load_weights(folder: Path) -> Weights:
    """Read back what `save_weights` wrote.

    Raises:
        ValueError: when the linear path's weights are damaged.
    """
    weights: dict[str, npt.NDArray[np.generic]] = load_file(folder / _FILE)
    if _DEFLATED in weights:
        deflated, shape = weights.pop(_DEFLATED).tobytes(), weights.pop(_SHAPE).tolist()
        weights[_LINEAR] = np.frombuffer(_inflate(deflated, 2 * math.prod(shape)), np.int16).reshape(shape)
    return weights


def _inflate(deflated: bytes, size: int) -> bytes:
    """Inflate to a size; zlib makes a byte a thousand at most, and a shape that says more is not believed."""
    if not 0 <= size <= _MOST * len(deflated):
        raise ValueError(f"{_LINEAR}: its shape is not that of its weights")
    try:
        inflated = zlib.decompressobj().decompress(deflated, size + 1)
    except zlib.error as error:
        raise ValueError(f"{_LINEAR}: {error}") from error
    if len(inflated) != size:
        raise ValueError(f"{_LINEAR}: its shape is not that of its weights")
    return inflated

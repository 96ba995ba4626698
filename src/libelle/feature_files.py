"""Features as files: each array by itself, so that it can be memory-mapped."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

from libelle import shards
from libelle.features import Bags, Features, Items, Matrix, Stack, Vectors
from libelle.files import read_json, write_json

#: The arrays of an `Items`.
_ITEMS = ("parts", "offsets", "weights")
#: Those of a CSR matrix.
_CSR = ("data", "indices", "indptr")


def save_features(features: Features, folder: Path) -> None:
    """Write each array as a `.npy` file of an existing folder.

    A field's name may hold any character: files are numbered, and `features.json` says which is which.
    """
    listing: dict[str, Any] = {"rows": features.rows}
    arrays: dict[str, npt.NDArray[Any]] = {}
    stacks = {"words": features.words, "bag": None if features.bag is None else features.bag.texts}
    for block, fields in stacks.items():
        if fields is not None:
            stack = Stack.of(fields)
            listing[block] = {"names": stack.names, "size": stack.size}
            for part in ("ids", "offsets", "weights", "index"):
                if (array := getattr(stack, part)) is not None:
                    arrays[f"{block}.{part}"] = array
    if features.bag is not None:
        listing["parts"] = features.bag.size
        arrays["squares"] = features.bag.squares
        for name in ("known", "extra"):
            arrays |= {f"{name}.{part}": getattr(getattr(features.bag, name), part) for part in _ITEMS}
    if features.matrix is not None:
        listing["matrix"] = []
        for number, (name, matrix) in enumerate(features.matrix.items()):
            dense = isinstance(matrix, np.ndarray)
            listing["matrix"].append({"name": name, "shape": None if dense else matrix.shape})
            parts = {"dense": matrix} if dense else {part: getattr(matrix, part) for part in _CSR}
            arrays |= {f"matrix.{number}.{part}": array for part, array in parts.items()}
    if features.vectors is not None:
        arrays |= {f"vectors.{part}": array for part, array in vars(features.vectors).items()}
    listing["arrays"] = list(arrays)
    for name, array in arrays.items():
        _save(array, folder / f"{name}.npy")
    write_json(folder / "features.json", listing)


def _save(array: npt.NDArray[Any], path: Path) -> None:
    """Write what `numpy.save` writes, a shard at a time."""
    if not shards.are_many(array.size):
        np.save(path, array)
        return
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        flat = array.reshape(-1)
        for part in shards.shards(len(flat)):
            file.write(flat[part].data)


def load_features(folder: Path) -> Features:
    """Read back what `save_features` wrote, memory-mapped."""
    listing = read_json(folder / "features.json")
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in listing["arrays"]}
    words, texts = (_stack(block, listing[block], arrays) if block in listing else None for block in ("words", "bag"))
    bag = vectors = None
    if texts is not None:
        known, extra = (Items(*(arrays[f"{name}.{part}"] for part in _ITEMS)) for name in ("known", "extra"))
        bag = Bags(texts, arrays["squares"], known, extra, listing["parts"])
    if "vectors.unseen" in arrays:
        vectors = Vectors(arrays["vectors.vocabulary"], arrays["vectors.unseen"])
    matrix: dict[str, Matrix] | None = None
    if "matrix" in listing:
        matrix = {
            about["name"]: _matrix(f"matrix.{number}", about["shape"], arrays)
            for number, about in enumerate(listing["matrix"])
        }
    return Features(listing["rows"], words, bag, matrix, vectors)


def _stack(block: str, about: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Stack:
    ids, offsets, index = (arrays[f"{block}.{part}"] for part in ("ids", "offsets", "index"))
    return Stack(tuple(about["names"]), ids, offsets, about["size"], arrays.get(f"{block}.weights"), index)


def _matrix(name: str, shape: tuple[int, int] | None, arrays: dict[str, npt.NDArray[Any]]) -> Matrix:
    if shape is None:
        return arrays[f"{name}.dense"]
    data, indices, indptr = (arrays[f"{name}.{part}"] for part in _CSR)
    return scipy.sparse.csr_array((data, indices, indptr), shape=shape)

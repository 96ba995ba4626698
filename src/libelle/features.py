"""Features: what processes make and models take.

Named blocks: `words` maps fields to `Ragged` rows, `bag` holds n-grams (`Bags`), and `matrix` maps names to scipy CSR
or dense float32 matrices. A row of any block is one record.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse

from libelle.files import read_json, write_json

#: Whole numbers of any size: positions, counts, targets.
Ints = npt.NDArray[np.integer]
#: What features, weights and probabilities are kept as.
Floats = npt.NDArray[np.float32]
#: What is computed where float32 would not be exact enough.
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths, without padding, each distinct row stored once.

    Attributes:
        ids: int32 [items], the stored rows one after the other.
        offsets: int64 [stored rows + 1]; stored row `i` is `ids[offsets[i]:offsets[i + 1]]`.
        size: number of different ids; all are below it, but for words outside the vocabulary (`Vectors.unseen`).
        weights: float32 [items], or None where every item counts the same.
        index: int32 [rows]; row `i` is stored row `index[i]`. Columns of forms repeat a lot, and so do their codes.
    """

    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    size: int
    weights: Floats | None
    index: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def lengths(self) -> Ints:
        """Items in each row, int64 [rows]."""
        return np.diff(self.offsets)[self.index]

    def take(self, rows: Ints) -> "Ragged":
        """The given rows, in the given order; items are shared, not copied."""
        return replace(self, index=self.index[rows])

    def flatten(self) -> "Ragged":
        """Copy the items so that row `i` is stored row `i`."""
        ids, offsets, weights = gather(self.ids, self.offsets, self.weights, self.index)
        return Ragged(ids, offsets, self.size, weights, np.arange(len(self), dtype=np.int32))


def gather(
    ids: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64], weights: Floats | None, rows: Ints
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], Floats | None]:
    """Copy ragged rows, in the given order: their ids, their offsets from 0, and their weights."""
    starts = offsets[rows]
    lengths = offsets[rows.astype(np.int64) + 1] - starts
    ends = np.concatenate(([0], np.cumsum(lengths)))
    items = np.arange(ends[-1]) + np.repeat(starts - ends[:-1], lengths)
    return ids[items], ends, None if weights is None else weights[items]


@dataclass(frozen=True)
class Items:
    """What items are made of. An item is a word, a pair of words or a marker, of one field.

    Attributes:
        parts: int32, the parts of one item after the other: its own number, and those of its n-grams of characters.
        offsets: int64 [items + 1], where each item's parts begin.
        weights: float32, of each part in its item.
    """

    parts: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    weights: Floats

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True)
class Bags:
    """Bags of n-grams, each field's by itself. An n-gram belongs to a word, not to a text: it is held once an item.

    The vector of a text is the weighted sum of its items' vectors, and that of an item the weighted sum of its parts'.

    Attributes:
        texts: field → items, and their weights before the text is scaled to length 1.
        squares: field → float32 [stored rows], the squared length of each distinct text's words.
        known: the items that the process knows, the same object in all features that it makes.
        extra: items of these features alone: words that are taken apart as they come. Their ids follow on those of
            `known`.
        size: number of parts; all are below it.
    """

    texts: Mapping[str, Ragged]
    squares: Mapping[str, Floats]
    known: Items
    extra: Items
    size: int

    def take(self, rows: Ints) -> "Bags":
        """The given rows, in the given order; items are shared, not copied."""
        return replace(self, texts={name: data.take(rows) for name, data in self.texts.items()})


Matrix: TypeAlias = scipy.sparse.csr_array | Floats


@dataclass(frozen=True)
class Vectors:
    """Vectors that a process gives a model to start from.

    Attributes:
        vocabulary: float32 [ids, dim], one row for each id of the vocabulary; zero where nothing is known.
        unseen: float32 [words, dim], of words outside the vocabulary: their ids follow on those of the vocabulary, and
            mean nothing beyond these features.
    """

    vocabulary: Floats
    unseen: Floats


@dataclass(frozen=True)
class Features:
    """The encoded records.

    Attributes:
        rows: number of records.
        words: field → token ids in order.
        bag: n-grams of all fields.
        matrix: name → CSR or float32 matrix [rows, columns].
        vectors: of the ids of `words`, where the process gives some; shared by all rows.
        texts: raw texts, one `str` column a field; never part of a base.
    """

    rows: int
    words: Mapping[str, Ragged] | None = None
    bag: Bags | None = None
    matrix: Mapping[str, Matrix] | None = None
    vectors: Vectors | None = None
    texts: pd.DataFrame | None = None

    @property
    def blocks(self) -> frozenset[str]:
        """Names of the blocks that are there."""
        return frozenset(name for name in ("words", "bag", "matrix", "texts") if getattr(self, name) is not None)

    def take(self, rows: Ints) -> "Features":
        """The given rows, in the given order."""
        words = None if self.words is None else {name: data.take(rows) for name, data in self.words.items()}
        bag = None if self.bag is None else self.bag.take(rows)
        matrix = None if self.matrix is None else {name: data[rows] for name, data in self.matrix.items()}
        texts = None if self.texts is None else self.texts.iloc[rows]
        return Features(len(rows), words, bag, matrix, self.vectors, texts)


@dataclass(frozen=True)
class Dataset:
    """Features with their targets, int64 [rows], each a position in the list of labels."""

    features: Features
    targets: Ints

    def __len__(self) -> int:
        return self.features.rows

    def take(self, rows: Ints) -> "Dataset":
        """The given rows, in the given order."""
        return Dataset(self.features.take(rows), self.targets[rows])


def save_features(features: Features, folder: Path) -> None:
    """Write each array as a `.npy` file of an existing folder, so that it can be memory-mapped.

    A field's name may hold any character: files are numbered, and `features.json` says which is which.
    """
    listing: dict[str, Any] = {"rows": features.rows, "blocks": {}}
    blocks: dict[str, Mapping[str, Ragged | Matrix]] = {"words": features.words or {}, "matrix": features.matrix or {}}
    if features.bag is not None:
        blocks["bag"] = features.bag.texts
        listing["size"] = features.bag.size
        for number, squares in enumerate(features.bag.squares.values()):
            np.save(folder / f"bag.{number}.squares.npy", squares)
        for name in ("known", "extra"):
            for part, array in vars(getattr(features.bag, name)).items():
                np.save(folder / f"items.{name}.{part}.npy", array)
    for block in sorted(features.blocks):
        listing["blocks"][block] = []
        for number, (name, data) in enumerate(blocks[block].items()):
            about, arrays = _disassemble(data)
            for part, array in arrays.items():
                np.save(folder / f"{block}.{number}.{part}.npy", array)
            listing["blocks"][block].append({"name": name, **about, "arrays": list(arrays)})
    if features.vectors is not None:
        np.save(folder / "vectors.vocabulary.npy", features.vectors.vocabulary)
        np.save(folder / "vectors.unseen.npy", features.vectors.unseen)
    write_json(folder / "features.json", listing)


def load_features(folder: Path) -> Features:
    """Read back what `save_features` wrote, memory-mapped."""

    def read(name: str) -> npt.NDArray[Any]:
        return np.load(folder / f"{name}.npy", mmap_mode="r")  # type: ignore[no-any-return]

    listing = read_json(folder / "features.json")
    blocks: dict[str, Any] = {}
    for block, entries in listing["blocks"].items():
        blocks[block] = {}
        for number, entry in enumerate(entries):
            arrays = {part: read(f"{block}.{number}.{part}") for part in entry["arrays"]}
            blocks[block][entry["name"]] = _assemble(entry, arrays)
    if "bag" in blocks:
        squares = {name: read(f"bag.{number}.squares") for number, name in enumerate(blocks["bag"])}
        known, extra = (
            Items(*(read(f"items.{name}.{part}") for part in ("parts", "offsets", "weights")))
            for name in ("known", "extra")
        )
        blocks["bag"] = Bags(blocks["bag"], squares, known, extra, listing["size"])
    vectors = None
    if (folder / "vectors.vocabulary.npy").exists():
        vectors = Vectors(read("vectors.vocabulary"), read("vectors.unseen"))
    return Features(listing["rows"], **blocks, vectors=vectors)


def _disassemble(data: Ragged | Matrix) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    if isinstance(data, Ragged):
        arrays: dict[str, npt.NDArray[Any]] = {"ids": data.ids, "offsets": data.offsets, "index": data.index}
        return {"size": data.size}, arrays if data.weights is None else {**arrays, "weights": data.weights}
    if isinstance(data, np.ndarray):
        return {}, {"dense": data}
    return {"shape": data.shape}, {"data": data.data, "indices": data.indices, "indptr": data.indptr}


def _assemble(about: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Ragged | Matrix:
    if "ids" in arrays:
        return Ragged(arrays["ids"], arrays["offsets"], about["size"], arrays.get("weights"), arrays["index"])
    if "dense" in arrays:
        return arrays["dense"]
    return scipy.sparse.csr_array((arrays["data"], arrays["indices"], arrays["indptr"]), shape=about["shape"])

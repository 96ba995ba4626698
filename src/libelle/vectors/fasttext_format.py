"""fastText's `.bin` format, read in place: matrices are memory-mapped, whatever their size.

The layout, little-endian, is that of fastText's `FastText::saveModel`, version 12: magic number and version; 12 int32
arguments and one double; the dictionary (size, words, labels as int32, tokens and pruned entries as int64, then
for each entry its bytes, a zero, int64 occurrences and an int8 type); a flag for quantisation, and the input matrix
(int64 rows, int64 columns, float32 values): one row a word, then one a bucket of n-grams; the same for the output
matrix.
"""

import mmap
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from libelle.errors import UserError
from libelle.features import Floats

_MAGIC, _VERSION = 793712314, 12
_HEADER = struct.Struct("<2i12id")
_DICTIONARY = struct.Struct("<3i2q")
_ENTRY = struct.Struct("<qb")
_SHAPE = struct.Struct("<2q")
#: Rows that a projection is fitted on and applied to at once: the most frequent words come first, and fastText's own
#: reduction is fitted on as many.
SAMPLE_ROWS = 100_000
_BLOCK_ROWS = 1 << 15


@dataclass(frozen=True)
class BinFile:
    """An unquantised fastText model on disk.

    Attributes:
        path: the file.
        dim: size of its vectors.
        words: entries of the dictionary.
        buckets: rows for hashed n-grams.
        shortest: shortest n-gram of characters.
        longest: longest n-gram of characters; 0 without n-grams.
        input: float32 [words + buckets, dim], memory-mapped.
        output: float32 [words, dim], memory-mapped.
    """

    path: Path
    dim: int
    words: int
    buckets: int
    shortest: int
    longest: int
    input: Floats
    output: Floats
    _start: int
    _input_start: int

    @classmethod
    def open(cls, path: Path) -> "BinFile":
        """Read the header and find the matrices.

        Raises:
            UserError: when there is no such file, or it is not a whole unquantised fastText model.
        """
        try:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                magic, version, dim, *_, buckets, shortest, longest, _, _ = _HEADER.unpack_from(data)
                if (magic, version) != (_MAGIC, _VERSION):
                    raise _not_a_model(path)
                size, words, _, _, pruned = _DICTIONARY.unpack_from(data, _HEADER.size)
                start = _HEADER.size + _DICTIONARY.size
                end = start
                for _ in range(size):
                    end = _word_end(data, end) + 1 + _ENTRY.size
                if pruned > 0 or data[end]:
                    raise UserError(f"{path} is a quantised fastText model; give the whole one, a .bin.")
                first, after = _matrix(path, end + 1, data)
                if first.shape[1] != dim or data[after]:
                    raise _not_a_model(path)
                second, _ = _matrix(path, after + 1, data)
        except OSError as error:
            raise UserError(f"The fastText model {path} cannot be read ({error.strerror}); check the path.") from error
        except (struct.error, ValueError, IndexError):
            raise _not_a_model(path) from None
        return cls(path, dim, words, buckets, shortest, longest, first, second, start, end + 1)

    def find(self, wanted: Collection[str]) -> dict[str, int]:
        """Rows of the wanted words that the dictionary has; the others are not kept in memory."""
        keys = {word.encode("utf-8", "surrogatepass"): word for word in wanted}
        found: dict[str, int] = {}
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            place = self._start
            for row in range(self.words):
                end = _word_end(data, place)
                word = keys.get(data[place:end])
                if word is not None:
                    found[word] = row
                place = end + 1 + _ENTRY.size
        return found

    def reduce(self, dim: int, path: Path) -> None:
        """Write the model with vectors of `dim` dimensions, as `fasttext.util.reduce_model` would make it.

        The projection is a principal component analysis of the first `SAMPLE_ROWS` rows; it is applied without
        centring, to both matrices, in blocks, so that memory does not grow with the model.

        Args:
            dim: dimensions wanted, fewer than there are.
            path: the new file, which any fastText loads.

        Raises:
            UserError: when the vectors have fewer dimensions.
        """
        if dim > self.dim:
            raise UserError(
                f"process.vectors.dim={dim} is more than the {self.dim} dimensions of {self.path}; choose fewer."
            )
        axes = principal_axes(self.input[:SAMPLE_ROWS], dim)
        with self.path.open("rb") as file, path.open("wb") as reduced:
            header = list(_HEADER.unpack(file.read(_HEADER.size)))
            header[2] = dim
            reduced.write(_HEADER.pack(*header))
            reduced.write(file.read(self._input_start - _HEADER.size))
            _write_projected(self.input, axes, reduced)
            reduced.write(b"\0")
            _write_projected(self.output, axes, reduced)


def principal_axes(sample: Floats, dim: int) -> Floats:
    """The `dim` directions of largest variance, float32 [columns, dim], each with its largest entry positive.

    Pearson 1901; the covariance's eigenvectors are sorted here, which those of fastText's own reduction are not.
    """
    rows = np.asarray(sample, dtype=np.float64)
    if len(rows) < 2:
        return np.eye(rows.shape[1], dim, dtype=np.float32)
    _, axes = np.linalg.eigh(np.cov(rows, rowvar=False).reshape(rows.shape[1], -1))
    axes = axes[:, ::-1][:, :dim]
    largest = np.abs(axes).argmax(axis=0)
    signed: Floats = (axes * np.sign(axes[largest, np.arange(dim)])).astype(np.float32)
    return signed


def _word_end(data: mmap.mmap, place: int) -> int:
    end = data.find(b"\0", place)
    if end < 0:
        raise ValueError("cut short")
    return end


def _write_projected(matrix: Floats, axes: Floats, file: IO[bytes]) -> None:
    file.write(_SHAPE.pack(len(matrix), axes.shape[1]))
    for block in _blocks(matrix):
        file.write(np.ascontiguousarray(block @ axes, dtype="<f4").tobytes())


def _blocks(matrix: Floats) -> Iterator[Floats]:
    for start in range(0, len(matrix), _BLOCK_ROWS):
        yield np.asarray(matrix[start : start + _BLOCK_ROWS])


def _matrix(path: Path, place: int, data: mmap.mmap) -> tuple[Floats, int]:
    """Map the matrix whose shape is written at `place`; also where it ends."""
    rows, columns = _SHAPE.unpack_from(data, place)
    start, end = place + _SHAPE.size, place + _SHAPE.size + 4 * rows * columns
    if rows < 0 or columns < 1 or end > len(data):
        raise ValueError("cut short")
    if not rows:
        return np.empty((0, columns), np.float32), end
    mapped: npt.NDArray[np.float32] = np.memmap(path, np.dtype("<f4"), "r", start, (rows, columns))
    return mapped, end


def _not_a_model(path: Path) -> UserError:
    return UserError(f"{path} is not a whole fastText model of format {_VERSION}; download or train it again.")

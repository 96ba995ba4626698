"""The part of a fastText model that a run needs: vectors of the words it saw, and of their n-grams."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from libelle.data.words import WordTable
from libelle.features import Floats, Ints
from libelle.files import read_json, write_json
from libelle.vectors.fasttext_format import BinFile

#: Words whose n-grams are gathered at once: memory does not grow with the vocabulary.
_BLOCK_WORDS = 2048


@dataclass(frozen=True)
class VectorTable:
    """Vectors of words, and of n-grams for words that are not among them.

    A word of the table has the vector that fastText gives it. Another one has the average of its n-grams' vectors
    (Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information"), of those n-grams alone that occur in
    some word of the training texts: the others would take a gigabyte, and say little of these texts.
    Words are kept as hashes, not as texts.

    Attributes:
        words: uint64 [words], sorted hashes.
        vectors: float32 [words, dim].
        ngrams: int64 [kept], sorted buckets of n-grams; empty where words that are not known have no vector.
        ngram_vectors: float32 [kept, dim].
        buckets: number of buckets of the fastText model.
        shortest: shortest n-gram of characters.
        longest: longest n-gram of characters; 0 without n-grams.
    """

    words: npt.NDArray[np.uint64]
    vectors: Floats
    ngrams: npt.NDArray[np.int64]
    ngram_vectors: Floats
    buckets: int
    shortest: int
    longest: int

    @property
    def dim(self) -> int:
        """Size of the vectors."""
        return int(self.vectors.shape[1])

    @classmethod
    def empty(cls, dim: int) -> "VectorTable":
        """The table of texts without any word."""
        return cls(np.empty(0, np.uint64), _zeros(0, dim), np.empty(0, np.int64), _zeros(0, dim), 1, 0, 0)

    @classmethod
    def of(cls, model: BinFile, kept: Sequence[str], seen: Sequence[str]) -> "VectorTable":
        """Take from a model what a run needs.

        Args:
            model: the model.
            kept: words to keep the vectors of.
            seen: words whose n-grams to keep; none, and no other word will have a vector.
        """
        rows = model.find(kept)
        hashes = WordTable.of_words(kept).hashes
        order = np.argsort(hashes)
        vectors = _zeros(len(kept), model.dim)
        for start in range(0, len(kept), _BLOCK_WORDS):
            block = [kept[place] for place in order[start : start + _BLOCK_WORDS]]
            ngrams, lengths = subwords(block, model.buckets, model.shortest, model.longest)
            own = np.array([rows.get(word, -1) for word in block], dtype=np.int64)
            counted = lengths + (own >= 0)
            items = np.insert(ngrams + model.words, np.concatenate(([0], np.cumsum(lengths)))[:-1], own)
            vectors[start : start + len(block)] = _average(model.input, items[items >= 0], counted)
        buckets = np.empty(0, np.int64)
        for start in range(0, len(seen), _BLOCK_WORDS):
            part, _ = subwords(seen[start : start + _BLOCK_WORDS], model.buckets, model.shortest, model.longest)
            buckets = np.union1d(buckets, part)
        ngram_vectors = np.asarray(model.input[buckets + model.words], dtype=np.float32)
        return cls(hashes[order], vectors, buckets, ngram_vectors, model.buckets, model.shortest, model.longest)

    def lookup(self, words: Sequence[str]) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Vectors of words.

        Returns:
            float32 [words, dim], zero where nothing is known of a word, and whether something is, bool [words].
        """
        vectors = _zeros(len(words), self.dim)
        known = np.zeros(len(words), dtype=np.bool_)
        if not len(words):
            return vectors, known
        if len(self.words):
            hashes = WordTable.of_words(words).hashes
            places = np.minimum(np.searchsorted(self.words, hashes), len(self.words) - 1)
            known = self.words[places] == hashes
            vectors[known] = self.vectors[places[known]]
        if len(self.ngrams):
            others = np.flatnonzero(~known)
            for start in range(0, len(others), _BLOCK_WORDS):
                block = others[start : start + _BLOCK_WORDS]
                ngrams, lengths = subwords([words[i] for i in block], self.buckets, self.shortest, self.longest)
                places = np.minimum(np.searchsorted(self.ngrams, ngrams), len(self.ngrams) - 1)
                found = self.ngrams[places] == ngrams
                counts = np.bincount(np.repeat(np.arange(len(block)), lengths)[found], minlength=len(block))
                vectors[block] = _average(self.ngram_vectors, places[found], counts)
                known[block] = counts > 0
        return vectors, known

    def of_hashes(self, hashes: npt.NDArray[np.uint64]) -> Floats:
        """Vectors of words of the table by their hashes, float32 [words, dim]."""
        return self.vectors[np.searchsorted(self.words, hashes)]

    def save(self, folder: Path) -> None:
        """Write `vectors.safetensors` and `vectors.json`."""
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS}
        save_file(arrays, folder / "vectors.safetensors")
        about = {name: getattr(self, name) for name in ("buckets", "shortest", "longest")}
        write_json(folder / "vectors.json", about)

    @classmethod
    def load(cls, folder: Path) -> "VectorTable":
        """Read back what `save` wrote."""
        about = read_json(folder / "vectors.json")
        arrays: dict[str, Any] = load_file(folder / "vectors.safetensors")
        return cls(**arrays, **about)


_ARRAYS = ("words", "vectors", "ngrams", "ngram_vectors")


def subwords(words: Sequence[str], buckets: int, shortest: int, longest: int) -> tuple[npt.NDArray[np.int64], Ints]:
    """Buckets of the character n-grams of each word between `<` and `>`, as fastText's `Dictionary::computeSubwords`.

    An n-gram is hashed by FNV-1a over its UTF-8 bytes, each taken as a signed number, as fastText does.

    Returns:
        The buckets, int64, word after word, and how many each word has.
    """
    if not longest or not words:
        return np.empty(0, np.int64), np.zeros(len(words), np.int64)
    text = "".join(f"<{word}>" for word in words)
    characters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    octets = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)
    starts = np.flatnonzero((octets & 0xC0) != 0x80)
    sizes = np.diff(np.append(starts, len(octets)))
    signed = octets.view(np.int8).astype(np.int32).view(np.uint32)
    lengths = np.array([len(word) + 2 for word in words])
    word_of = np.repeat(np.arange(len(words)), lengths)
    edge = np.zeros(len(characters), dtype=np.bool_)
    edge[np.cumsum(lengths) - 1] = edge[np.cumsum(lengths) - lengths] = True
    hashes = np.full(len(characters), 2166136261, dtype=np.uint32)
    found, owners = [], []
    for n in range(1, longest + 1):
        count = len(characters) - n + 1
        if count < 1:
            break
        hashes = hashes[:count].copy()
        first, size = starts[n - 1 :], sizes[n - 1 :]
        for octet in range(int(sizes.max())):
            there = size > octet
            hashes[there] = (hashes[there] ^ signed[first[there] + octet]) * np.uint32(16777619)
        if n < shortest:
            continue
        inside = word_of[:count] == word_of[n - 1 :]
        if n == 1:
            inside &= ~edge
        found.append(hashes[inside].astype(np.int64) % buckets)
        owners.append(word_of[:count][inside])
    if not found:
        return np.empty(0, np.int64), np.zeros(len(words), np.int64)
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(found)[order], np.bincount(owner, minlength=len(words))


def _average(matrix: Floats, rows: Ints, counts: Ints) -> Floats:
    """Averages of consecutive runs of rows, `counts` rows each; zero for an empty run."""
    result = _zeros(len(counts), matrix.shape[1])
    some = counts > 0
    if some.any():
        starts = (np.cumsum(counts) - counts)[some]
        result[some] = np.add.reduceat(np.asarray(matrix[rows]), starts, axis=0) / counts[some, None]
    return result


def _zeros(rows: int, columns: int) -> Floats:
    return np.zeros((rows, columns), dtype=np.float32)

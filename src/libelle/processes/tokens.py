"""Process `tokens`: one vocabulary over all fields, and hashed n-grams of each field."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse
from pydantic import Field
from safetensors.numpy import load_file, save_file

from libelle.components import Positive
from libelle.errors import UserError
from libelle.features import Features, Floats, Ints, Ragged, Vectors
from libelle.processes.base import Process
from libelle.processes.ngrams import Hashes, NgramVocabulary, WordTable, character_ngrams, word_ngrams
from libelle.stores.base import Store
from libelle.vectors.sources import WordVectors
from libelle.vectors.table import VectorTable

#: Ids with a meaning of their own: a missing field and one that cleaning emptied are told from text and each other.
PADDING, UNKNOWN, MISSING, EMPTY = SPECIAL = ("<padding>", "<unknown>", "<missing>", "<empty>")
PADDING_ID, UNKNOWN_ID, MISSING_ID, EMPTY_ID = range(len(SPECIAL))

#: N-grams that stand for a missing and an empty text.
_MARKERS = 2


@dataclass
class Tokens(Process):
    """Words as ids (`words`), and their n-grams as weighted bags (`bag`).

    Attributes:
        min_count: occurrences in the training rows that make a word known; rarer words become `<unknown>`.
        max_words: words known at most, the most frequent ones.
        length_quantile: a field's words are cut at this quantile of its lengths in training, not at its one longest
            text.
        max_length: and at this many words in any case.
        word_ngrams: longest n-gram of words in the bag.
        char_ngrams_min: shortest n-gram of characters in the bag.
        char_ngrams_max: longest n-gram of characters in the bag; 0 for none.
        ngrams: False leaves the bag out.
        min_ngram_count: training rows that must hold an n-gram.
        max_ngrams: n-grams kept at most of each kind in each field, the most frequent ones.
        embeddings: `fasttext` gives the model word vectors to start from.
        embeddings_unseen: whether a word outside the vocabulary gets a vector from its n-grams of characters, as far as
            words of the training rows have these, instead of being `<unknown>`.
        vectors: where the word vectors come from.
    """

    blocks: ClassVar[frozenset[str]] = frozenset({"words", "bag"})
    remedy = "lower process.max_ngrams or process.max_words, or raise process.min_ngram_count"

    min_count: Positive = 2
    max_words: Positive = 100_000
    length_quantile: Annotated[float, Field(gt=0, le=1)] = 0.995
    max_length: Positive = 256
    ngrams: bool = True
    word_ngrams: Positive = 2
    char_ngrams_min: Positive = 2
    char_ngrams_max: Annotated[int, Field(ge=0)] = 5
    min_ngram_count: Positive = 1
    max_ngrams: Positive = 500_000
    embeddings: Literal["none", "fasttext"] = "none"
    embeddings_unseen: bool = True
    vectors: WordVectors = field(default_factory=WordVectors)

    def __post_init__(self) -> None:
        if self.char_ngrams_max and self.char_ngrams_max < self.char_ngrams_min:
            raise UserError(
                f"process.char_ngrams_max={self.char_ngrams_max} is below "
                f"process.char_ngrams_min={self.char_ngrams_min}; raise it, or set it to 0 for none."
            )
        if self.embeddings == "fasttext":
            # By config, more than the class makes.
            self.blocks = self.blocks | {"vectors"}  # type: ignore[misc]
            self.remedy = f"lower process.vectors.dim, or {self.remedy}"  # type: ignore[misc]

    def prepare(self, store: Store) -> None:
        """Find the word vectors."""
        if self.embeddings == "fasttext":
            self.vectors.prepare(store)

    def fit(self, table: pd.DataFrame, target: pd.Series) -> Self:
        """Learn vocabulary, length caps and n-grams from the training rows."""
        counts: dict[str, int] = {}
        self.lengths_: dict[str, int] = {}
        self.ngrams_: dict[str, list[NgramVocabulary]] = {}
        for name, column in table.items():
            codes, texts = _distinct(column)
            rows = np.bincount(codes[codes >= 0], minlength=len(texts))
            words = WordTable.split(texts)
            lengths = np.diff(words.offsets)
            for word, count in zip(
                words.words,
                np.bincount(words.codes, weights=np.repeat(rows, lengths), minlength=len(words.words)),
                strict=True,
            ):
                counts[word] = counts.get(word, 0) + int(count)
            longest = np.quantile(lengths[codes[codes >= 0]], self.length_quantile) if rows.any() else 0
            self.lengths_[str(name)] = int(np.clip(np.ceil(longest), 1, self.max_length))
            if self.ngrams:
                self.ngrams_[str(name)] = [
                    NgramVocabulary.fit(hashes, places, rows, self.min_ngram_count, self.max_ngrams)
                    for hashes, places in self._hash(words)
                ]
        known = sorted(
            (word for word, count in counts.items() if count >= self.min_count), key=lambda w: (-counts[w], w)
        )
        self._set_words(known[: self.max_words])
        if self.embeddings == "fasttext":
            seen = sorted(counts) if self.embeddings_unseen else []
            self._set_vectors(self.vectors.fit(table, self.words_, seen))
        return self

    def transform(self, table: pd.DataFrame) -> Features:
        """Encode rows; ids of one field's n-grams follow on those of the field before."""
        words: dict[str, Ragged] = {}
        bag: dict[str, Ragged] = {}
        size = sum(_MARKERS + sum(map(len, kinds)) for kinds in self.ngrams_.values())
        first = 0
        unseen: dict[str, int] = {}
        vectors: list[Floats] = []
        for name, cap in self.lengths_.items():
            codes, texts = _distinct(table[name])
            # The last stored row answers for missing values, whose code is -1.
            index = np.where(codes < 0, len(texts), codes).astype(np.int32)
            split = WordTable.split(texts)
            if self.embeddings == "fasttext" and self.embeddings_unseen:
                vectors.append(self._add_unseen(split.words, unseen))
            words[name] = _encode_words(split, cap, self.word_ids_, unseen, index)
            if self.ngrams:
                # Words and characters are each of length 1: the many characters do not drown the words.
                kinds = zip(self.ngrams_[name], self._hash(split), strict=True)
                parts = [ngrams.encode(hashes, places, len(texts) + 1) for ngrams, (hashes, places) in kinds]
                matrix = scipy.sparse.hstack([*parts, _markers(split)], format="csr")
                ids = (matrix.indices + first).astype(np.int32)
                bag[name] = Ragged(ids, matrix.indptr.astype(np.int64), size, matrix.data, index)
                first += matrix.shape[1]
        given = None
        if self.embeddings == "fasttext":
            none = np.empty((0, self.matrix_.shape[1]), np.float32)
            given = Vectors(self.matrix_, np.concatenate([none, *vectors]))
        return Features(len(table), words=words, bag=bag if self.ngrams else None, vectors=given)

    def save(self, folder: Path) -> None:
        """Write `vocabulary.json`, `ngrams.safetensors` and, where there are word vectors, these."""
        vocabulary = {"words": self.words_, "lengths": self.lengths_}
        (folder / "vocabulary.json").write_text(json.dumps(vocabulary, ensure_ascii=False, indent=0), encoding="utf-8")
        if self.ngrams:
            # Names of fields may hold any character: arrays are numbered in the fields' order.
            arrays: dict[str, npt.NDArray[np.generic]] = {}
            for number, kinds in enumerate(self.ngrams_.values()):
                for kind, ngrams in enumerate(kinds):
                    arrays[f"{number}.{kind}.hashes"], arrays[f"{number}.{kind}.idf"] = ngrams.hashes, ngrams.idf
            save_file(arrays, folder / "ngrams.safetensors")

        if self.embeddings == "fasttext":
            self.table_.save(folder)

    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote."""
        vocabulary = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        self.lengths_ = vocabulary["lengths"]
        self.ngrams_ = {}
        if self.ngrams:
            arrays = load_file(folder / "ngrams.safetensors")
            for number, name in enumerate(self.lengths_):
                self.ngrams_[name] = [
                    NgramVocabulary(arrays[f"{number}.{kind}.hashes"], arrays[f"{number}.{kind}.idf"])
                    for kind in range(2 if self.char_ngrams_max else 1)
                ]
        self._set_words(vocabulary["words"])
        if self.embeddings == "fasttext":
            self._set_vectors(VectorTable.load(folder))
        return self

    def _set_words(self, words: list[str]) -> None:
        self.words_ = words
        self.word_ids_ = {word: number for number, word in enumerate(words, start=len(SPECIAL))}

    def _set_vectors(self, table: VectorTable) -> None:
        self.table_ = table
        special = np.zeros((len(SPECIAL), table.dim), np.float32)
        self.matrix_: Floats = np.concatenate([special, table.lookup(self.words_)[0]])

    def _add_unseen(self, words: list[str], unseen: dict[str, int]) -> Floats:
        """Give ids to words outside the vocabulary whose n-grams say something, and return their vectors."""
        new = [word for word in words if word not in self.word_ids_ and word not in unseen]
        vectors, known = self.table_.lookup(new)
        for word, found in zip(new, known, strict=True):
            if found:
                unseen[word] = len(self.matrix_) + len(unseen)
        return vectors[known]

    def _hash(self, words: WordTable) -> list[tuple[Hashes, Ints]]:
        """N-grams of words and, where wanted, of characters, each with the text it stands in."""
        kinds = [word_ngrams(words, self.word_ngrams)]
        if self.char_ngrams_max:
            kinds.append(character_ngrams(words, self.char_ngrams_min, self.char_ngrams_max))
        return kinds


def _distinct(column: pd.Series) -> tuple[npt.NDArray[np.int64], list[str]]:
    codes, texts = pd.factorize(column)
    return codes, list(texts)


def _encode_words(
    split: WordTable, cap: int, word_ids: dict[str, int], unseen: dict[str, int], index: npt.NDArray[np.int32]
) -> Ragged:
    """Ids of the words of each distinct text, `<empty>` for a text without any, `<missing>` as the last stored row."""
    known = (word_ids.get(word) or unseen.get(word, UNKNOWN_ID) for word in split.words)  # no word has the id 0
    ids = np.fromiter(known, np.int32, len(split.words))[split.codes]
    lengths = np.diff(split.offsets)
    place = np.arange(len(ids)) - np.repeat(split.offsets[:-1], lengths)
    offsets = np.concatenate(([0], np.cumsum(np.append(np.clip(lengths, 1, cap), 1))))
    encoded = np.full(offsets[-1], EMPTY_ID, dtype=np.int32)
    kept = place < cap
    encoded[(np.repeat(offsets[:-2], lengths) + place)[kept]] = ids[kept]
    encoded[-1] = MISSING_ID
    return Ragged(encoded, offsets, len(word_ids) + len(SPECIAL), None, index)


def _markers(split: WordTable) -> scipy.sparse.csr_array:
    """One for a missing text, the last row, and one for a text without words: the n-grams tell them apart, too."""
    rows = len(split.offsets)
    empty = np.flatnonzero(np.diff(split.offsets) == 0)
    places = np.append(empty, rows - 1), np.append(np.ones_like(empty), 0)
    return scipy.sparse.csr_array((np.ones(len(empty) + 1, np.float32), places), shape=(rows, _MARKERS))

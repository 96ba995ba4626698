"""Process `tokens`: one vocabulary over all fields, and bags of hashed n-grams."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from libelle.components import Positive, PositiveShare
from libelle.data.columns import Columns, count_rows, from_frame, to_frame
from libelle.data.words import WordTable
from libelle.features import Features, Floats, Ragged, Vectors
from libelle.files import read_json, write_json
from libelle.processes.bags import WordsAndBags
from libelle.processes.columns import frequent_words
from libelle.stores.base import Store
from libelle.vectors.sources import WordVectors
from libelle.vectors.table import VectorTable

#: Ids with a meaning of their own: a missing field and one that cleaning emptied are told from text and each other.
PADDING, UNKNOWN, MISSING, EMPTY = SPECIAL = ("<padding>", "<unknown>", "<missing>", "<empty>")
PADDING_ID, UNKNOWN_ID, MISSING_ID, EMPTY_ID = range(len(SPECIAL))


@dataclass
class Tokens(WordsAndBags):
    """Words as ids (`words`), and their n-grams as weighted bags (`bag`).

    Beside the keys of `WordsAndBags`:

    Attributes:
        min_count: occurrences in the training rows that make a word known; rarer words become `<unknown>`.
        max_words: words known at most, the most frequent ones.
        length_quantile: a field's words are cut at this quantile of its lengths in training, not at its one longest
            text.
        max_length: and at this many words in any case.
        embeddings: `fasttext` gives the model word vectors to start from.
        embeddings_unseen: whether a word outside the vocabulary gets a vector from its n-grams of characters, as far as
            words of the training rows have these, instead of being `<unknown>`.
        vectors: where the word vectors come from.
    """

    conf_name = "tokens"
    proposed: ClassVar[Mapping[str, str]] = {"words": "tokens", "bag": "tokens", "vectors": "tokens_fasttext"}
    remedy = "lower process.max_ngrams or process.max_words, or raise process.min_ngram_count"

    min_count: Positive = 2
    max_words: Positive = 100_000
    length_quantile: PositiveShare = 0.995
    max_length: Positive = 256
    embeddings: Literal["none", "fasttext"] = "none"
    embeddings_unseen: bool = True
    vectors: WordVectors = field(default_factory=WordVectors)

    def __post_init__(self) -> None:
        super().__post_init__()
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
        return self.fit_columns(from_frame(table), target)

    def fit_columns(self, columns: Columns, target: pd.Series) -> Self:
        """Learn vocabulary, length caps and n-grams from the training rows."""
        self.lengths_: dict[str, int] = {}
        for name, column in columns.items():
            lengths = np.repeat(np.diff(column.words.offsets), column.counts)
            longest = np.quantile(lengths, self.length_quantile) if len(lengths) else 0
            self.lengths_[name] = int(np.clip(np.ceil(longest), 1, self.max_length))
        self._set_words(frequent_words(columns.values(), self.min_count)[: self.max_words])
        if self.ngrams:
            self.bags_.fit(columns, self.words_)
        if self.embeddings == "fasttext":
            seen = sorted(frequent_words(columns.values(), 1)) if self.embeddings_unseen else []
            self._set_vectors(self.vectors.fit(to_frame(columns), self.words_, seen))
        return self

    def transform(self, table: pd.DataFrame) -> Features:
        """Encode rows."""
        return self.encode(from_frame(table))

    def encode(self, columns: Columns) -> Features:
        """Encode rows."""
        words: dict[str, Ragged] = {}
        unseen: dict[str, int] = {}
        vectors: list[Floats] = []
        for name, cap in self.lengths_.items():
            column = columns[name]
            split = column.words
            if self.embeddings == "fasttext" and self.embeddings_unseen:
                vectors.append(self._add_unseen(split.words, unseen))
            words[name] = _encode_words(split, cap, self.word_ids_, unseen, column.index.astype(np.int32))
        given = None
        if self.embeddings == "fasttext":
            none = np.empty((0, self.matrix_.shape[1]), np.float32)
            given = Vectors(self.matrix_, np.concatenate([none, *vectors]))
        bags = self.bags_.transform(columns) if self.ngrams else None
        return Features(count_rows(columns), words=words, bag=bags, vectors=given)

    def save(self, folder: Path) -> None:
        """Write `vocabulary.json`, `ngrams.safetensors` and, where there are word vectors, these."""
        vocabulary = {"words": self.words_, "lengths": self.lengths_}
        write_json(folder / "vocabulary.json", vocabulary)
        if self.ngrams:
            self.bags_.save(folder)
        if self.embeddings == "fasttext":
            self.table_.save(folder)

    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote."""
        vocabulary = read_json(folder / "vocabulary.json")
        self.lengths_ = vocabulary["lengths"]
        self._set_words(vocabulary["words"])
        if self.ngrams:
            self.bags_.load(folder, list(self.lengths_), self.words_)
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

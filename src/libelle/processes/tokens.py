"""Process `tokens`: one vocabulary over all fields, and bags of hashed n-grams."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from libelle.components import Positive, PositiveShare
from libelle.data.columns import Columns, from_frame, to_frame
from libelle.data.frequent import fewest_in_clear
from libelle.data.words import WordTable
from libelle.features import Features, Floats, Vectors
from libelle.files import LARGEST_WORDS, read_json, write_json
from libelle.processes.bags import WordsAndBags
from libelle.processes.field_texts import FieldTexts
from libelle.processes.holders import Holders
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
        return Tokens.fit_columns(self, from_frame(table), target)

    def fit_columns(self, columns: Columns, target: pd.Series) -> Self:
        """As `fit`."""
        texts = FieldTexts.of(columns)
        self.lengths_ = texts.quantiles(np.diff(texts.table.offsets), self.length_quantile, self.max_length)
        holders = Holders.of(texts, self.min_records)
        known = texts.frequent_words(self.min_count, holders.frequent)[: self.max_words]
        enough = Holders.of(texts, fewest_in_clear(self.min_records))
        shown = {texts.table.words[word] for word in np.flatnonzero(enough.frequent).tolist()}
        rare = [word for word in known if word not in shown]
        self._set_words([word for word in known if word in shown], np.sort(WordTable.of_words(rare).hashes))
        if self.ngrams:
            self.bags_.fit(texts, self.words_, holders)
        if self.embeddings == "fasttext":
            seen = sorted(texts.frequent_words(1, holders.frequent)) if self.embeddings_unseen else []
            self._set_vectors(self.vectors.fit(to_frame(columns), known, seen))
        return self

    def transform(self, table: pd.DataFrame) -> Features:
        """Encode rows."""
        return Tokens.transform_columns(self, from_frame(table))

    def transform_columns(self, columns: Columns) -> Features:
        """As `transform`."""
        texts = FieldTexts.of({name: columns[name] for name in self.lengths_})
        ids, vectors = self._look_up(texts.table)
        size = len(SPECIAL) + len(self.words_) + len(self.rare_)
        words = texts.stack(ids, list(self.lengths_.values()), size, MISSING_ID, EMPTY_ID)
        bags = self.bags_.transform(texts) if self.ngrams else None
        return Features(texts.index.shape[1], words=words, bag=bags, vectors=vectors)

    def save(self, folder: Path) -> None:
        """Write `vocabulary.json`, `ngrams.safetensors` and, where there are word vectors, these.

        Words that fewer than `FEWEST_RECORDS` records hold stand in the vocabulary as hashes, `rare`.
        """
        vocabulary = {"words": self.words_, "rare": self.rare_.tolist(), "lengths": self.lengths_}
        write_json(folder / "vocabulary.json", vocabulary)
        if self.ngrams:
            self.bags_.save(folder)
        if self.embeddings == "fasttext":
            self.table_.save(folder)

    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote."""
        vocabulary = read_json(folder / "vocabulary.json", LARGEST_WORDS)
        self.lengths_ = vocabulary["lengths"]
        # What was saved before rare words were hashed has none.
        self._set_words(vocabulary["words"], np.array(vocabulary.get("rare", []), dtype=np.uint64))
        if self.ngrams:
            self.bags_.load(folder, self.words_)
        if self.embeddings == "fasttext":
            self._set_vectors(VectorTable.load(folder))
        return self

    def _set_words(self, words: list[str], rare: npt.NDArray[np.uint64]) -> None:
        self.words_, self.rare_ = words, rare
        self.word_ids_ = {word: number for number, word in enumerate(words, start=len(SPECIAL))}

    def _set_vectors(self, table: VectorTable) -> None:
        self.table_ = table
        special = np.zeros((len(SPECIAL), table.dim), np.float32)
        self.matrix_: Floats = np.concatenate([special, table.lookup(self.words_)[0], table.of_hashes(self.rare_)])

    def _look_up(self, table: WordTable) -> tuple[npt.NDArray[np.int32], Vectors | None]:
        """Ids of distinct words, int32 [words], and their vectors.

        Words outside the vocabulary whose n-grams say something get ids that follow on those of the vocabulary.
        """
        words, get = table.words, self.word_ids_.get
        ids = np.fromiter(map(get, words, repeat(UNKNOWN_ID)), np.int32, len(words))
        if len(self.rare_):
            new = np.flatnonzero(ids == UNKNOWN_ID)
            hashes = table.hashes[new]
            places = np.minimum(self.rare_.searchsorted(hashes), len(self.rare_) - 1)
            found = self.rare_[places] == hashes
            ids[new[found]] = len(SPECIAL) + len(self.words_) + places[found]
        if self.embeddings != "fasttext":
            return ids, None
        unseen = np.empty((0, self.matrix_.shape[1]), np.float32)
        if self.embeddings_unseen:
            new = np.flatnonzero(ids == UNKNOWN_ID)
            unseen, known = self.table_.lookup([words[word] for word in new.tolist()])
            unseen, new = unseen[known], new[known]
            ids[new] = len(self.matrix_) + np.arange(len(new))
        return ids, Vectors(self.matrix_, unseen)

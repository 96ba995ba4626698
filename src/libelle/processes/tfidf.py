"""Process `tfidf`: word and character n-grams, weighted by TF-IDF."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import scipy.sparse

from libelle.components import Natural, Positive
from libelle.data.columns import Column, Columns, to_frame
from libelle.data.words import WordTable
from libelle.errors import UserError
from libelle.processes.columns import FUSED, fuse
from libelle.processes.matrices import NgramProcess
from libelle.processes.ngrams import NgramVocabulary, check_lengths
from libelle.processes.occurrences import Occurrences


@dataclass
class Tfidf(NgramProcess):
    """One sparse matrix a field (`matrix`): TF-IDF of its n-grams, words and characters each of length 1.

    The weights are those of scikit-learn's `TfidfVectorizer`; n-grams are kept as hashes, so that a saved process holds
    no text of a record.

    Attributes:
        word_ngrams: longest n-gram of words.
        char_ngrams_min: shortest n-gram of characters within words.
        char_ngrams_max: longest n-gram of characters within words; 0 for none.
        sublinear: whether an n-gram that stands n times in a text counts 1 + log(n) times.
        per_field: whether each field has a matrix of its own.
        fused: whether all fields joined have one.
        min_df: training rows that must hold an n-gram.
        max_features: n-grams kept at most of each kind in each matrix, the most frequent ones.
        min_records: training records that must hold whatever is kept (docs/personal-data.md).
    """

    conf_name = "tfidf"
    non_negative = True
    proposed: ClassVar[Mapping[str, str]] = {"matrix": "tfidf"}

    word_ngrams: Positive = 2
    char_ngrams_min: Positive = 2
    char_ngrams_max: Natural = 5
    sublinear: bool = True
    per_field: bool = True
    fused: bool = False
    min_df: Positive = 1
    max_features: Positive = 500_000
    min_records: Positive = 2

    def __post_init__(self) -> None:
        check_lengths(self.char_ngrams_min, self.char_ngrams_max)
        if not (self.per_field or self.fused):
            raise UserError("process.per_field=false and process.fused=false leave no matrix; set one of them to true.")

    def columns(self, columns: Columns) -> dict[str, Column]:
        """The distinct texts of each field, and of all joined."""
        chosen = super().columns(columns) if self.per_field else {}
        if self.fused:
            chosen[FUSED] = Column.of(fuse(to_frame(super().columns(columns))))
        return chosen

    def find(self, words: WordTable) -> list[Occurrences]:
        """N-grams of words and, where wanted, of characters."""
        kinds = [Occurrences.of_words(words, self.word_ngrams)]
        if self.char_ngrams_max:
            kinds.append(Occurrences.of_characters(words, self.char_ngrams_min, self.char_ngrams_max))
        return kinds

    def weigh(self, ngrams: NgramVocabulary, counts: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
        """Weigh by TF-IDF, float32 CSR [texts, kept]."""
        return ngrams.weigh(counts, sublinear=self.sublinear)

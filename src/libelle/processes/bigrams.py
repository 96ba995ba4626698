"""Process `bigrams`: pairs of words, as the predecessor had them."""

from dataclasses import dataclass
from typing import Literal

import scipy.sparse

from libelle.components import Positive
from libelle.data.words import WordTable
from libelle.processes.matrices import NgramProcess
from libelle.processes.ngrams import NgramVocabulary
from libelle.processes.occurrences import Occurrences


@dataclass
class Bigrams(NgramProcess):
    """One sparse matrix a field (`matrix`): the pairs of words that follow on each other.

    Attributes:
        words: whether single words are counted as well; fields of one word have no pair.
        weight: `count`, or `presence`: 1 for each pair that is there.
        min_df: training rows that must hold a pair.
        max_features: pairs kept at most in each field, the most frequent ones.
        min_records: training records that must hold whatever is kept (docs/personal-data.md).
    """

    conf_name = "bigrams"
    non_negative = True

    words: bool = True
    weight: Literal["count", "presence"] = "count"
    min_df: Positive = 1
    max_features: Positive = 500_000
    min_records: Positive = 2

    def find(self, words: WordTable) -> list[Occurrences]:
        """Pairs of words."""
        return [Occurrences.of_words(words, 2, shortest=1 if self.words else 2)]

    def weigh(self, ngrams: NgramVocabulary, counts: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
        """Count, float32 CSR [texts, kept]."""
        if self.weight == "presence":
            counts.data[:] = 1
        return counts

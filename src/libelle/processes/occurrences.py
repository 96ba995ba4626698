"""Where n-grams stand, and matrices of how often.

An n-gram of characters belongs to a word, not to a text: how often it stands in a text is a product of two small sparse
matrices, [texts, words] and [words, n-grams].
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse

from libelle.data.words import WordTable
from libelle.features import Ints
from libelle.memory import require_memory
from libelle.processes.ngrams import Hashes, NgramVocabulary, characters_of_words, word_ngrams

#: What an n-gram of a text takes while it is counted: a value and its place, and a copy of both.
_BYTES = 16


@dataclass(frozen=True)
class Occurrences:
    """N-grams of one kind, and what each stands in.

    Attributes:
        hashes: the n-grams.
        owners: int64, the text or the word that each stands in.
        texts: float32 CSR [texts, owners], how often each owner stands in each text.
    """

    hashes: Hashes
    owners: Ints
    texts: scipy.sparse.csr_array

    @classmethod
    def of_words(cls, table: WordTable, longest: int, shortest: int = 1) -> "Occurrences":
        """The n-grams of `shortest` to `longest` words."""
        texts = len(table.offsets) - 1
        return cls(
            *word_ngrams(table, longest, shortest), scipy.sparse.eye_array(texts, dtype=np.float32, format="csr")
        )

    @classmethod
    def of_characters(cls, table: WordTable, shortest: int, longest: int) -> "Occurrences":
        """The n-grams of `shortest` to `longest` characters within words, each word with a blank on either side.

        Raises:
            UserError: when counting them would take more memory than there is.
        """
        hashes, words = characters_of_words(table.words, shortest, longest)
        shape = len(table.offsets) - 1, len(table.words)
        ones = np.ones(len(table.codes), dtype=np.float32)
        texts = scipy.sparse.csr_array((ones, table.codes, table.offsets), shape=shape)
        texts.sum_duplicates()
        count = int(np.bincount(words, minlength=shape[1])[texts.indices].sum())
        require_memory(
            _BYTES * count,
            f"process: counting {count:,} n-grams of characters",
            "lower process.char_ngrams_max, or set it to 0 for none",
        )
        return cls(hashes, words, texts)

    def fit(self, counts: Ints, min_count: int, max_size: int) -> NgramVocabulary:
        """Keep the n-grams that at least `min_count` rows hold, the most frequent `max_size` of them.

        Args:
            counts: in how many rows each text stands.
            min_count: rows that must hold an n-gram.
            max_size: n-grams kept at most.
        """
        distinct, places = np.unique(self.hashes, return_inverse=True)
        held = self._multiply(places, len(distinct))
        rows = np.repeat(counts, np.diff(held.indptr))
        frequency = np.bincount(held.indices, weights=rows, minlength=len(distinct)).astype(np.int64)
        return NgramVocabulary.of_frequent(distinct, frequency, int(counts.sum()), min_count, max_size)

    def count(self, ngrams: NgramVocabulary) -> scipy.sparse.csr_array:
        """Count each text's n-grams of a vocabulary, float32 CSR [texts, kept], its indices in order."""
        counted = self._multiply(ngrams.find(self.hashes), len(ngrams))
        counted.sort_indices()
        return counted

    def _multiply(self, places: Ints, width: int) -> scipy.sparse.csr_array:
        """How often the n-gram of each column stands in each text; -1 is no column."""
        known = places >= 0
        ones = np.ones(int(known.sum()), dtype=np.float32)
        shape = self.texts.shape[1], width
        owned = scipy.sparse.csr_array((ones, (self.owners[known], places[known])), shape=shape)
        return scipy.sparse.csr_array(self.texts @ owned)

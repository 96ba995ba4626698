"""Process `subword`: parts of words by a Hugging Face tokenizer, and bags of hashed n-grams."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from libelle.components import Positive, PositiveShare, Several
from libelle.data.columns import Columns, count_rows, from_frame
from libelle.data.frequent import fewest_in_clear
from libelle.errors import UserError, no_panics
from libelle.features import Features, Ragged
from libelle.files import read_json, write_json
from libelle.processes.bags import WordsAndBags
from libelle.processes.field_texts import FieldTexts
from libelle.processes.holders import Holders
from libelle.processes.tokenizers import library, read_tokenizer, take_literally, tokenize
from libelle.processes.tokens import EMPTY_ID, MISSING_ID, SPECIAL, UNKNOWN, UNKNOWN_ID
from libelle.stores.base import Store

_WANTED_BY = "process=subword"
#: Characters of a word that are read.
_LONGEST_WORD = 200


@dataclass
class Subword(WordsAndBags):
    """Parts of words as ids (`words`), and n-grams of words and characters as weighted bags (`bag`).

    Rare and misspelt words are made of known parts, where `tokens` has one `<unknown>` for all. Ids are the library's,
    after those of `tokens` with a meaning of their own, so that models take either process.

    Beside the keys of `WordsAndBags`:

    Attributes:
        vocab_size: parts known at most.
        pretrained: instead of training one: a `tokenizer.json`, a folder that holds one, or a name on the Hugging Face
            hub.
        length_quantile: a field is cut at this quantile of its lengths in training.
        max_length: and at this many parts in any case.
    """

    conf_name = "subword"
    remedy = "lower process.max_ngrams or process.vocab_size, or raise process.min_ngram_count"

    vocab_size: Several = 8000
    pretrained: str | None = None
    length_quantile: PositiveShare = 0.995
    max_length: Positive = 256

    def prepare(self, store: Store) -> None:
        """Fetch the pretrained tokenizer.

        Raises:
            UserError: when there is none, or `tokenizers` is not installed.
        """
        library(_WANTED_BY)
        if self.pretrained:
            _ = self._fetched

    @cached_property
    def _fetched(self) -> Any:
        return _fetch(str(self.pretrained))

    def fit(self, table: pd.DataFrame, target: pd.Series) -> Self:
        """As `fit_columns`."""
        return Subword.fit_columns(self, from_frame(table), target)

    def fit_columns(self, columns: Columns, target: pd.Series) -> Self:
        """Train the tokenizer or fetch the pretrained one, and learn length caps and n-grams.

        Raises:
            UserError: when `tokenizers` is not installed, or there is no such pretrained tokenizer.
        """
        texts = FieldTexts.of(columns)
        holders = Holders.of(texts, self.min_records)
        if self.pretrained:
            self._use(self._fetched)
        else:
            self._use(self._train(texts, Holders.of(texts, fewest_in_clear(self.min_records)).frequent))
        lengths = [
            len(parts) for column in columns.values() for parts in (*self._encode(column.texts, self.max_length), [])
        ]
        self.lengths_ = texts.quantiles(np.array(lengths), self.length_quantile, self.max_length)
        if self.ngrams:
            self.bags_.fit(texts, [], holders)
        return self

    def transform(self, table: pd.DataFrame) -> Features:
        """Encode rows."""
        return Subword.transform_columns(self, from_frame(table))

    def transform_columns(self, columns: Columns) -> Features:
        """Encode rows."""
        size = len(SPECIAL) + self.tokenizer_.get_vocab_size(with_added_tokens=True)
        words: dict[str, Ragged] = {}
        for field, cap in self.lengths_.items():
            column = columns[field]
            rows = [ids or [EMPTY_ID] for ids in self._encode(column.texts, cap)]
            rows.append([MISSING_ID])  # the last stored row answers for missing values
            offsets = np.concatenate(([0], np.cumsum([len(ids) for ids in rows]))).astype(np.int64)
            ids = np.fromiter((part for row in rows for part in row), dtype=np.int32, count=int(offsets[-1]))
            words[field] = Ragged(ids, offsets, size, None, column.index)
        texts = FieldTexts.of({field: columns[field] for field in self.lengths_}) if self.ngrams else None
        bag = None if texts is None else self.bags_.transform(texts)
        return Features(count_rows(columns), words=words, bag=bag)

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json`, the tokenizers library's own format, `lengths.json`, and the n-grams."""
        self.tokenizer_.save(str(folder / "tokenizer.json"))
        write_json(folder / "lengths.json", self.lengths_)
        if self.ngrams:
            self.bags_.save(folder)

    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote.

        Raises:
            UserError: when `tokenizers` is not installed.
        """
        self.lengths_ = read_json(folder / "lengths.json")
        self._use(read_tokenizer((folder / "tokenizer.json").read_text(encoding="utf-8"), _WANTED_BY))
        if self.ngrams:
            self.bags_.load(folder, [])
        return self

    def _use(self, tokenizer: Any) -> None:
        take_literally(tokenizer)
        self.tokenizer_ = tokenizer
        unknown = getattr(tokenizer.model, "unk_token", None)
        self.unknown_ = None if unknown is None else tokenizer.token_to_id(unknown)
        if self.unknown_ is None and hasattr(tokenizer.model, "unk_id"):
            self.unknown_ = tokenizer.model.unk_id

    def _encode(self, texts: Sequence[str], cap: int) -> Iterator[list[int]]:
        """Ids of the parts of each text, the first `cap` of them; none for a text without words."""
        # Each word has a part at least, so the words after these are not needed.
        for parts in tokenize(self.tokenizer_, (_shorten(text, cap) for text in texts)):
            yield [UNKNOWN_ID if part == self.unknown_ else part + len(SPECIAL) for part in parts[:cap]]

    def _train(self, texts: FieldTexts, held: npt.NDArray[np.bool_]) -> Any:
        """Train a tokenizer on the distinct texts, as far as their words are held by enough records."""
        tokenizers = library(_WANTED_BY)
        models, trainers, pre = tokenizers.models, tokenizers.trainers, tokenizers.pre_tokenizers
        # Parts within words alone: no text of several words may stand in the vocabulary.
        # Training by unigram or WordPiece differs from one process of Python to the next; by BPE it does not.
        trainer = trainers.BpeTrainer(vocab_size=self.vocab_size, special_tokens=[UNKNOWN], show_progress=False)
        tokenizer = tokenizers.Tokenizer(models.BPE(unk_token=UNKNOWN))
        tokenizer.pre_tokenizer = pre.Sequence([pre.WhitespaceSplit(), pre.Metaspace()])  # marks where words begin
        table = texts.table
        words = [word[:_LONGEST_WORD] for word in table.words]
        kept = held[table.codes]
        ends = np.concatenate(([0], np.cumsum(kept)))[table.offsets].tolist()
        codes = table.codes[kept].tolist()
        # Without the words that few records hold: a part may be a whole word.
        given = (" ".join(words[code] for code in codes[start:end]) for start, end in pairwise(ends))
        tokenizer.train_from_iterator(given, trainer, length=len(ends) - 1)
        return tokenizer


def _shorten(text: str, words: int) -> str:
    """The first words, each cut where no word is that long: the library takes hours over a megabyte."""
    return " ".join(word[:_LONGEST_WORD] for word in text.split(maxsplit=words)[:words])


def _fetch(source: str) -> Any:
    path = Path(source)
    tokenizer = library(_WANTED_BY).Tokenizer
    is_name = re.fullmatch(r"\w[\w.-]*(/[\w.-]+)?", source) and not source.endswith(".json")
    if not path.exists() and not is_name:
        raise UserError(
            f"process.pretrained={source} is not there; give a tokenizer.json, a folder that holds one, or a name on "
            "the Hugging Face hub."
        )
    try:
        with no_panics():
            if path.exists():
                return tokenizer.from_file(str(path / "tokenizer.json" if path.is_dir() else path))
            return tokenizer.from_pretrained(source)
    except Exception as error:  # the library raises bare exceptions
        raise UserError(
            f"process.pretrained={source} is no tokenizer that can be read ({error}); give a tokenizer.json, a folder "
            "that holds one, or a name on the Hugging Face hub."
        ) from error

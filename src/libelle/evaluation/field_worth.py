"""What each field and word is worth: test records with one of them left out, encoded while texts are at hand."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from libelle.data.columns import Column, Columns, take
from libelle.data.frequent import FEWEST_RECORDS, word_records
from libelle.features import Features, Floats, Ints

#: Test records times fields, at most: a larger test split is sampled. And how many variants are scored at a time.
MOST_BLANKED, BATCH = 100_000, 10_000
#: Words of a field, the most frequent ones; records that each of these words is left out of.
WORDS, OCCURRENCES = 25, 20


@dataclass(frozen=True)
class Erased:
    """Encoded variants of test records.

    Attributes:
        variants: one row a variant: `row` (position among all records), `field` and `word`, both missing for the
            unchanged record, `word` alone for the whole field left out, and `held`, the number of these test records
            that have the field, or hold the word; 0 for the unchanged record. Bases of earlier versions lack `held`.
        features: of the variants.
    """

    variants: pd.DataFrame
    features: Features

    @property
    def records(self) -> int:
        """Number of test records that have variants."""
        return int(self.variants["field"].isna().sum())


def erase(
    cleaned: Columns, test: Ints, encode: Callable[[Columns], Features], seed: int, whole: Collection[str] = ()
) -> Erased:
    """Encode test records without each of their fields, and some of them without each frequent word.

    Args:
        cleaned: cleaned texts of all records.
        test: positions of the test records.
        encode: from cleaned texts to features.
        seed: of the sample of test records, where they are too many, and of the records that words are left out of.
        whole: fields that are not text, which are left out as a whole alone.
    """
    generator = np.random.default_rng(seed)
    most = MOST_BLANKED // max(len(cleaned), 1)
    sample = test if len(test) <= most else np.sort(generator.permutation(test)[:most])
    columns = take(cleaned, sample)
    parts = [_Variants(np.arange(len(sample)), None)]
    for field, column in columns.items():
        parts.append(_Variants(np.flatnonzero(~column.missing), field, held=int((~column.missing).sum())))
        for word, places in () if field in whole else _frequent_words(column):
            some = np.sort(generator.permutation(places)[:OCCURRENCES])
            parts.append(_Variants(some, field, word, len(places)))
    places = np.concatenate([part.places for part in parts])
    table = {field: _without(field, columns[field], parts) for field in columns}
    named = [(part.field, part.word) for part in parts for _ in part.places]
    variants = pd.DataFrame(named, columns=["field", "word"], dtype="str")
    variants.insert(0, "row", sample[places])
    variants["held"] = np.repeat([part.held for part in parts], [len(part.places) for part in parts])
    return Erased(variants, encode(table))


@dataclass(frozen=True)
class _Variants:
    """Records in the sample, int64, what they are without (nothing, a field, or a word of it), and how many hold it."""

    places: Ints
    field: str | None
    word: str | None = None
    held: int = 0


def _without(field: str, column: Column, parts: Sequence[_Variants]) -> Column:
    """A field's texts in all variants."""
    texts = {text: code for code, text in enumerate(column.texts)}
    codes = []
    for part in parts:
        if part.field != field:
            codes.append(np.where(column.missing[part.places], -1, column.index[part.places]))
        elif part.word is None:
            codes.append(np.full(len(part.places), -1))
        else:
            rest = (_without_word(str(text), part.word) for text in column.rows(part.places))
            codes.append(np.array([texts.setdefault(text, len(texts)) for text in rest]))
    index = np.concatenate(codes).astype(np.int32)
    index[index < 0] = len(texts)
    return Column(list(texts), index).take(np.arange(len(index)))


def _without_word(text: str, word: str) -> str:
    return " ".join(other for other in text.split() if other != word)


def is_word(text: str) -> bool:
    """Whether what stands between blanks is a word: no punctuation, and no marker such as `<missing>`."""
    return any(map(str.isalnum, text)) and not (text.startswith("<") and text.endswith(">"))


def _frequent_words(column: Column) -> list[tuple[str, Ints]]:
    """The words that most records hold, and the positions of these records."""
    words = column.words
    text_of = np.repeat(np.arange(len(column.texts)), np.diff(words.offsets))
    records = word_records(column, column.counts)
    found: list[tuple[str, Ints]] = []
    for code in np.argsort(-records, kind="stable").tolist():
        if len(found) == WORDS or records[code] < FEWEST_RECORDS:
            break
        if is_word(words.words[code]):
            holds = np.zeros(len(column.texts) + 1, dtype=bool)
            holds[text_of[words.codes == code]] = True
            found.append((words.words[code], np.flatnonzero(holds[column.index])))
    return found


def worth(erased: Erased, score: Callable[[Features], Floats], targets: Ints, fields: Sequence[str]) -> pd.DataFrame:
    """What fields and words add to the score of the true label, on average over the test records.

    Args:
        erased: the variants.
        score: from features to scores, float32 [rows, classes].
        targets: of all records, positions of labels, int64 [records].
        fields: names of the fields.

    Returns:
        `field`, `word` (missing for the field as a whole), `records` (that it was left out of), `held` (records among
        which these were drawn, those that have it) and `toward` (mean change of the score of the true label: what it is
        worth); in the order of the fields, and within a field what changes most first.
    """
    variants = erased.variants
    true = np.empty(len(variants))
    for start in range(0, len(variants), BATCH):
        part = np.arange(start, min(start + BATCH, len(variants)))
        labels = targets[variants["row"].to_numpy()[part]]
        true[part] = score(erased.features.take(part))[np.arange(len(part)), labels]
    whole = variants["field"].isna().to_numpy()
    before = pd.Series(true[whole], index=variants["row"][whole])
    table = variants[~whole].assign(change=before.loc[variants["row"][~whole]].to_numpy() - true[~whole])
    grouped = table.groupby(["field", "word"], dropna=False)
    summary = {"records": ("change", "size"), "toward": ("change", "mean")}
    summary["held"] = ("held", "first") if "held" in table else ("change", "size")
    found = grouped.agg(**summary).reset_index()
    order = np.lexsort((-found["toward"].abs(), pd.Categorical(found["field"], categories=list(fields)).codes))
    return found.iloc[order]

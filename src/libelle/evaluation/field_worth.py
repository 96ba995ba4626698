"""What each field and word is worth: test records with one of them left out, encoded while texts are at hand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from libelle.features import Features, Floats, Ints
from libelle.processes.base import Process

#: Test records times fields, at most: a larger test split is sampled. And how many variants are scored at a time.
MOST_BLANKED, BATCH = 100_000, 10_000
#: Words of a field; records that each of these words is left out of.
WORDS, OCCURRENCES = 25, 20
#: A word is shown where at least this many records hold it: what only a few people wrote is nobody else's business.
FEWEST_RECORDS = 5


@dataclass(frozen=True)
class Erased:
    """Encoded variants of test records.

    Attributes:
        variants: one row a variant: `row` (position among all records), `field` and `word`, both missing for the
            unchanged record, `word` alone for the whole field left out.
        features: of the variants.
    """

    variants: pd.DataFrame
    features: Features

    @property
    def records(self) -> int:
        """Number of test records that have variants."""
        return int(self.variants["field"].isna().sum())


def erase(cleaned: pd.DataFrame, test: Ints, process: Process, seed: int) -> Erased:
    """Encode test records without each of their fields, and some of them without each frequent word.

    Args:
        cleaned: cleaned texts of all records.
        test: positions of the test records.
        process: fitted.
        seed: of the sample of test records, where they are too many, and of the records that words are left out of.
    """
    generator = np.random.default_rng(seed)
    most = MOST_BLANKED // max(len(cleaned.columns), 1)
    sample = test if len(test) <= most else np.sort(generator.permutation(test)[:most])
    parts = [pd.DataFrame({"row": sample, "field": None, "word": None, "text": None})]
    for field in cleaned.columns:
        column = cleaned[field].iloc[sample].reset_index(drop=True)
        has = column.notna().to_numpy()
        parts.append(pd.DataFrame({"row": sample[has], "field": field, "word": None, "text": None}))
        for word, places in _frequent_words(column):
            chosen = np.sort(generator.permutation(places)[:OCCURRENCES])
            rest = [" ".join(other for other in str(text).split() if other != word) for text in column.iloc[chosen]]
            parts.append(pd.DataFrame({"row": sample[chosen], "field": field, "word": word, "text": rest}))
    variants = pd.concat([part.astype({"field": "str", "word": "str", "text": "str"}) for part in parts])
    variants = variants.reset_index(drop=True)
    table = cleaned.iloc[variants["row"].to_numpy()].reset_index(drop=True)
    text = variants.pop("text")
    for field in cleaned.columns:
        table[field] = table[field].where(variants["field"] != field, text).astype("str")
    return Erased(variants, process.transform(table))


def _frequent_words(column: pd.Series) -> list[tuple[str, Ints]]:
    """The words that most records hold, and the positions of these records."""
    words = column.dropna().str.split().explode()
    words = words[words.notna() & (words != "")]
    codes, names = pd.factorize(words)
    pairs = np.unique(np.stack([codes, words.index.to_numpy(dtype=np.int64)], axis=1), axis=0)
    records = np.bincount(pairs[:, 0], minlength=len(names))
    order = np.argsort(-records, kind="stable")[:WORDS]
    return [(str(names[code]), pairs[pairs[:, 0] == code, 1]) for code in order if records[code] >= FEWEST_RECORDS]


def worth(erased: Erased, score: Callable[[Features], Floats], targets: Ints, fields: Sequence[str]) -> pd.DataFrame:
    """What fields and words add to the score of the true label, on average over the test records.

    Args:
        erased: the variants.
        score: from features to scores, float32 [rows, classes].
        targets: of all records, positions of labels, int64 [records].
        fields: names of the fields.

    Returns:
        `field`, `word` (missing for the field as a whole), `records` (that have it), `toward` (mean change of the
        score of the true label: what it is worth) and `size` (mean absolute change: how much it moves).
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
    grouped = table.groupby(["field", "word"], dropna=False)["change"]
    found = grouped.agg(records="size", toward="mean", size=lambda changes: changes.abs().mean()).reset_index()
    found["field"] = pd.Categorical(found["field"], categories=list(fields))
    return found.sort_values(["field", "size"], ascending=[True, False], kind="stable").astype({"field": "str"})

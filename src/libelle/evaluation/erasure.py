"""What each field and word is worth: test records with one of them left out, encoded while texts are at hand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from libelle.features import Features, Floats, Ints
from libelle.processes.base import Process

#: Test records that fields are left out of; words of a field; records that each of these words is left out of.
RECORDS, WORDS, OCCURRENCES = 500, 25, 10
#: A word is shown from so many records on: what only a few people wrote is nobody else's business.
FEWEST_RECORDS = 5


@dataclass(frozen=True)
class Erased:
    """Encoded variants of test records.

    Attributes:
        variants: one row a variant: `row` (position among all records), `field` and `word`, both missing for the
            record as it is, `word` alone for the whole field left out.
        features: of the variants.
    """

    variants: pd.DataFrame
    features: Features


def erase(cleaned: pd.DataFrame, test: Ints, process: Process, seed: int) -> Erased:
    """Encode a sample of test records without each of their fields, and without each frequent word.

    Args:
        cleaned: cleaned texts of all records.
        test: positions of the test records.
        process: fitted.
        seed: of the sample.
    """
    generator = np.random.default_rng(seed)
    sample = np.sort(generator.permutation(test)[:RECORDS])
    variants: list[tuple[int, str | None, str | None]] = [(int(row), None, None) for row in sample]
    texts: list[dict[str, str | None]] = [{}] * len(sample)
    for field in cleaned.columns:
        column = cleaned[field].iloc[sample]
        for row in sample[column.notna().to_numpy()]:
            variants.append((int(row), field, None))
            texts.append({field: None})
        words = column.dropna().str.split().explode()
        words = words[words.notna() & (words != "")]
        holders = words.groupby(words).apply(lambda group: sorted(set(group.index)))
        frequent = holders[holders.map(len) >= FEWEST_RECORDS]
        frequent = frequent.iloc[np.argsort(-frequent.map(len).to_numpy(), kind="stable")][:WORDS]
        positions = pd.Series(sample, index=column.index)
        for word, indexes in frequent.items():
            for row in positions.loc[indexes].to_numpy()[:OCCURRENCES]:
                rest = [other for other in str(cleaned[field].iloc[row]).split() if other != word]
                variants.append((int(row), field, str(word)))
                texts.append({field: " ".join(rest)})
    table = cleaned.iloc[[row for row, _, _ in variants]].reset_index(drop=True)
    for field in cleaned.columns:
        changed = {place: text[field] for place, text in enumerate(texts) if field in text}
        column = table[field].astype(object)
        column.loc[list(changed)] = list(changed.values())
        table[field] = column.where(column.notna(), None).astype("str")
    listing = pd.DataFrame(variants, columns=["row", "field", "word"]).astype({"field": "str", "word": "str"})
    return Erased(listing, process.transform(table))


def worth(erased: Erased, scores: Floats, targets: Ints, fields: Sequence[str]) -> pd.DataFrame:
    """What fields and words add to the score of the true label, on average over the sampled test records.

    Args:
        erased: the variants.
        scores: of the variants, float32 [variants, classes].
        targets: of all records, positions of labels, int64 [records].
        fields: names of the fields.

    Returns:
        `field`, `word` (missing for the field as a whole), `records` (that have it), `toward` (mean change of the
        score of the true label: what it is worth) and `size` (mean absolute change: how much it moves).
    """
    variants = erased.variants
    true = scores[np.arange(len(scores)), targets[variants["row"].to_numpy()]].astype(np.float64)
    whole = variants["field"].isna().to_numpy()
    before = pd.Series(true[whole], index=variants["row"][whole])
    table = variants[~whole].assign(change=before.loc[variants["row"][~whole]].to_numpy() - true[~whole])
    grouped = table.groupby(["field", "word"], dropna=False)["change"]
    found = grouped.agg(records="size", toward="mean", size=lambda changes: changes.abs().mean()).reset_index()
    found["field"] = pd.Categorical(found["field"], categories=list(fields))
    return found.sort_values(["field", "size"], ascending=[True, False], kind="stable").astype({"field": "str"})

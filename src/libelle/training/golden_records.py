"""Golden records: made up of real fields, scored once, and scored again whenever the model is loaded."""

import numpy as np
import pandas as pd

from libelle.data.columns import Column, Columns, row_keys
from libelle.features import Ints

#: Records that are kept with each model.
GOLDEN_RECORDS = 8


def golden_records(columns: Columns, rows: Ints, seed: int, count: int = GOLDEN_RECORDS) -> pd.DataFrame:
    """Draw each field from a different row, so that no real record is kept.

    Args:
        columns: raw texts of all records.
        rows: int64, the training rows.
        seed: of the draw.
        count: number of records; fewer where the fields do not yield this many that are not real.
    """
    generator = np.random.default_rng(seed)
    chosen = {name: _draw(column, rows, 8 * count, generator) for name, column in columns.items()}
    if len(columns) == 1:  # nothing to mix but halves of texts
        ((name, column),) = columns.items()
        drawn = {name: _halves(column.rows(chosen[name]))}
        there = {*column.texts, *([None] if column.missing.any() else [])}
        real = np.array([text in there for text in drawn[name]])
    else:
        drawn = {name: column.rows(chosen[name]) for name, column in columns.items()}
        mixed = {name: Column(column.texts, column.index[chosen[name]]) for name, column in columns.items()}
        keys, all_keys = row_keys(mixed), row_keys(columns)
        real = np.isin(keys, all_keys[np.isin(all_keys, keys)])
    sources = np.array([len(set(candidate)) for candidate in zip(*chosen.values(), strict=True)])
    best = np.argsort(-sources, kind="stable")
    table = pd.DataFrame(drawn, dtype="str")
    return table.take(best[~real[best]][:count]).reset_index(drop=True)


def _draw(column: Column, rows: Ints, count: int, generator: np.random.Generator) -> Ints:
    """Draw some of the rows. Few rows have the rare fields: half of the draws are from rows that do."""
    drawn = rows[generator.integers(len(rows), size=count)]
    filled = rows[~column.missing[rows]]
    if not len(filled):
        return drawn
    return np.where(generator.random(count) < 0.5, drawn, filled[generator.integers(len(filled), size=count)])


def _halves(texts: list[str | None]) -> list[str | None]:
    """Each text's first words, followed by the last words of another."""
    words = [((first or "").split(), (last or "").split()) for first, last in zip(texts, texts[::-1], strict=True)]
    return [" ".join(first[: (len(first) + 1) // 2] + last[len(last) // 2 :]) or None for first, last in words]

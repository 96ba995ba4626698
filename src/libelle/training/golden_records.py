"""Golden records: made up of real fields, scored once, and scored again whenever the model is loaded."""

import numpy as np
import pandas as pd

#: Records that are kept with each model.
GOLDEN_RECORDS = 8


def golden_records(texts: pd.DataFrame, seed: int, count: int = GOLDEN_RECORDS) -> pd.DataFrame:
    """Draw each field from a different row, so that no real record is kept.

    Args:
        texts: raw training texts, one `str` column per field.
        seed: of the draw.
        count: number of records; fewer where the fields do not yield this many that are not real.
    """
    generator = np.random.default_rng(seed)
    candidates = 8 * count
    rows = np.array([_draw(column, candidates, generator) for _, column in texts.items()])
    drawn = pd.DataFrame(
        {name: column.to_numpy()[chosen] for (name, column), chosen in zip(texts.items(), rows, strict=True)},
        dtype="str",
    )
    if len(texts.columns) == 1:  # nothing to mix but halves of texts
        drawn[texts.columns[0]] = _halves(drawn.iloc[:, 0], drawn.iloc[::-1, 0])
    real = np.isin(pd.util.hash_pandas_object(drawn, index=False), pd.util.hash_pandas_object(texts, index=False))
    sources = np.array([len(set(candidate)) for candidate in rows.T])
    best = np.argsort(-sources, kind="stable")
    return drawn.iloc[best[~real[best]][:count]].reset_index(drop=True)


def _draw(column: pd.Series, count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw positions of rows. Few rows have the rare fields: half of the draws are from rows that do."""
    drawn = generator.integers(len(column), size=count)
    filled = np.flatnonzero(column.notna())
    if not len(filled):
        return drawn
    return np.where(generator.random(count) < 0.5, drawn, filled[generator.integers(len(filled), size=count)])


def _halves(beginnings: pd.Series, ends: pd.Series) -> pd.Series:
    """Each beginning's first words, followed by the last words of an end."""
    words = [(first.split(), last.split()) for first, last in zip(beginnings.fillna(""), ends.fillna(""), strict=True)]
    texts = [" ".join(first[: (len(first) + 1) // 2] + last[len(last) // 2 :]) or None for first, last in words]
    return pd.Series(texts, index=beginnings.index, dtype="str")

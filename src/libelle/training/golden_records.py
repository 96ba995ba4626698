"""Golden records: made up of what several people wrote, scored once, and scored again whenever the model is loaded."""

from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd

from libelle.data.columns import Column, Columns, row_keys
from libelle.data.frequent import FEWEST_RECORDS, word_records
from libelle.evaluation.field_worth import is_word
from libelle.features import Ints
from libelle.shards import release, shards

#: Records that are kept with each model.
GOLDEN_RECORDS = 8
#: Training records whose words synthetic texts are made of; words of such a text at most, and letters of each at least.
SAMPLE, WORDS, LETTERS = 10_000, 4, 3


def golden_records(
    columns: Columns,
    rows: Ints,
    seed: int,
    whole: Collection[str] = (),
    fewest: int = FEWEST_RECORDS,
    count: int = GOLDEN_RECORDS,
) -> pd.DataFrame:
    """Draw each field's text by itself among those that several training records hold, so that no real record is kept.

    Where no text of a field is that frequent, or all combinations are real records, texts are made of frequent words.

    Args:
        columns: raw texts of all records.
        rows: int64, the training rows.
        seed: of the draw.
        whole: fields that are not text: no value of theirs is made up.
        fewest: training records that must hold a text, or a word of a text that is made up.
        count: number of records; fewer where there are not that many combinations.

    Returns:
        One `str` column a field. A table of one record without any text where not even a word is frequent.
    """
    generator = np.random.default_rng(seed)
    size = 8 * count
    drawn: dict[str, list[str | None]] = {}
    made: dict[str, list[str | None]] = {}
    for name, column in columns.items():
        release()
        counts = np.bincount(column.index[rows], minlength=len(column.texts) + 1)[:-1]
        drawn[name] = _draw(column, counts, fewest, size, generator)
        if name in whole:
            made[name] = drawn[name]
            continue
        made[name] = _without_real_texts(_synthetic(column, rows, fewest, size, generator), column)
        if len(columns) == 1:  # nothing to mix but halves of texts
            drawn[name] = _without_real_texts(_halves(drawn[name]), column)
        elif not any(drawn[name]):
            drawn[name] = made[name]
        # Few rows have the rare fields: they are left out half as often as in the rows.
        left_out = generator.random(size) < column.missing[rows].mean() / 2
        drawn[name] = [None if out else text for out, text in zip(left_out, drawn[name], strict=True)]
    candidates = pd.concat([pd.DataFrame(texts, columns=list(columns), dtype="str") for texts in (drawn, made)])
    usable = candidates[candidates.notna().any(axis=1) & ~_are_real(candidates, columns)].drop_duplicates()
    nothing = pd.DataFrame({name: [None] for name in columns}, dtype="str")
    return (usable if len(usable) else nothing).head(count).reset_index(drop=True)


def _draw(column: Column, counts: Ints, fewest: int, size: int, generator: np.random.Generator) -> list[str | None]:
    """Draw texts that at least `fewest` training rows hold, as often as they do; None where no text is that frequent.

    Args:
        column: the texts.
        counts: int64 [texts], the training rows of each.
        fewest: rows that are enough.
        size: draws.
        generator: of the draw.
    """
    frequent = np.flatnonzero(counts >= fewest)
    if not len(frequent):
        return [None] * size
    chosen = generator.choice(frequent, size, p=counts[frequent] / counts[frequent].sum())
    return [column.texts[text] if column.texts[text].strip() else None for text in chosen.tolist()]


def _synthetic(column: Column, rows: Ints, fewest: int, size: int, generator: np.random.Generator) -> list[str | None]:
    """Texts made of words that at least `fewest` of the training rows hold; None where there is no such word."""
    sample = column.take(rows if len(rows) <= SAMPLE else generator.choice(rows, SAMPLE, replace=False))
    records = word_records(sample, sample.counts)
    frequent = np.flatnonzero(records >= fewest)
    if not len(frequent):
        return [None] * size
    words = [sample.words.words[word] for word in frequent.tolist()]
    # Articles and punctuation alone would look like nothing that somebody writes.
    words = [word for word in words if is_word(word) and len(word) >= LETTERS] or words
    lengths = generator.integers(1, WORDS + 1, size=size).tolist()
    return [" ".join(words[place] for place in generator.integers(len(words), size=length)) for length in lengths]


def _halves(texts: list[str | None]) -> list[str | None]:
    """Each text's first words, followed by the last words of another."""
    words = [((first or "").split(), (last or "").split()) for first, last in zip(texts, texts[::-1], strict=True)]
    return [" ".join(first[: (len(first) + 1) // 2] + last[len(last) // 2 :]) or None for first, last in words]


def _without_real_texts(made: Iterable[str | None], column: Column) -> list[str | None]:
    """None for what was made up and is a text of the column, too: few records may hold it."""
    made = list(made)
    wanted = set(made)
    real = {text for text in column.texts if text in wanted}
    return [None if text in real else text for text in made]


def _are_real(candidates: pd.DataFrame, columns: Columns) -> np.ndarray:
    """Which candidates are records of the data, texts and missing texts alike; bool [candidates]."""
    mixed = {}
    for name, column in columns.items():
        wanted = set(candidates[name].dropna())
        codes = {text: code for code, text in enumerate(column.texts) if text in wanted}
        # A text that no record holds has a number of its own, after that of missing ones.
        found = [
            codes.get(text, len(column.texts) + 1) if isinstance(text, str) else len(column.texts)
            for text in candidates[name]
        ]
        mixed[name] = Column(column.texts, np.array(found, dtype=np.int32))
    made, real = row_keys(mixed), row_keys(columns)
    met = [real[part][np.isin(real[part], made)] for part in shards(len(real))]
    return np.isin(made, np.concatenate(met))

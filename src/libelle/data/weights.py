"""Row weights: how many units of the population each record stands for."""

import numpy as np
import pandas as pd

from libelle.data.columns import Column
from libelle.data.frames import as_strings, blank_to_missing
from libelle.data.numbers import first_wrong, read_numbers
from libelle.errors import UserError
from libelle.features import Doubles


def read_weights(column: pd.Series, source: str) -> pd.Series:
    """Read the column of weights, float64, as a source's rows are numbered.

    Args:
        column: `str`, indexed by row number.
        source: what messages call the data.

    Raises:
        UserError: names the first row whose weight is missing, no number or negative.
    """
    key, unit = f"data.weight={column.name}", column.index.name or "row"
    missing = np.flatnonzero(column.isna())
    if len(missing):
        raise UserError(f"{source}, {unit} {column.index[missing[0]]}: {key} is empty; give each record a weight.")
    texts = Column.of(column)
    numbers, wrong = read_numbers(texts.texts)
    if wrong:
        place, reason = first_wrong(texts, wrong)
        raise UserError(
            f"{source}, {unit} {column.index[place]}: {key} holds {reason}; correct it, or name another column."
        )
    weights: Doubles = numbers[texts.index]
    negative = np.flatnonzero(weights < 0)
    if len(negative):
        raise UserError(
            f"{source}, {unit} {column.index[negative[0]]}: {key} holds {weights[negative[0]]:g}, which is below zero; "
            "a weight says how many units a record stands for."
        )
    return pd.Series(weights, index=column.index, name="weight")


def weights_of(records: pd.DataFrame, name: str | None) -> Doubles | None:
    """The weights of raw records, float64 [rows]; None where they have no such column, or there is none to ask for.

    Raises:
        UserError: as `read_weights`, with rows counted from 1, and when all weights are 0.
    """
    if name is None or name not in records.columns:
        return None
    column = blank_to_missing(as_strings(records[[name]]))[name]
    weights = read_weights(column.set_axis(pd.RangeIndex(1, len(column) + 1)), "The records").to_numpy(np.float64)
    if not weights.any():
        raise UserError(
            f"The records: data.weight={name} is 0 in every row, so that none of them counts; leave the column out for "
            "metrics without weights."
        )
    return weights


def require_weights(weights: pd.Series, splits: pd.Series, labels: pd.Series, what: str) -> None:
    """Raise `UserError` where the weights of a split add up to zero, so that nothing can be said of its rows.

    Or those of either of two labels in a split: what weighs nothing counts as if it were not there, and two labels need
    rows in each split (`libelle.data.check.labels`).

    Args:
        weights: float64 [rows], none below zero.
        splits: the split of each row.
        labels: the label of each row.
        what: what messages call the weights.
    """
    for split, total in weights.groupby(splits).sum().items():
        if not total > 0:
            raise UserError(f"{what} is 0 in every {split} row, so that none of them counts; name another column.")
    if labels.nunique() > 2:
        return
    totals = weights.groupby([splits, labels]).sum()
    for split, label in totals.index[~(totals > 0)].tolist():
        raise UserError(
            f"{what} is 0 in every {split} row with the label {label}, and two labels need rows that count in each "
            "split; give more rows of it, or name another column."
        )

"""Target rules: from source columns to one label a row."""

from typing import Literal

import pandas as pd

from libelle.errors import UserError

Rule = Literal["label", "all_empty", "equals"]


def make_targets(table: pd.DataFrame, columns: list[str], rule: Rule, value: str | None, source: str) -> pd.Series:
    """Return the label of each row as `str`, indexed as `table`.

    Args:
        table: the source's rows, indexed by row number.
        columns: the target's source columns, all in `table`.
        rule: `label`: the column is the label; `all_empty`: "1" where all columns are missing, else "0";
            `equals`: "1" where the column equals `value`, else "0" (a missing value equals nothing).
        value: what `equals` compares with.
        source: what messages call the data.

    Raises:
        UserError: when a label is missing, or the rule and its arguments do not fit.
    """
    if rule == "all_empty":
        return table[columns].isna().all(axis=1).map({True: "1", False: "0"}).astype("str")
    if len(columns) != 1:
        raise UserError(
            f"data.target names {len(columns)} columns, and data.target_rule={rule} takes one; name one, or set "
            "data.target_rule=all_empty."
        )
    column = table[columns[0]]
    if rule == "equals":
        if value is None:
            raise UserError("data.target_rule=equals needs data.target_value, the value that makes a row positive.")
        return (column == value).map({True: "1", False: "0"}).astype("str")
    if column.isna().any():
        raise UserError(
            f"{source}, row {column.index[column.isna()][0]}: column {columns[0]!r} is empty, and it is the label "
            f"({column.isna().sum()} such rows); fill it in or remove the row."
        )
    return column


def order_labels(targets: pd.Series, positive: str | None, source: str) -> list[str]:
    """Labels in the order of the score columns: sorted; of two, the positive one is last.

    Raises:
        UserError: when there is one class only, or `positive` does not fit.
    """
    labels = sorted(targets.unique())
    if len(labels) < 2:
        raise UserError(
            f"{source}: all {len(targets)} rows have the same label {labels[0]!r}; a classifier needs two classes, "
            "check data.target and data.target_rule."
        )
    if positive is None:
        return labels
    if len(labels) > 2:
        raise UserError(f"data.positive={positive} is for two classes, and there are {len(labels)}; leave it out.")
    if positive not in labels:
        raise UserError(f"data.positive={positive} is not a label; choose {labels[0]!r} or {labels[1]!r}.")
    return sorted(labels, key=lambda label: label == positive)

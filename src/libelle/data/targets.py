"""Target rules: from source columns to one label a row."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from libelle.data.frames import as_strings, blank_to_missing, named, positions
from libelle.data.records import require_columns
from libelle.errors import UserError
from libelle.features import Ints

Rule = Literal["label", "all_empty", "equals"]
#: What becomes of rows without a label.
Unlabelled = Literal["refuse", "skip"]


@dataclass(frozen=True)
class Target:
    """What a label is made of: the arguments of `make_targets`.

    Attributes:
        columns: the source's columns.
        rule: from them to the label.
        value: what `equals` compares with.
    """

    columns: list[str]
    rule: Rule = "label"
    value: str | None = None

    def positions(self, table: pd.DataFrame, labels: Sequence[str]) -> Ints:
        """Each record's position in a model's labels, int64 [rows].

        Args:
            table: raw records, with the target's columns.
            labels: in the order of the score columns.

        Raises:
            UserError: when a column or a label is missing, or a label is not one of the model's.
        """
        source = "The table of records"
        if table.empty:
            raise UserError(f"{source} has no rows; give it some.")
        require_columns(list(table.columns), {"the target": self.columns}, source, keys="")
        given = blank_to_missing(as_strings(table[self.columns])).set_axis(pd.RangeIndex(1, len(table) + 1), axis=0)
        targets = make_targets(given, self.columns, self.rule, self.value, source)
        places = positions(targets, labels)
        if (places < 0).any():
            row = int(np.flatnonzero(places < 0)[0])
            raise UserError(
                f"{source}, row {row + 1}: the label {targets.iloc[row]!r} is not one of the model's; leave such "
                "records out, or train a model that knows the label."
            )
        return places


def make_targets(table: pd.DataFrame, columns: list[str], rule: Rule, value: str | None, source: str) -> pd.Series:
    """Return the label of each row as `str`, indexed as `table`.

    Args:
        table: the source's rows, indexed by row number.
        columns: the target's source columns, all in `table`.
        rule: `label`: the column is the label; `all_empty`: "1" where all columns are missing, else "0";
            `equals`: "1" where the column equals `value`, else "0".
        value: what `equals` compares with.
        source: what messages call the data.

    Raises:
        UserError: when a row has no label (`unlabelled`), or the rule and its arguments do not fit.
    """
    if rule == "all_empty":
        return _yes_or_no(table[columns].isna().all(axis=1))
    if len(columns) != 1:
        raise UserError(
            f"data.target names {len(columns)} columns, and data.target_rule={rule} takes one; name one, or set "
            "data.target_rule=all_empty."
        )
    column = table[columns[0]]
    if rule == "equals" and value is None:
        raise UserError("data.target_rule=equals needs data.target_value, the value that makes a row positive.")
    empty = unlabelled(table, columns, rule)
    if empty.any():
        place = f"{column.index.name or 'row'} {column.index[empty][0]}"
        raise UserError(
            f"{source}, {place}: column {columns[0]!r} is empty, and the label is made of it "
            f"({empty.sum():,} such rows); fill it in, or remove the rows."
        )
    if rule == "equals":
        return _yes_or_no(column == value)
    return column


def _yes_or_no(flags: pd.Series) -> pd.Series:
    return named(["0", "1"], flags.to_numpy(dtype=np.int8), flags.index)


def unlabelled(table: pd.DataFrame, columns: Sequence[str], rule: Rule) -> npt.NDArray[np.bool_]:
    """Rows without a label, bool [rows]: those whose target is empty, unless the rule is about just that.

    Args:
        table: the source's rows.
        columns: the target's source columns, all in `table`.
        rule: from them to the label.
    """
    if rule == "all_empty" or len(columns) != 1:
        return np.zeros(len(table), dtype=np.bool_)
    return table[columns[0]].isna().to_numpy(dtype=np.bool_)


def rows_to_pass_over(table: pd.DataFrame, target: Target, choice: Unlabelled, source: str) -> npt.NDArray[np.bool_]:
    """Rows without a label that a source leaves out, bool [rows].

    Args:
        table: the source's rows, indexed by row number.
        target: what the label is made of; its columns are in `table`.
        choice: what becomes of them.
        source: what messages call the data.

    Raises:
        UserError: when there are such rows and they are not to be skipped, or no row has a label.
    """
    without = unlabelled(table, target.columns, target.rule)
    if not without.any():
        return without
    place = f"{table.index.name or 'row'} {table.index[without][0]}"
    row = f"{source}, {place}: column {target.columns[0]!r} is empty, and the label is made of it"
    if without.all():
        raise UserError(f"{row}, as in all rows; name another column with data.target.")
    if choice == "refuse":
        raise UserError(
            f"{row} ({without.sum():,} of {len(table):,} rows); fill it in, or pass over such rows with "
            "data.unlabelled=skip."
        )
    return without


def without_case_and_blanks(label: str) -> str:
    """A label as people read it."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", label).replace("\u200b", "")).strip().casefold()


def nearly_positive(table: pd.DataFrame, target: Target) -> dict[str, int]:
    """Values that the rule `equals` takes for negative, and that are its value but for case or blanks: value → rows."""
    if target.rule != "equals" or target.value is None:
        return {}
    wanted = without_case_and_blanks(target.value)
    rows = table[target.columns[0]].value_counts()
    return {
        str(value): int(count)
        for value, count in rows.items()
        if value != target.value and without_case_and_blanks(str(value)) == wanted
    }


def order_labels(targets: pd.Series, positive: str | None, source: str, target: Target | None = None) -> list[str]:
    """Labels in the order of the score columns: sorted; binary: the positive one is last.

    Args:
        targets: the label of each row.
        positive: the positive label, where it was named.
        source: what messages call the data.
        target: what the labels are made of, for messages.

    Raises:
        UserError: when there is only one label, or `positive` does not fit.
    """
    labels = sorted(targets.unique())
    if len(labels) < 2:
        raise UserError(f"{source}: {_one_label(labels[0], len(targets), target)}.")
    if positive is None:
        return labels
    if len(labels) > 2:
        raise UserError(f"data.positive={positive} is for two labels, and there are {len(labels)}; leave it out.")
    if positive not in labels:
        raise UserError(f"data.positive={positive} is not a label; choose {labels[0]!r} or {labels[1]!r}.")
    return sorted(labels, key=lambda label: label == positive)


def _one_label(label: str, rows: int, target: Target | None) -> str:
    """What is wrong where all rows have one label; "0" and "1" of a rule are words that nobody has typed."""
    some = "no row" if label == "0" else "every row"
    if target is not None and target.rule == "equals":
        there = f"column {target.columns[0]!r} holds data.target_value={target.value} in {some}"
        return f"{there}, and a classifier needs rows of both kinds; check data.target and data.target_value"
    if target is not None and target.rule == "all_empty":
        columns = ", ".join(map(repr, target.columns))
        there = f"{some} is empty in {columns}, as data.target_rule=all_empty asks"
        return f"{there}, and a classifier needs rows of both kinds; check data.target"
    count = f"all {rows:,} rows have the same label" if rows > 1 else "its only row has the label"
    return f"{count} {label!r}; a classifier needs two labels, check data.target and data.target_rule"

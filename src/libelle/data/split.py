"""The split into training, validation and test rows."""

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from libelle import shards
from libelle.components import Component, Natural, OpenShare
from libelle.data.apportionment import apportion
from libelle.data.frames import named
from libelle.errors import UserError, counted
from libelle.features import Doubles, Ints

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")

#: What a column may say instead of the names of the splits.
SYNONYMS = {
    "train": TRAIN,
    "training": TRAIN,
    "validation": VALIDATION,
    "valid": VALIDATION,
    "val": VALIDATION,
    "dev": VALIDATION,
    "test": TEST,
}


@dataclass
class SplitConfig(Component):
    """How rows are split; the same whatever order the rows come in.

    Attributes:
        column: a column that says `train`, `validation` (also `val`, `valid`, `dev`) or `test`.
        group: a column whose equal values stay together, such as a household; where `column` tears them, it is refused.
        validation: share of the rows for validation; of the training rows where `column` names no validation rows.
        test: share of the rows for the test.
        seed: changes which rows go where. Not the training seed, so that runs with different seeds are comparable.
    """

    column: str | None = None
    group: str | None = None
    validation: OpenShare = 0.15
    test: OpenShare = 0.15
    seed: Natural = 1

    def __post_init__(self) -> None:
        if self.validation + self.test >= 1:
            raise UserError(
                f"data.split.validation={self.validation} and data.split.test={self.test} leave no training rows; "
                "together they must stay below 1."
            )


def split_rows(
    config: SplitConfig,
    ids: pd.Series,
    targets: pd.Series,
    given: pd.Series | None,
    groups: pd.Series | None,
    source: str,
) -> pd.Series:
    """Return `train`, `validation` or `test` for each row, as `str`, indexed as `ids`.

    Without a given column, rows are ordered by a hash of id and seed within each label and cut: the first are for the
    test, the next for validation. How many of each label, `apportion` says. With groups, whole groups are ordered and
    cut instead.

    Args:
        config: fractions and seed.
        ids: unique ids.
        targets: labels.
        given: the values of `config.column`, if asked for.
        groups: the values of `config.group`, if asked for.
        source: what messages call the data.

    Raises:
        UserError: when a split would be empty, a given value is not understood, or given values tear a group.
    """
    units = ids if groups is None else groups
    if groups is not None and groups.isna().any():
        place = f"{groups.index.name or 'row'} {groups.index[groups.isna()][0]}"
        raise UserError(f"{source}, {place}: the group column {config.group!r} is empty; fill it in.")
    strata = targets if groups is None else None
    if given is None:
        cuts = {TEST: config.test, VALIDATION: config.validation}
        splits = _cut(units, strata, cuts, config.seed)
    else:
        splits = _read_given(given, config, source)
        if groups is not None:
            _refuse_torn(groups, splits, config, source)
        if not (splits == VALIDATION).any():
            train = splits == TRAIN
            cuts = {VALIDATION: config.validation}
            splits[train] = _cut(units[train], None if strata is None else strata[train], cuts, config.seed)
    for name in SPLITS:
        if not (splits == name).any():
            raise UserError(_no_row(name, targets, groups, given, config, source))
    return splits


def _no_row(
    name: str,
    targets: pd.Series,
    groups: pd.Series | None,
    given: pd.Series | None,
    config: SplitConfig,
    source: str,
) -> str:
    if given is not None and name != VALIDATION:
        return (
            f"{source}: no row of the split column {config.column!r} says {name}; correct the column, or leave "
            "data.split.column out."
        )
    if groups is not None:
        return (
            f"{source}: no row is left for {name}: rows of one group stay together, and the column {config.group!r} "
            f"has {counted(groups.nunique(), 'group')}; give more groups, or leave data.split.group out."
        )
    if len(targets) > 2 and targets.is_unique:
        return (
            f"{source}: no row is left for {name}, since each of the {len(targets)} labels has one row, which is for "
            "training; give more rows for each label, or check that data.target names the column of labels."
        )
    return f"{source}: no row is left for {name} ({len(targets)} rows in all); give more rows or change data.split."


def _read_given(given: pd.Series, config: SplitConfig, source: str) -> pd.Series:
    splits = given.str.strip().str.lower().map(SYNONYMS)
    if splits.isna().any():
        row = splits.index[splits.isna()][0]
        found = "nothing" if pd.isna(given[row]) else repr(given[row])
        raise UserError(
            f"{source}, {given.index.name or 'row'} {row}: {found} in the split column {config.column!r}, where one of "
            f"{', '.join(SYNONYMS)} must stand; correct it."
        )
    return splits.astype("str")


def _refuse_torn(groups: pd.Series, splits: pd.Series, config: SplitConfig, source: str) -> None:
    """Raise `UserError` where a given column puts rows of one group into two splits, and a test would flatter."""
    codes, _ = pd.factorize(groups)
    given, _ = pd.factorize(splits)
    first = np.full(codes.max(initial=-1) + 1, -1)
    first[codes[::-1]] = given[::-1]
    torn = np.flatnonzero(given != first[codes])
    if len(torn):
        row = int(torn[0])
        other = int(np.flatnonzero(codes == codes[row])[0])
        unit = groups.index.name or "row"
        raise UserError(
            f"{source}, {unit} {groups.index[row]}: the split column {config.column!r} says {splits.iloc[row]}, and "
            f"{splits.iloc[other]} in {unit} {groups.index[other]}, which has the same {config.group!r}, "
            f"{groups.iloc[row]!r}; correct the column, or leave data.split.column or data.split.group out."
        )


def _cut(units: pd.Series, strata: pd.Series | None, cuts: dict[str, float], seed: int) -> pd.Series:
    """Order the rows by the hash of their unit; the first share is the first cut, and so on."""
    shares = np.array(list(cuts.values()))
    chosen = _cut_groups(units, shares, seed) if strata is None else _cut_labels(units, strata, shares, seed)
    return named([*cuts, TRAIN], chosen, units.index)


def _cut_groups(groups: pd.Series, shares: Doubles, seed: int) -> Ints:
    """The cut of each row, int64 [rows], the same for the rows of one group."""
    codes, distinct = pd.factorize(groups)
    hashes = _hash(pd.Series(distinct), seed)[codes]
    # A group larger than a whole cut comes last, among the training rows.
    large = np.bincount(codes)[codes] > shares.min() * len(groups)
    order = np.lexsort((hashes, large))
    # Rows of one group share its middle place, so that a group is never torn.
    place = pd.Series((np.arange(len(groups)) + 0.5) / len(groups)).groupby(hashes[order]).transform("mean").to_numpy()
    chosen = np.empty(len(groups), np.int64)
    chosen[order] = np.searchsorted(np.cumsum(shares), place, side="right")
    return chosen


def _cut_labels(ids: pd.Series, targets: pd.Series, shares: Doubles, seed: int) -> Ints:
    """The cut of each row, int64 [rows]: of each label its part, and together the shares of all rows."""
    stratum, labels = pd.factorize(targets)
    order = np.lexsort((_hash(ids, seed), stratum))
    sizes = np.bincount(stratum)
    # Where sizes are equal, chance says which labels have a row more: neither their names nor the order of the rows.
    by_size = np.lexsort((_hash(pd.Series(labels), seed), -sizes))
    counts = np.empty((len(sizes), len(shares)), np.int64)
    counts[by_size] = apportion(sizes[by_size], shares)
    first, ends = np.cumsum(sizes) - sizes, np.cumsum(counts, axis=1)
    chosen = np.empty(len(order), np.int64)
    for part in shards.shards(len(order)):
        in_order = stratum[order[part]]
        rank = np.arange(part.start, part.stop) - first[in_order]
        chosen[order[part]] = (rank[:, None] >= ends[in_order]).sum(axis=1)
    return chosen


def _hash(units: pd.Series, seed: int) -> Ints:
    seeded = hashlib.blake2b(f"{seed}:".encode(), digest_size=8)

    def digest_of(unit: Hashable) -> bytes:
        digest = seeded.copy()  # in half the time of a new one
        digest.update(str(unit).encode())
        return digest.digest()

    def hashes(part: slice) -> Ints:
        return np.frombuffer(b"".join(map(digest_of, units.iloc[part].tolist())), ">i8")

    return shards.computed(len(units), np.int64, hashes)

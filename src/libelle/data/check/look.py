"""The look at the data: everything that is found before any work."""

import numpy as np
import pandas as pd

from libelle.data.check import fields, give_away, labels
from libelle.data.check.findings import DataCheck, Finding
from libelle.data.columns import Column, row_keys
from libelle.data.distinct import number_equal
from libelle.data.frames import positions
from libelle.data.records import Records
from libelle.data.source import Source
from libelle.data.split import SPLITS, TEST, TRAIN, VALIDATION
from libelle.data.targets import without_case_and_blanks
from libelle.features import Ints
from libelle.language import N_
from libelle.shards import shards


def look_at(source: Source, records: Records) -> DataCheck:
    """Look at what a source has given; distinct texts are read once, and rows by their numbers.

    Args:
        source: where the records are from.
        records: all of them.
    """
    target = Column.of(records.targets)
    split = positions(records.splits, SPLITS)
    order = pd.Index(records.labels).get_indexer(pd.Index(target.texts))
    rows = _count(order, target.index, split)
    roles = source.roles
    split_by = {key: names[0] for key, names in roles.items() if key in ("data.split.column", "data.split.group")}
    alike = [without_case_and_blanks(text) for text in target.texts]
    found = [
        *labels.find(records.labels, rows, roles["data.target"], split_by),
        *labels.nearly_positive(records.nearly_positive, source.target_value),
        *fields.odd_characters(fields.ODD_TARGET, records.labels),
        *fields.odd_characters(fields.ODD_HEADER, [*records.columns, *records.unused]),
        # Labels that are alike would hide that a code settles them.
        *give_away.find(records.columns, target.replace(alike), source.kinds),
        *fields.find(records.columns, roles, source.kinds),
        *_without_texts(source, records),
        *_in_two_splits(records, split),
    ]
    return DataCheck(
        name=source.title,
        source=str(source),
        rows=len(records.ids),
        unlabelled=records.unlabelled,
        fields=list(records.columns),
        roles={**roles, **{key: list(names) for key, names in source.kinds.by_key.items() if names}},
        text=source.text,
        unused=records.unused,
        labels={
            label: dict(zip(SPLITS, counts, strict=True))
            for label, counts in zip(records.labels, rows.tolist(), strict=True)
        },
        findings=sorted(found, key=lambda finding: not finding.refused),
    )


def _count(order: Ints, targets: Ints, split: Ints) -> Ints:
    """Rows of each label in each split, int64 [labels, splits]; `order` is the place of each distinct target."""
    size = len(order) * len(SPLITS)
    rows = np.zeros(size, dtype=np.int64)
    for part in shards(len(split)):
        rows += np.bincount(order[targets[part]] * len(SPLITS) + split[part], minlength=size)
    return rows.reshape(-1, len(SPLITS))


def _without_texts(source: Source, records: Records) -> list[Finding]:
    empty = np.logical_and.reduce([column.missing for column in records.columns.values()])
    if not empty.any():
        return []
    unit, place = source.place_of(int(records.ids.index[empty][0]))
    message = N_(
        "Rows without a text in any field: {rows:,}, the first of them row {row}; fill them in, or remove them."
    )
    if unit == "line":
        message = N_(
            "Rows without a text in any field: {rows:,}, the first of them line {row}; fill them in, or remove them."
        )
    return [Finding("rows without text", message, {"rows": int(empty.sum()), "row": place})]


def _in_two_splits(records: Records, split: Ints) -> list[Finding]:
    """Records whose texts stand in the training rows, too."""
    codes, distinct = number_equal(row_keys(records.columns))
    trained = np.zeros(distinct, dtype=np.bool_)
    for part in shards(len(split)):
        trained[codes[part][split[part] == SPLITS.index(TRAIN)]] = True
    repeated = dict.fromkeys((VALIDATION, TEST), 0)
    for part in shards(len(split)):
        for name in repeated:
            repeated[name] += int(trained[codes[part][split[part] == SPLITS.index(name)]].sum())
    if not any(repeated.values()):
        return []
    tests = int((split == SPLITS.index(TEST)).sum())
    message = N_(
        "{validation:,} validation and {test:,} of {tests:,} test records have the very texts of a training record; "
        "judge by the figures without them, which the run gives too, or remove repeated records."
    )
    if repeated[TEST] == tests:
        message = N_(
            "{validation:,} validation and all {tests:,} test records have the very texts of a training record, so "
            "that no figure says how new records fare; remove repeated records."
        )
    return [Finding("records in two splits", message, {**repeated, "tests": tests})]

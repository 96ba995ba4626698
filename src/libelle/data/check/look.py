"""The look at the data: everything that is found before any work."""

import numpy as np
import pandas as pd

from libelle.data.check import fields, give_away, labels
from libelle.data.check.findings import DataCheck, Finding
from libelle.data.columns import Column, row_keys
from libelle.data.records import Records
from libelle.data.source import Source
from libelle.data.split import SPLITS, TEST, TRAIN, VALIDATION
from libelle.data.targets import without_case_and_blanks
from libelle.features import Ints
from libelle.language import N_


def look_at(source: Source, records: Records) -> DataCheck:
    """Look at what a source has given; distinct texts are read once, and rows by their numbers.

    Args:
        source: where the records are from.
        records: all of them.
    """
    target = Column.of(records.targets)
    split = pd.Index(SPLITS).get_indexer(pd.Index(records.splits)).astype(np.int64)
    order = pd.Index(records.labels).get_indexer(pd.Index(target.texts))
    places = order[target.index] * len(SPLITS) + split
    rows = np.bincount(places, minlength=len(records.labels) * len(SPLITS)).reshape(-1, len(SPLITS))
    roles = source.roles
    split_by = {key: names[0] for key, names in roles.items() if key in ("data.split.column", "data.split.group")}
    found = [
        *labels.find(records.labels, rows, roles["data.target"], split_by),
        *labels.nearly_positive(records.nearly_positive, source.target_value),
        *fields.odd_characters(fields.ODD_TARGET, records.labels),
        *fields.odd_characters(fields.ODD_HEADER, [*records.columns, *records.unused]),
        # Labels that are alike would hide that a code settles them.
        *give_away.find(records.columns, target.replace([without_case_and_blanks(text) for text in target.texts])),
        *fields.find(records.columns, roles),
        *_without_texts(records),
        *_in_two_splits(records, split),
    ]
    return DataCheck(
        name=source.title,
        source=str(source),
        rows=len(records.ids),
        unlabelled=records.unlabelled,
        fields=list(records.columns),
        roles={**roles, **{key: list(names) for key, names in source.kinds.by_key.items() if names}},
        unused=records.unused,
        labels={
            label: dict(zip(SPLITS, counts, strict=True))
            for label, counts in zip(records.labels, rows.tolist(), strict=True)
        },
        findings=sorted(found, key=lambda finding: not finding.refused),
    )


def _without_texts(records: Records) -> list[Finding]:
    empty = np.logical_and.reduce([column.missing for column in records.columns.values()])
    if not empty.any():
        return []
    message = N_(
        "Rows without a text in any field: {rows:,}, the first of them row {row}; fill them in, or remove them."
    )
    return [Finding("rows without text", message, {"rows": int(empty.sum()), "row": int(records.ids.index[empty][0])})]


def _in_two_splits(records: Records, split: Ints) -> list[Finding]:
    """Records whose texts stand in the training rows, too."""
    codes, distinct = pd.factorize(row_keys(records.columns))
    trained = np.zeros(len(distinct), dtype=np.bool_)
    trained[codes[split == SPLITS.index(TRAIN)]] = True
    repeated = {name: int(trained[codes[split == SPLITS.index(name)]].sum()) for name in (VALIDATION, TEST)}
    if not any(repeated.values()):
        return []
    tests = int((split == SPLITS.index(TEST)).sum())
    message = N_(
        "{validation:,} validation and {test:,} of {tests:,} test records have the very texts of a training record; "
        "judge by the figures without them, which the run gives too, or remove repeated records."
    )
    return [Finding("records in two splits", message, {**repeated, "tests": tests})]

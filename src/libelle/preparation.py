"""Prepared data: cleaned, encoded and split, ready for any model. What `mode=prepare` keeps and `mode=train` reads."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from libelle.cleaners.base import Cleaner, clean_table
from libelle.components import build, describe
from libelle.data.records import Records
from libelle.data.source import Source
from libelle.data.split import SPLITS, TRAIN
from libelle.features import Dataset, Features, load_features, save_features
from libelle.pipeline import golden_records
from libelle.processes.base import Process

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """Encoded records and what encoded them. Raw texts are gone, but for the golden records.

    Attributes:
        name: what the data is called.
        text: the field that a bare text fills.
        id: the column of ids, where the source has one.
        fields: names of the text fields.
        labels: in the order of the score columns; of two, the positive one is last.
        rows: one row a record: `id`, `target` and `split`.
        features: of all records, in the same order.
        cleaners: name → cleaner.
        process: fitted on the training rows.
        golden: raw records, each field drawn from a different row.
        about: fingerprint, counts and shares, for people.
    """

    name: str
    text: str
    id: str | None
    fields: list[str]
    labels: list[str]
    rows: pd.DataFrame
    features: Features
    cleaners: Mapping[str, Cleaner]
    process: Process
    golden: pd.DataFrame
    about: Mapping[str, Any]

    @classmethod
    def from_source(cls, source: Source, records: Records, cleaners: Mapping[str, Cleaner], process: Process) -> Self:
        """Clean all records, fit the process on the training rows alone, and encode.

        Args:
            source: where the records are from.
            records: all of them.
            cleaners: name → cleaner, in the order of application.
            process: not yet fitted.
        """
        cleaned = clean_table(records.fields, cleaners.values())
        train = records.splits == TRAIN
        process.fit(cleaned[train], records.targets[train])
        fields = [str(name) for name in records.fields.columns]
        return cls(
            name=source.name,
            text=source.text or fields[0],
            id=source.id,
            fields=fields,
            labels=records.labels,
            rows=pd.DataFrame({"id": records.ids, "target": records.targets, "split": records.splits}),
            features=process.transform(cleaned),
            cleaners=cleaners,
            process=process,
            golden=golden_records(records.fields[train], seed=source.split.seed),
            about=_describe(records),
        )

    def dataset(self, split: str) -> Dataset:
        """Features and targets of one split."""
        chosen = (self.rows["split"] == split).to_numpy().nonzero()[0]
        codes = self.rows["target"].map({label: code for code, label in enumerate(self.labels)})
        return Dataset(self.features.take(chosen), codes.to_numpy(dtype=np.int64)[chosen])

    def save(self, folder: Path) -> None:
        """Write everything into an empty folder, without pickle and without raw records."""
        for part in ("process", "features"):
            (folder / part).mkdir()
        self.process.save(folder / "process")
        save_features(self.features, folder / "features")
        self.rows.to_parquet(folder / "rows.parquet", index=False, compression="zstd")
        self.golden.to_parquet(folder / "golden.parquet", index=False, compression="zstd")
        prepared = {
            **{name: getattr(self, name) for name in ("name", "text", "id", "fields", "labels", "about")},
            "cleaners": {name: describe(cleaner) for name, cleaner in self.cleaners.items()},
            "process": describe(self.process),
        }
        (folder / "prepared.json").write_text(json.dumps(prepared, indent=1, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what `save` wrote; large arrays are memory-mapped."""
        prepared = json.loads((folder / "prepared.json").read_text(encoding="utf-8"))
        cleaners = {name: build(node, Cleaner, f"cleaner.{name}") for name, node in prepared.pop("cleaners").items()}
        process = build(prepared.pop("process"), Process, "process").load(folder / "process")
        return cls(
            **prepared,
            rows=pd.read_parquet(folder / "rows.parquet"),
            features=load_features(folder / "features"),
            cleaners=cleaners,
            process=process,
            golden=pd.read_parquet(folder / "golden.parquet"),
        )

    def report(self) -> None:
        """Say what there is, and warn of labels that cannot be learnt."""
        counts = self.rows["split"].value_counts()
        shares = ", ".join(f"{counts[split]:,} {split}" for split in SPLITS)
        log.info("%s: %s rows (%s), %d labels", self.name, f"{len(self.rows):,}", shares, len(self.labels))
        seen = set(self.rows["target"][self.rows["split"] == TRAIN])
        unseen = [label for label in self.labels if label not in seen]
        if unseen:
            log.warning("%d labels have no training row and cannot be learnt: %s", len(unseen), ", ".join(unseen[:10]))


def _describe(records: Records) -> dict[str, Any]:
    """Fingerprint, rows of each split and label, and what each field holds."""
    return {
        "fingerprint": records.fingerprint(),
        "rows": {split: int((records.splits == split).sum()) for split in SPLITS},
        "label_rows": {
            split: {str(label): int(rows) for label, rows in records.take(split).targets.value_counts().items()}
            for split in SPLITS
        },
        "missing": {str(name): float(share) for name, share in records.fields.isna().mean().items()},
        "distinct": {str(name): int(count) for name, count in records.fields.nunique().items()},
    }

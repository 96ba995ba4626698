"""Prepared data: cleaned, encoded and split, ready for any model. What `mode=prepare` keeps and `mode=train` reads."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Annotated, Any, NotRequired, Self

import numpy as np
import pandas as pd
from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from libelle.cleaners.base import Cleaner
from libelle.components import Positive, build, describe
from libelle.data.check.findings import DataCheck, sentences, summary
from libelle.data.columns import take
from libelle.data.field_kinds import Kinds
from libelle.data.frames import positions
from libelle.data.frequent import fewest_in_clear
from libelle.data.parquet_files import read_table
from libelle.data.records import Records
from libelle.data.source import Source
from libelle.data.split import SPLITS, TEST, TRAIN
from libelle.data.targets import Target
from libelle.evaluation.drift_reference import Reference
from libelle.evaluation.field_worth import Erased, erase
from libelle.feature_files import load_features, save_features
from libelle.features import Dataset, Doubles, Features, Ints
from libelle.files import LARGEST_WORDS, read_json, write_json
from libelle.pipeline_file import Node
from libelle.processes.base import Process
from libelle.processes.returned import require_sound
from libelle.processes.table_encoder import Encoding, TableEncoder, clean_fields
from libelle.progress import stage
from libelle.stores.formats import PREPARED, check_format
from libelle.training.golden_records import golden_records
from libelle.training.prepared_rows import read_rows, rows_of, save_rows

log = logging.getLogger(__name__)


class _Kept(TypedDict):
    """The values of `prepared.json` beside its format; those that were added later need not be there."""

    name: str
    text: str
    id: str | None
    fields: Annotated[list[str], Field(min_length=1)]
    labels: Annotated[list[str], Field(min_length=1)]
    about: dict[str, Any]
    reading: NotRequired[dict[str, str]]
    titles: NotRequired[dict[str, str]]
    target: Target
    cleaners: dict[str, Node]
    process: Node
    weight: NotRequired[str | None]
    min_records: NotRequired[Positive | None]


_KEPT = TypeAdapter(_Kept)


@dataclass(frozen=True)
class Prepared:
    """Encoded records and what encoded them. Raw texts are gone, but for the golden records.

    Attributes:
        name: what the data is called.
        text: the field that a bare text fills.
        id: the column of ids, where the source has one.
        target: what the label is made of.
        fields: names of the fields.
        labels: in the order of the score columns; binary: the positive one is last.
        rows: one row a record: `id`, `target`, `split`, `content` (int64, equal for records of equal cleaned texts),
            `missing` (names of its missing fields), `weight` (where records have one) and a `slice_<column>` for each
            of the source's slices.
        features: of all records, in the same order.
        cleaners: name → cleaner.
        process: fitted on the training rows.
        golden: raw records that are made up (`libelle.training.golden_records`).
        about: fingerprint, counts, shares and what was found before the work (`check`), for people.
        erased: test records with a field or a word left out, to tell later what these are worth.
        titles: label → title, of those that have one.
        texts: raw texts of all records, where they were to be kept.
        reference: what later records are compared with.
        reading: how the source's file was read, for files like it.
        encoder: encodes the fields that are not text; None where all are.
        weight: the source's column of weights; None where all records count the same.
        min_records: training records that hold any word, n-gram or text that is kept, at least; None where the process
            does not say, and in bases of earlier versions.
    """

    name: str
    text: str
    id: str | None
    target: Target
    fields: list[str]
    labels: list[str]
    rows: pd.DataFrame
    features: Features
    cleaners: Mapping[str, Cleaner]
    process: Process
    golden: pd.DataFrame
    about: Mapping[str, Any]
    erased: Erased
    reference: Reference
    titles: Mapping[str, str] = dataclass_field(default_factory=dict)
    texts: pd.DataFrame | None = None
    reading: Mapping[str, str] = dataclass_field(default_factory=dict)
    encoder: TableEncoder | None = None
    weight: str | None = None
    min_records: int | None = None

    @classmethod
    def from_source(
        cls,
        source: Source,
        records: Records,
        cleaners: Mapping[str, Cleaner],
        process: Process,
        *,
        keep_texts: bool = False,
        check: DataCheck | None = None,
    ) -> Self:
        """Clean all records, fit the process on the training rows alone, and encode.

        Args:
            source: where the records are from.
            records: all of them.
            cleaners: name → cleaner, in the order of application.
            process: not yet fitted.
            keep_texts: keep the raw texts, too.
            check: what a look at the records has found; kept for the report.
        """
        train = (records.splits == TRAIN).to_numpy()
        kept = process.fewest_records()
        fewest = fewest_in_clear(kept)
        with stage(f"cleaning {len(train):,} records"):
            rows = np.flatnonzero(train)
            golden = golden_records(records.columns, rows, source.split.seed, source.kinds.fields, fewest)
            cleaned = clean_fields(records.columns, cleaners.values(), source.kinds)
            for name in cleaned.keys() - set(source.kinds.fields):
                _ = cleaned[name].words  # split once, for whatever is made of some rows or of all
        with stage(f"fitting the process to {train.sum():,} records"):
            learnt = take(cleaned, rows)
            encoding = Encoding.fit(process, learnt, records.targets[train], source.kinds)
        with stage(f"encoding {len(train):,} records"):
            features = encoding.transform(cleaned)
            test = np.flatnonzero((records.splits == TEST).to_numpy())
            erased = erase(cleaned, test, encoding.transform, source.split.seed, source.kinds.fields)
            require_sound(features, erased.features, process)
        fields = list(records.columns)
        return cls(
            name=source.title,
            text=source.text or fields[0],
            id=source.id,
            target=source.label,
            fields=fields,
            labels=records.labels,
            rows=rows_of(records, cleaned),
            features=features,
            cleaners=cleaners,
            process=process,
            golden=golden,
            about=_describe(records, source.kinds) | ({} if check is None else {"check": check.kept}),
            erased=erased,
            titles=records.titles,
            texts=records.fields if keep_texts else None,
            reference=Reference.of(cleaned, train, source.kinds, fewest),
            reading=records.reading,
            encoder=encoding.table,
            weight=source.weight,
            min_records=None if kept is None else int(min(kept, fewest)),
        )

    def dataset(self, split: str) -> Dataset:
        """Features and targets of one split."""
        chosen = (self.rows["split"] == split).to_numpy().nonzero()[0]
        weights = self.weights(split)
        scaled = None if weights is None else weights / weights.mean() if len(weights) else weights
        return Dataset(self.features.take(chosen), self.targets[chosen], scaled)

    def weights(self, split: str) -> Doubles | None:
        """How many units each record of a split stands for, float64; None where all count the same."""
        if self.weight is None:
            return None
        return self.rows["weight"][self.rows["split"] == split].to_numpy(dtype=np.float64)

    @property
    def targets(self) -> Ints:
        """Each record's position in `labels`, int64 [records]."""
        return positions(self.rows["target"], self.labels)

    def save(self, folder: Path) -> None:
        """Write everything into an empty folder, without pickle; raw records only where they were asked for."""
        for part in ("process", "features", "erased"):
            (folder / part).mkdir()
        self.process.save(folder / "process")
        save_features(self.features, folder / "features")
        save_features(self.erased.features, folder / "erased")
        self.erased.variants.to_parquet(folder / "erased.parquet", index=False, compression="zstd")
        self.reference.save(folder)
        if self.encoder is not None:
            self.encoder.save(folder)
        if self.texts is not None:
            save_rows(self.texts, folder / "texts.parquet")
        save_rows(self.rows, folder / "rows.parquet")
        self.golden.to_parquet(folder / "golden.parquet", index=False, compression="zstd")
        prepared = {
            "format": PREPARED,
            **{
                name: getattr(self, name)
                for name in ("name", "text", "id", "fields", "labels", "about", "reading", "titles")
            },
            "target": asdict(self.target),
            "cleaners": {name: describe(cleaner) for name, cleaner in self.cleaners.items()},
            "process": describe(self.process),
            **({} if self.weight is None else {"weight": self.weight}),
            "min_records": self.min_records,
        }
        write_json(folder / "prepared.json", prepared)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what `save` wrote; large arrays are memory-mapped."""
        prepared = read_json(folder / "prepared.json", LARGEST_WORDS)
        check_format(prepared, PREPARED, f"The prepared data in {folder}", "prepare them again with mode=prepare")
        kept: dict[str, Any] = {**_KEPT.validate_python(prepared)}
        cleaners = {name: build(node, Cleaner, f"cleaner.{name}") for name, node in kept.pop("cleaners").items()}
        process = build(kept.pop("process"), Process, "process").load(folder / "process")
        texts = folder / "texts.parquet"
        return cls(
            **kept,
            rows=read_rows(folder / "rows.parquet"),
            features=load_features(folder / "features"),
            cleaners=cleaners,
            process=process,
            golden=_table(folder, "golden"),
            erased=Erased(_table(folder, "erased"), load_features(folder / "erased")),
            texts=read_rows(texts) if texts.exists() else None,
            reference=Reference.load(folder),
            encoder=TableEncoder.load(folder),
        )

    def report(self) -> None:
        """Say what there is, and what was found in it before it was prepared."""
        if "check" in self.about:
            tell(self.about["check"])
            return
        # A base that an earlier version made.
        counts = self.rows["split"].value_counts()
        shares = ", ".join(f"{counts[split]:,} {split}" for split in SPLITS)
        log.info("%s: %s rows (%s), %d labels", self.name, f"{len(self.rows):,}", shares, len(self.labels))


def _table(folder: Path, name: str) -> pd.DataFrame:
    path = folder / f"{name}.parquet"
    return read_table(path, str(path))


def tell(check: Mapping[str, Any]) -> None:
    """Say what a look at the data has found; `check` is as `DataCheck.kept`."""
    log.info("%s", "\n".join(summary(check)))
    for sentence in sentences(check):
        log.warning("%s", sentence)


def _describe(records: Records, kinds: Kinds) -> dict[str, Any]:
    """Fingerprint, rows of each split and label, and what each field holds."""
    others = dict.fromkeys(kinds.categorical, "categorical") | dict.fromkeys(kinds.numeric, "numeric")
    return {
        "fingerprint": records.fingerprint(),
        "rows": {split: int((records.splits == split).sum()) for split in SPLITS},
        "label_rows": {
            split: {str(label): int(rows) for label, rows in counts.items()}
            for split in SPLITS
            for counts in [records.targets[records.splits == split].value_counts()]
        },
        "missing": {name: float(column.missing.mean()) for name, column in records.columns.items()},
        "distinct": {name: len(column.texts) for name, column in records.columns.items()},
        **({"kinds": others} if others else {}),
    }

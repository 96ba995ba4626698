"""The fitted pipeline: texts → clean → score → answers. Training, runtime and publication all use this one."""

import logging
import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, SupportsIndex

import pandas as pd

from libelle.cleaners.base import Cleaner, clean_table
from libelle.components import build
from libelle.data.columns import Column, Columns, count_rows, from_frame, to_frame
from libelle.data.frames import as_strings, blank_to_missing
from libelle.data.raw_records import RawRecords, ids_of, ids_of_columns, to_columns, to_table, whole_characters
from libelle.data.targets import Target
from libelle.data.weights import weights_of
from libelle.errors import UserError
from libelle.evaluation.answers import answers
from libelle.evaluation.calibration import Calibration
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.drift_reference import Reference
from libelle.evaluation.explanation import FieldEffect, explain
from libelle.evaluation.golden_file import Golden, load_golden, require_kept, require_same, save_golden
from libelle.features import Features, Floats
from libelle.files import folder_at, require_regular
from libelle.known_texts import KnownTexts
from libelle.memory import NoRoomError
from libelle.models.base import Model
from libelle.models.stored import DAMAGED, load_model, reason_of
from libelle.pipeline_file import read_about, write_about
from libelle.processes.base import Process
from libelle.processes.table_encoder import Encoding, TableEncoder, clean_fields
from libelle.runs.run import Run
from libelle.stores.base import Store

if TYPE_CHECKING:
    from libelle.evaluation.metrics import Metrics

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pipeline:
    """What turns raw records into decisions. Thread-safe: nothing in it changes but what is kept between calls.

    Attributes:
        fields: names of the fields, in the order of training.
        text: the field that a bare text fills.
        id: the column of ids, where the records have one.
        rule: from scores to decisions; it names the labels, in the order of the score columns.
        cleaners: applied in this order.
        process: fitted.
        model: fitted.
        reference: what the training data were like.
        golden: raw records to replay at each load, one `str` column a field.
        target: what the label was made of in the training data.
        name: the run id, or the published name and version.
        titles: label → title, of those that have one.
        calibration: fitted; None for the model's own scores.
        encoder: encodes the fields that are not text; None where all are.
        weight: the training data's column of weights, if any.
        metrics: split → metric → value, where it was fitted here; None where it was loaded.
        reading: how the file of the training data was read, for files like it, see `libelle.data.options`.
        min_records: training records that hold any word, n-gram or text that is kept, at least; None where the process
            does not say, and for what was saved before it was stated.
    """

    fields: list[str]
    text: str
    id: str | None
    rule: DecisionRule
    cleaners: Mapping[str, Cleaner]
    process: Process
    model: Model
    reference: Reference
    golden: pd.DataFrame
    target: Target
    name: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)
    calibration: Calibration | None = None
    encoder: TableEncoder | None = None
    weight: str | None = None
    metrics: "Mapping[str, Metrics] | None" = None
    reading: Mapping[str, str] = field(default_factory=dict)
    min_records: int | None = None

    @property
    def labels(self) -> Sequence[str]:
        """Labels in the order of the score columns; binary: the positive one is last."""
        return self.rule.labels

    @classmethod
    def load(cls, source: str | Path, store: Store | str | Path | None = None) -> "Pipeline":
        """Load a pipeline and replay its golden records: a run, a published model or a folder, by what `source` is.

        Args:
            source: a run id; a published name (`forms`, or `forms@2` for a version); a folder that `save` wrote, given
                as a `Path`, or as a text with a path separator (`./forms`).
            store: where runs and published models are, a store or the folder of a local one; by default the local
                store `store/`.

        Raises:
            UserError: see `libelle.loading`.
        """
        from libelle.loading import load

        return load(source, store)

    def predict(self, records: RawRecords, *, top: int | None = None, every_score: bool = True) -> pd.DataFrame:
        """Score and decide raw records.

        Args:
            records: a DataFrame, mappings from field to text, or bare texts, see `libelle.data.raw_records.to_table`.
            top: how many of the best labels are listed, at most all of them; None for none.
            every_score: whether each label's score has a column.

        Returns:
            One row a record, in order, indexed as a DataFrame or Series of records is; its columns are those of
            `libelle.evaluation.answers.answers`. The id of a record that has none is `(row 3)`; where there is no
            column of ids, the row number from 1.

        Raises:
            UserError: when a field is missing or unknown, a column comes twice, a text is not valid Unicode, or `top`
                is no number.
        """
        if top is not None and not (isinstance(top, SupportsIndex) and operator.index(top) >= 0):
            raise UserError(f"top={top!r} is not a number of labels; give a whole number.")
        columns = self.columns(records)
        index = records.index if isinstance(records, pd.DataFrame | pd.Series) else pd.RangeIndex(count_rows(columns))
        ids = ids_of_columns(columns, self.id, index)
        return self.answers(self.score_columns(columns), ids, top=top, every_score=every_score)

    def predict_proba(self, records: RawRecords) -> Floats:
        """Probabilities of raw records, float32 [rows, classes], in the order of `labels`; otherwise as `predict`."""
        return self.score_columns(self.columns(records))

    def explain(self, records: RawRecords) -> list[list[FieldEffect]]:
        """What each field and word adds to the score, see `libelle.evaluation.explanation`; otherwise as `predict`."""
        return self.explain_texts(self.texts(self.table(records)))

    def evaluate(self, records: RawRecords) -> "Metrics":
        """Compare the decisions on labelled records with their labels.

        Args:
            records: as for `predict`, and with the target's columns of the training data; weighted if with its weights.

        Returns:
            Metric → value, as in a run's `metrics.json` (`libelle.evaluation.metrics`).

        Raises:
            UserError: as `predict` does, and when a label is missing or not one of the model's, or all weights are 0.
        """
        # Importing scikit-learn takes a second, and scoring does without.
        from libelle.evaluation.metrics import evaluate

        table = self.table(records)
        targets = self.target.positions(table, self.labels)
        scores = self.score(self.clean(self.texts(table)))
        return evaluate(targets, scores, self.rule, weights_of(table, self.weight))

    def table(self, records: RawRecords) -> pd.DataFrame:
        """Raw records as one table, checked, see `libelle.data.raw_records.to_table`."""
        return to_table(records, self.fields, self.text, self.others)

    def columns(self, records: RawRecords) -> dict[str, Column]:
        """The fields of raw records, and their ids where they have some, see `libelle.data.raw_records.to_columns`."""
        return to_columns(records, self.fields, self.text, self.others, self.id)

    @property
    def others(self) -> list[str]:
        """Columns that records may have, and that are no fields."""
        return [*self.target.columns, *(name for name in (self.id, self.weight) if name)]

    def ids(self, table: pd.DataFrame, numbers: pd.Index | None = None) -> pd.Series:
        """Each row's id, `str`, or its number, int64, see `libelle.data.raw_records.ids_of`."""
        return ids_of(table, self.id, numbers)

    def texts(self, table: pd.DataFrame) -> pd.DataFrame:
        """The fields of a table of raw records, one `str` column each, missing where missing or blank."""
        with whole_characters():
            return blank_to_missing(as_strings(table[self.fields]))

    def clean(self, texts: pd.DataFrame) -> pd.DataFrame:
        """Clean texts, one `str` column a field."""
        if self.encoder is None:
            return clean_table(texts[self.fields], self.cleaners.values())
        return to_frame(self.clean_columns(from_frame(texts[self.fields])), texts.index)

    def score(self, cleaned: pd.DataFrame) -> Floats:
        """Probabilities of cleaned texts, float32 [rows, classes]."""
        return self.score_features(self.encode(from_frame(cleaned)))

    def score_columns(self, columns: Columns) -> Floats:
        """Probabilities of raw texts by their distinct ones, float32 [rows, classes]."""
        scores = self._known.score(columns) if self.encoder is None else None
        if scores is not None:
            return self._calibrate(scores)
        return self.score_features(self.encode(self.clean_columns(columns)))

    @cached_property
    def _known(self) -> KnownTexts:
        return KnownTexts(self.fields, self.cleaners, self.process, self.model)

    def clean_columns(self, columns: Columns) -> dict[str, Column]:
        """Clean the distinct texts of each field; columns that are no fields are left out."""
        return clean_fields({name: columns[name] for name in self.fields}, self.cleaners.values(), self.encoder)

    def encode(self, cleaned: Columns) -> Features:
        """Encode cleaned records."""
        return Encoding(self.process, self.encoder).transform(cleaned)

    def score_features(self, features: Features) -> Floats:
        """Probabilities of encoded records, float32 [rows, classes]."""
        return self._calibrate(self.model.predict_proba(features))

    def _calibrate(self, scores: Floats) -> Floats:
        return scores if self.calibration is None else self.calibration.transform(scores)

    def answers(
        self, scores: Floats, ids: pd.Series, *, top: int | None = None, every_score: bool = True
    ) -> pd.DataFrame:
        """Decisions with their scores, float32 [rows, classes], as `predict` returns them."""
        return answers(scores, ids, self.rule, self.titles, top=top, every_score=every_score)

    def explain_texts(self, texts: pd.DataFrame) -> list[list[FieldEffect]]:
        """What each field and word adds to the score of texts, as `texts` returns them."""
        return explain(texts, lambda variants: self.score(self.clean(variants)), self.rule, self.whole)

    @property
    def whole(self) -> Collection[str]:
        """Fields that are not text, of which no word is looked at."""
        return () if self.encoder is None else self.encoder.fields

    def with_threshold(self, threshold: float) -> "Pipeline":
        """The same pipeline with another decision threshold.

        Raises:
            UserError: when there are more than two labels, or it is not a probability.
        """
        return replace(self, rule=self.rule.with_threshold(threshold))

    def save(self, folder: str | Path) -> None:
        """Write `pipeline.json`, `golden.json`, the reference and the folders `process` and `model`, without pickle.

        Raises:
            UserError: when the folder is there already and not empty, or cannot be made; when what was written does not
                come back as a pipeline that scores as this one does, which is a mistake in one of its components.
        """
        folder = folder_at(folder)
        if folder.is_dir() and any(folder.iterdir()):
            raise UserError(f"{folder} is not empty; save into a new folder.")
        try:
            for part in ("process", "model"):
                (folder / part).mkdir(parents=True)
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            raise UserError(f"{folder} cannot be made ({error.strerror}); save into a new folder.") from None
        self.process.save(folder / "process")
        self.model.save(folder / "model")
        self.reference.save(folder)
        if self.encoder is not None:
            self.encoder.save(folder)
        save_golden(folder, self.golden, self.score(self.clean(self.golden)), self.labels)
        write_about(folder, self)
        self._require_kept(folder)

    def _require_kept(self, folder: Path) -> None:
        """Raise `UserError` unless what was saved scores as this pipeline does; one that forgets must not be kept."""
        try:
            again, golden = self._read(folder)
            # Compared before calibration, whose steps would make more of what is next to nothing.
            bare = replace(again, calibration=None)
            among, alone = (bare.score(bare.clean(records)) for records in (golden.records, golden.records[:1]))
            found = again._calibrate(among)
        except (*DAMAGED, MemoryError, NoRoomError) as error:
            # There may be room for it where nothing is trained; torch has no error of its own for that.
            if isinstance(error, MemoryError | NoRoomError) or "allocate memory" in str(error):
                log.warning("what was saved is not read back, for want of memory: %s", error)
                return
            raise UserError(
                f"The pipeline cannot be loaded from what it has saved ({reason_of(error)}); let save() of its process "
                "and of its model write all that fit() learns, and load() read it and return self."
            ) from error
        require_kept(golden, found, among[:1], alone)

    @classmethod
    def read(cls, folder: Path) -> "Pipeline":
        """Read back what `save` wrote, and replay the golden records.

        Raises:
            UserError: when the folder holds no pipeline or a damaged one, or the golden records score differently.
        """
        try:
            require_regular(folder)
            pipeline, golden = cls._read(folder)
            require_same(golden, pipeline.score(pipeline.clean(golden.records)), pipeline.labels)
        except FileNotFoundError as error:
            raise UserError(f"{folder} holds no pipeline ({error.filename or error}); give a run id.") from None
        except DAMAGED as error:
            raise UserError(
                f"{folder} holds a damaged pipeline ({reason_of(error)}); use another run, or train again."
            ) from error
        return pipeline

    @classmethod
    def _read(cls, folder: Path) -> tuple["Pipeline", Golden]:
        """What `save` wrote, and the golden records that are to be replayed; damaged files raise any of `DAMAGED`."""
        about = read_about(folder)
        golden = load_golden(folder, about["fields"], about["labels"])
        pipeline = cls(
            fields=about["fields"],
            text=about["text"],
            id=about["id"],
            target=about["target"],
            rule=DecisionRule(about["labels"], about["threshold"], about["label_thresholds"]),
            cleaners={name: build(node, Cleaner, f"cleaner.{name}") for name, node in about["cleaners"].items()},
            process=build(about["process"], Process, "process").load(folder / "process"),
            model=load_model(about["model"], folder / "model", len(about["labels"])),
            calibration=Calibration.from_json(about["calibration"]) if about["calibration"] else None,
            reference=Reference.load(folder),
            encoder=TableEncoder.load(folder),
            weight=about.get("weight"),
            golden=golden.records,
            name=folder.name,
            reading=about.get("reading", {}),
            min_records=about.get("min_records"),
            titles=about.get("titles", {}),  # models made before there were titles have none
        )
        return pipeline, golden

    @classmethod
    def of_run(cls, run: Run) -> "Pipeline":
        """The pipeline of a completed run, with the threshold that was chosen for it.

        Raises:
            UserError: when the run has not completed, or a file of it is missing or was altered.
        """
        pipeline = cls.read(run.require_completed().fetch_folder("pipeline"))
        rule = DecisionRule.chosen(pipeline.labels, run.read_threshold())
        return replace(pipeline, name=str(run.id), rule=rule)

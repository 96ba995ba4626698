"""The fitted pipeline: clean → encode → score → decide. Training, runtime and publication all use this one."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from safetensors import SafetensorError

from libelle.cleaners.base import Cleaner, clean_table
from libelle.components import build, describe
from libelle.data.tables import as_strings, blank_to_missing
from libelle.errors import UserError
from libelle.evaluation import automatic_coding as coding
from libelle.evaluation.calibration import Calibration
from libelle.evaluation.drift_reference import Reference
from libelle.evaluation.intervals import Doubles
from libelle.features import Features, Floats
from libelle.formats import PIPELINE, check_format
from libelle.models.base import Model
from libelle.processes.base import Process
from libelle.stores.base import Store

#: Scores may differ by this much from those of the golden records: other machines round otherwise.
GOLDEN_TOLERANCE = 1e-5
GOLDEN_RECORDS = 8


@dataclass(frozen=True)
class Pipeline:
    """What turns raw records into decisions. Thread-safe: nothing in it changes.

    Attributes:
        fields: names of the text fields, in the order of training.
        text: the field that a bare text fills.
        id: the column of ids, where the records have one.
        labels: in the order of the score columns; of two, the positive one is last.
        cleaners: applied in this order.
        process: fitted.
        model: fitted.
        threshold: of two classes, a record is positive where its score is at least this; of many classes, a record can
            be coded automatically from this score on, None where no such threshold was chosen.
        class_thresholds: of many classes, label → the score from which on a record with this label is coded
            automatically, None for a label that never is; None where no such thresholds were chosen. They count
            instead of `threshold`.
        name: the run id, or the published name and version.
        calibration: fitted; None for the model's own scores.
        reference: what the training data were like; None in runs from before it was kept.
    """

    fields: list[str]
    text: str
    id: str | None
    labels: list[str]
    cleaners: Mapping[str, Cleaner]
    process: Process
    model: Model
    threshold: float | None
    name: str = ""
    calibration: Calibration | None = None
    reference: Reference | None = None
    class_thresholds: Mapping[str, float | None] | None = None

    @classmethod
    def load(cls, source: str | Path, store: Store | None = None) -> "Pipeline":
        """Load a pipeline and replay its golden records.

        Args:
            source: a run id, a published name (`forms`, or `forms@2` for a version), or a folder that `save` wrote.
            store: where runs and published models are; the local store `store/` by default.

        Raises:
            UserError: when there is no such run, name or folder, the run has not completed, a file was altered, or
                the golden records no longer get their scores.
        """
        if Path(source).is_dir():
            return cls._read(Path(source))
        from libelle.publication import load_published
        from libelle.runs.ids import RunId
        from libelle.runs.run import Run
        from libelle.stores.local import LocalStore

        store = store or LocalStore()
        if not RunId.matches(str(source)):
            return load_published(store, str(source))
        run = Run.open(store, RunId.parse(str(source))).require_completed()
        pipeline = replace(cls._read(run.fetch_folder("pipeline")), name=str(run.id))
        choice = run.read_threshold()
        if choice is None:
            return pipeline
        # `classes` only where each class has a threshold of its own, and then there is no value.
        return replace(pipeline, threshold=choice["value"], class_thresholds=choice.get("classes"))

    def with_threshold(self, threshold: float) -> "Pipeline":
        """The same pipeline with another decision threshold.

        Raises:
            UserError: when there are more than two classes, or it is not a probability.
        """
        if len(self.labels) > 2:
            raise UserError(
                f"threshold={threshold} is for two classes, and {self.name} has {len(self.labels)}; leave it out."
            )
        if not 0 <= threshold <= 1:
            raise UserError(f"threshold={threshold} is not a probability; choose one from 0 to 1.")
        return replace(self, threshold=threshold)

    def predict(
        self,
        records: pd.DataFrame | Sequence[Mapping[str, Any]],
        watch: Callable[[pd.DataFrame], None] | None = None,
    ) -> pd.DataFrame:
        """Score and decide raw records.

        Args:
            records: one row or mapping each. A mapping may lack fields, which then are missing; keys that are not
                fields are passed over.
            watch: is shown the cleaned texts, one `str` column a field, on their way to the model.

        Returns:
            One row a record, in order: `id` (the id column's value; the row number from 1 where it has none), `label`
            (the decision), `score` (two classes: probability of the positive one; many: of the chosen one), a
            `score_<label>` for each label, float32, and, of many classes for which a threshold was chosen,
            `automatic`: bool, whether the record is coded without a clerk (`libelle.evaluation.automatic_coding`).

        Raises:
            UserError: when a table lacks a field, no record has any, or a text is not valid Unicode.
        """
        table = records if isinstance(records, pd.DataFrame) else _table(records)
        if isinstance(records, pd.DataFrame) or not set(self.fields) & set(table.columns):
            missing = [name for name in self.fields if name not in table.columns]
            if missing and len(table):
                raise UserError(
                    f"The records have no column {missing[0]!r}; the model's fields are {', '.join(self.fields)}."
                )
        texts = blank_to_missing(as_strings(table.reindex(columns=self.fields)))
        cleaned = self.clean(texts)
        if watch is not None:
            watch(cleaned)
        scores = self.score_features(self.process.transform(cleaned))
        chosen = self.decide(scores)
        ids = pd.Series(np.arange(1, len(table) + 1), index=table.index)
        if self.id is not None and self.id in table.columns:
            ids = as_strings(table[[self.id]])[self.id].fillna(ids.astype("str"))
        column = np.full(len(table), 1) if len(self.labels) == 2 else chosen
        result = pd.DataFrame(
            {
                "id": ids,
                "label": np.array(self.labels, dtype=object)[chosen],
                "score": scores[np.arange(len(scores)), column],
            },
            index=table.index,
        )
        for position, label in enumerate(self.labels):
            result[f"score_{label}"] = scores[:, position]
        if (limits := self.limits) is not None:
            result["automatic"] = coding.automatic(*coding.top(scores), limits)
        return result.astype({"label": "str"})

    @property
    def limits(self) -> Doubles | None:
        """Of many classes, the score from which each label is coded automatically, see `coding.limits`."""
        return None if len(self.labels) == 2 else coding.limits(self.labels, self.threshold, self.class_thresholds)

    def encode(self, texts: pd.DataFrame) -> Features:
        """Clean and encode raw texts, one `str` column a field."""
        return self.process.transform(self.clean(texts))

    def clean(self, texts: pd.DataFrame) -> pd.DataFrame:
        """Clean raw texts, one `str` column a field."""
        return clean_table(texts[self.fields], self.cleaners.values())

    def score(self, texts: pd.DataFrame) -> Floats:
        """Probabilities of raw texts, float32 [rows, classes]."""
        return self.score_features(self.encode(texts))

    def score_features(self, features: Features) -> Floats:
        """Probabilities of encoded records, float32 [rows, classes]."""
        scores = self.model.predict_proba(features)
        return scores if self.calibration is None else self.calibration.transform(scores)

    def decide(self, scores: Floats) -> npt.NDArray[np.int64]:
        """Positions of the chosen labels, int64 [rows]; positive where score ≥ threshold, unrounded."""
        if len(self.labels) > 2 or self.threshold is None:
            return np.asarray(scores.argmax(axis=1), dtype=np.int64)
        return np.asarray(scores[:, 1].astype(np.float64) >= self.threshold, dtype=np.int64)

    def save(self, folder: Path, golden: pd.DataFrame) -> None:
        """Write `pipeline.json`, `golden.json`, the reference and the folders `process` and `model`, without pickle.

        Args:
            folder: an empty folder.
            golden: raw records to replay at each load, see `golden_records`.
        """
        about = {
            "format": PIPELINE,
            "fields": self.fields,
            "text": self.text,
            "id": self.id,
            "labels": self.labels,
            "threshold": self.threshold,
            "class_thresholds": self.class_thresholds,
            "cleaners": {name: describe(cleaner) for name, cleaner in self.cleaners.items()},
            "process": describe(self.process),
            "model": describe(self.model),
            "calibration": None if self.calibration is None else self.calibration.to_json(),
        }
        for part in ("process", "model"):
            (folder / part).mkdir()
        self.process.save(folder / "process")
        self.model.save(folder / "model")
        if self.reference is not None:
            self.reference.save(folder)
        records = golden.astype(object).where(golden.notna(), None).to_dict(orient="records")
        replayed = [
            {"record": record, "scores": scores}
            for record, scores in zip(records, self.score(golden).tolist(), strict=True)
        ]
        _write_json(folder / "golden.json", replayed)
        _write_json(folder / "pipeline.json", about)

    def replay(self, golden: Sequence[Mapping[str, Any]], tolerance: float = GOLDEN_TOLERANCE) -> None:
        """Score the golden records again.

        Raises:
            UserError: when a score differs by more than `tolerance`.
        """
        if not golden:
            return
        texts = pd.DataFrame([item["record"] for item in golden], columns=self.fields, dtype="str")
        expected = np.array([item["scores"] for item in golden])
        difference = float(np.abs(self.score(texts) - expected).max())
        # Written so that a score that is not a number fails, too.
        if not difference <= tolerance:
            raise UserError(
                f"The model's golden records score differently here (by {difference:.2g}, {tolerance:g} is allowed); "
                "install the library versions of the run's environment.json, or train again."
            )

    @classmethod
    def _read(cls, folder: Path) -> "Pipeline":
        try:
            about = json.loads((folder / "pipeline.json").read_text(encoding="utf-8"))
            check_format(about, PIPELINE, f"The pipeline in {folder}", "train again")
            golden = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
            cleaners = {name: build(node, Cleaner, f"cleaner.{name}") for name, node in about["cleaners"].items()}
            process = build(about["process"], Process, "process").load(folder / "process")
            model = build(about["model"], Model, "model").load(folder / "model")
            calibration = Calibration.from_json(about["calibration"]) if about["calibration"] else None
            parts = {name: about[name] for name in ("fields", "text", "id", "labels", "threshold")}
            fitted: dict[str, Any] = {"process": process, "model": model, "calibration": calibration}
            fitted["reference"] = Reference.load(folder)
            fitted["class_thresholds"] = about["class_thresholds"]
            pipeline = cls(**parts, **fitted, cleaners=cleaners, name=folder.name)
            pipeline.replay(golden)
        except FileNotFoundError as error:
            raise UserError(f"{folder} holds no pipeline ({error.filename or error}); give a run id.") from None
        except (AttributeError, KeyError, RuntimeError, SafetensorError, TypeError, ValueError) as error:
            raise UserError(
                f"{folder} holds a damaged pipeline ({type(error).__name__}: {error}); use another run, or train again."
            ) from error
        return pipeline


def _table(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    try:
        return pd.DataFrame(list(records))
    except UnicodeEncodeError as error:
        wrong = ascii(error.object[error.start])
        raise UserError(f"A record holds {wrong}, which is half of a character; correct the text.") from None


def golden_records(texts: pd.DataFrame, seed: int, count: int = GOLDEN_RECORDS) -> pd.DataFrame:
    """Draw each field from a different row, so that no real record is kept.

    Args:
        texts: raw training texts, one `str` column a field.
        seed: of the draw.
        count: number of records; fewer where the fields do not give as many that are not real.
    """
    generator = np.random.default_rng(seed)
    candidates = 8 * count
    rows = np.array([_draw(column, candidates, generator) for _, column in texts.items()])
    drawn = pd.DataFrame(
        {name: column.to_numpy()[chosen] for (name, column), chosen in zip(texts.items(), rows, strict=True)},
        dtype="str",
    )
    if len(texts.columns) == 1:  # nothing to mix but halves of texts
        drawn[texts.columns[0]] = _halves(drawn.iloc[:, 0], drawn.iloc[::-1, 0])
    real = np.isin(pd.util.hash_pandas_object(drawn, index=False), pd.util.hash_pandas_object(texts, index=False))
    sources = np.array([len(set(candidate)) for candidate in rows.T])
    best = np.argsort(-sources, kind="stable")
    return drawn.iloc[best[~real[best]][:count]].reset_index(drop=True)


def _draw(column: pd.Series, count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw positions of rows. Few rows have the rare fields: half of the draws are from rows that do."""
    drawn = generator.integers(len(column), size=count)
    filled = np.flatnonzero(column.notna())
    if not len(filled):
        return drawn
    return np.where(generator.random(count) < 0.5, drawn, filled[generator.integers(len(filled), size=count)])


def _halves(beginnings: pd.Series, ends: pd.Series) -> pd.Series:
    """Each beginning's first words, followed by the last words of an end."""
    words = [(first.split(), last.split()) for first, last in zip(beginnings.fillna(""), ends.fillna(""), strict=True)]
    texts = [" ".join(first[: (len(first) + 1) // 2] + last[len(last) // 2 :]) or None for first, last in words]
    return pd.Series(texts, index=beginnings.index, dtype="str")


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8")

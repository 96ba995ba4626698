"""What the training data were like, kept with a pipeline, so that later records can be compared with them.

No text is kept. Words are kept as hashes, and only those that several training records hold: the hash of a word that
somebody guesses can be looked up, and a word that few records hold may be somebody's name. Of whole records not even
that is kept, but a bitmap that answers for many of them and for none (`libelle.evaluation.training_records`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from libelle.data.columns import Column, Columns
from libelle.data.field_kinds import TEXT_ALONE, Kinds
from libelle.data.frequent import FEWEST_RECORDS, word_records
from libelle.evaluation.drift_values import ValueBins
from libelle.evaluation.training_records import TrainingRecords
from libelle.features import Floats
from libelle.files import read_json, write_json
from libelle.shards import release

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class FieldCounts:
    """What a field holds in some records, after cleaning.

    Attributes:
        empty: records in which it is missing or has no word.
        words: words in all records.
        new: those of them that fewer than `known_records` training records hold.
    """

    empty: int = 0
    words: int = 0
    new: int = 0

    def __add__(self, other: "FieldCounts") -> "FieldCounts":
        return FieldCounts(self.empty + other.empty, self.words + other.words, self.new + other.new)


@dataclass(frozen=True)
class Reference:
    """The training side of a comparison.

    Counts and scores are those of the validation and test records: the model has not seen them, as it has not seen what
    comes later, so that both sides agree where nothing has changed.

    Attributes:
        rows: number of validation and test records.
        known: field → hashes of the words that at least `known_records` training records hold, uint64, sorted.
        fields: field → counts.
        scores: of the positive label (binary) or of the most probable one; float32 [rows], sorted; empty before
            training.
        decisions: records by label, the most probable one, int64 [labels]; empty before training.
        chosen: position of the most probable label of each record, in the order of `scores`, int64 [rows]; empty before
            training.
        values: field that is not text → how its values are distributed.
        learnt: the training records; None in what was saved before they were kept.
        known_records: training records that make a word known; nothing is kept of the others.
    """

    rows: int
    known: Mapping[str, Hashes]
    fields: Mapping[str, FieldCounts]
    scores: Floats
    decisions: npt.NDArray[np.int64]
    chosen: npt.NDArray[np.int64]
    values: Mapping[str, ValueBins] = field(default_factory=dict)
    learnt: TrainingRecords | None = None
    known_records: int = FEWEST_RECORDS

    @classmethod
    def of(
        cls,
        cleaned: Columns,
        train: npt.NDArray[np.bool_],
        kinds: Kinds = TEXT_ALONE,
        fewest: int = FEWEST_RECORDS,
    ) -> Self:
        """Learn the words of the training records, and count the others; scores come with `with_scores`.

        Args:
            cleaned: all records.
            train: bool [records], which of them are for training.
            kinds: the fields that are not text.
            fewest: training records that must hold a word, or a category, for anything to be kept of it.
        """
        values = {
            name: ValueBins.of(cleaned[name], train, numeric=name in kinds.numeric, fewest=fewest)
            for name in kinds.fields
        }
        known: dict[str, Hashes] = {}
        fields: dict[str, FieldCounts] = {}
        for name, column in cleaned.items():
            release()
            if name in values:
                fields[name] = _count_empty(column, column.index[~train])
                continue
            hashes = _hash(column.words.words)
            records = word_records(column, _rows_of_texts(column, column.index[train]))
            known[name] = np.sort(hashes[records >= fewest])
            fields[name] = _count(column, column.index[~train], hashes, known[name])
        none = np.empty(0, np.int64)
        learnt = TrainingRecords.of(cleaned, train)
        return cls(int((~train).sum()), known, fields, np.empty(0, np.float32), none, none, values, learnt, fewest)

    def with_scores(self, scores: Floats) -> Self:
        """The same with scores, float32 [rows, classes], of the validation and test records in any order."""
        most_probable = scores.argmax(axis=1).astype(np.int64)
        decisions = np.bincount(most_probable, minlength=scores.shape[1]).astype(np.int64)
        decisive = scores[:, 1] if scores.shape[1] == 2 else scores.max(axis=1, initial=0)
        order = np.argsort(decisive, kind="stable")
        return replace(self, scores=decisive[order], decisions=decisions, chosen=most_probable[order])

    def save(self, folder: Path) -> None:
        """Write `reference.json` and `reference.safetensors` into an existing folder."""
        from safetensors.numpy import save_file

        about: dict[str, Any] = {
            "rows": self.rows,
            "known_records": self.known_records,
            "fields": {name: vars(counts) for name, counts in self.fields.items()},
            **({"values": {name: bins.to_json() for name, bins in self.values.items()}} if self.values else {}),
        }
        # A field's name may hold any character: arrays are numbered, in the order of the fields.
        arrays: dict[str, npt.NDArray[Any]] = {
            f"known.{number}": self.known[name] for number, name in enumerate(self.fields) if name in self.known
        }
        arrays |= {"scores": self.scores, "decisions": self.decisions, "chosen": self.chosen}
        if self.learnt is not None:
            arrays["learnt"] = self.learnt.bits
            about["learnt"] = {"size": self.learnt.size, "found": self.learnt.found}
        save_file(arrays, folder / "reference.safetensors")
        write_json(folder / "reference.json", about)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what `save` wrote."""
        from safetensors.numpy import load_file

        about = read_json(folder / "reference.json")
        arrays = load_file(folder / "reference.safetensors")
        values = ValueBins.all_from_json(about.get("values", {}))
        known = {name: arrays[f"known.{number}"] for number, name in enumerate(about["fields"]) if name not in values}
        fields = {name: FieldCounts(**counts) for name, counts in about["fields"].items()}
        learnt = TrainingRecords(arrays["learnt"], **about["learnt"]) if "learnt" in about else None
        scores, decisions, chosen = (arrays[name] for name in ("scores", "decisions", "chosen"))
        return cls(about["rows"], known, fields, scores, decisions, chosen, values, learnt, about["known_records"])


def count_fields(cleaned: Columns, known: Mapping[str, Hashes]) -> dict[str, FieldCounts]:
    """Count empty texts, words and new words of each field.

    Args:
        cleaned: some records.
        known: field → hashes of known words, sorted; fields that are not text have none.
    """
    return {
        name: _count(column, column.index, _hash(column.words.words), known[name])
        if name in known
        else _count_empty(column, column.index)
        for name, column in cleaned.items()
    }


def _count_empty(column: Column, index: npt.NDArray[np.int32]) -> FieldCounts:
    return FieldCounts(empty=int((index == len(column.texts)).sum()))


def _count(column: Column, index: npt.NDArray[np.int32], hashes: Hashes, known: Hashes) -> FieldCounts:
    """Count what some rows of a column hold; `index` says which text each of them has, `hashes` are of its words."""
    words = column.words
    lengths = np.diff(words.offsets)
    rows = _rows_of_texts(column, index)
    times = np.bincount(words.codes, weights=np.repeat(rows, lengths), minlength=len(words.words))
    places = np.searchsorted(known, hashes)
    found = np.zeros(len(hashes), dtype=bool)
    if len(known):
        found = known[np.minimum(places, len(known) - 1)] == hashes
    return FieldCounts(len(index) - int(rows[lengths > 0].sum()), int(times.sum()), int(times[~found].sum()))


def _rows_of_texts(column: Column, index: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    return np.bincount(index, minlength=len(column.texts) + 1)[:-1]


def _hash(words: list[str]) -> Hashes:
    # The hash is part of what is saved: pandas' SipHash with its default key gives the same everywhere.
    flat = np.array(words, dtype=object)
    return pd.util.hash_array(flat, categorize=False) if len(flat) else np.empty(0, np.uint64)

"""Model `ensemble`: the average of several runs, each with its own cleaners, process and model."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from libelle.components import AboveZero
from libelle.data.frequent import fewest_of
from libelle.data.records import Records
from libelle.errors import UserError
from libelle.features import Dataset, Features, Floats
from libelle.files import read_json, write_json
from libelle.models.base import Model, Training
from libelle.stores.base import Store


@dataclass
class Ensemble(Model):
    """Averages the scores that the pipelines of completed runs give to raw texts.

    The members' pipelines are copied into this one, so that it is whole by itself.

    Attributes:
        runs: ids of the members, trained on the same records, fields, labels and split.
        weights: of the members; None for the same weight each.
    """

    conf_name = "ensemble"
    needs: ClassVar[frozenset[str]] = frozenset({"texts"})
    ensemble = True

    runs: list[str] = field(default_factory=list)
    weights: list[AboveZero] | None = None

    def __post_init__(self) -> None:
        if self.weights is not None and len(self.weights) != len(self.runs):
            raise UserError(
                f"model.weights has {len(self.weights)} values and model.runs {len(self.runs)}; give one weight a run."
            )
        twice = [run for number, run in enumerate(self.runs) if run in self.runs[:number]]
        if twice:
            raise UserError(f"model.runs names {twice[0]} twice; name it once, and give it a larger model.weights.")

    def prepare(self, store: Store) -> None:
        """Find the members, and load their pipelines.

        Raises:
            UserError: when there are fewer than two, or one is not there, has not completed or was altered.
        """
        from libelle.pipeline import Pipeline
        from libelle.runs.ids import RunId
        from libelle.runs.run import Run

        if len(self.runs) < 2:
            raise UserError("model.runs names fewer than two runs; write model.runs=[2026-11-23_1,2026-11-23_2].")
        try:
            runs = [Run.open(store, RunId.parse(name)).require_completed() for name in self.runs]
        except UserError as error:
            raise UserError(f"model.runs: {error}") from error
        self.fingerprints_ = [run.manifest.data_fingerprint for run in runs]
        self.folders_ = [run.fetch_folder("pipeline") for run in runs]
        self.members_ = [Pipeline.read(folder) for folder in self.folders_]

    def accept(self, records: Records) -> None:
        """Raise `UserError` unless each member was trained on these records, with this split."""
        fields = list(records.columns)
        fingerprint = records.fingerprint()
        for name, member, trained_on in zip(self.runs, self.members_, self.fingerprints_, strict=True):
            for what, theirs, ours in (
                ("fields", member.fields, fields),
                ("labels", list(member.labels), records.labels),
            ):
                if theirs != ours:
                    raise UserError(
                        f"model.runs: {name} has the {what} {_few(theirs)}, and the data have {_few(ours)}; name runs "
                        "of these data, or choose the data of the runs with data=."
                    )
            if trained_on != fingerprint:
                raise UserError(
                    f"model.runs: {name} was trained on other records, or on another split of them; name runs of these "
                    "data, or set data= and data.split.seed= as they were for the run."
                )

    def fit(self, train: Dataset, validation: Dataset, classes: int, training: Training) -> Self:
        """Learn nothing: the members have been trained."""
        return self

    def predict_proba(self, features: Features) -> Floats:
        """Weighted average of the members' scores, float32 [rows, classes]."""
        assert features.texts is not None
        scores = np.stack([member.score(member.clean(features.texts)) for member in self.members_])
        return np.asarray(np.average(scores, axis=0, weights=self.weights), dtype=np.float32)

    def fewest_records(self) -> float | None:
        """The smallest number of its members."""
        return fewest_of(member.min_records for member in self.members_)

    def save(self, folder: Path) -> None:
        """Write `ensemble.json`, and each member's pipeline as `members/<number>`."""
        for number, source in enumerate(self.folders_):
            shutil.copytree(source, folder / "members" / str(number))
        write_json(folder / "ensemble.json", {"members": len(self.folders_)})

    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote; each member replays its golden records."""
        from libelle.pipeline import Pipeline

        members = read_json(folder / "ensemble.json")["members"]
        self.folders_ = [folder / "members" / str(number) for number in range(members)]
        self.members_ = [Pipeline.read(source) for source in self.folders_]
        return self


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f", … ({len(names)} in all)" if len(names) > 5 else "")

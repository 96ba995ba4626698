"""The manifest of one version of a published model."""

from dataclasses import dataclass, field

from libelle.components import Positive, Share
from libelle.stores.documents import FileName, Moment, StoredFile
from libelle.stores.formats import PUBLISHED


def prefix_of(name: str, version: int) -> str:
    """The key prefix of a version's files, ending with `/`."""
    return f"published/{name}/{version}/"


@dataclass
class Publication:
    """One version of a published model, as its manifest says it.

    Attributes:
        name: of the model.
        version: from 1.
        run_id: of the run that it is a copy of.
        published: when, ISO 8601.
        threshold: of the decision rule, see `libelle.evaluation.decision_rule`.
        label_thresholds: likewise.
        data: what the run was trained on.
        model: what was trained.
        data_fingerprint: SHA-256 of the records.
        libraries: versions that the scores were computed with.
        files: name → `size` in bytes and `sha256`.
        format: of the manifest.
        min_records: training records that hold any word, n-gram or text of the model, at least; None where that is not
            known (docs/personal-data.md).
    """

    name: str
    version: int
    run_id: str
    published: Moment
    threshold: Share | None
    label_thresholds: dict[str, Share | None] | None = None
    data: str | None = None
    model: str | None = None
    data_fingerprint: str | None = None
    libraries: dict[str, str] = field(default_factory=dict)
    files: dict[FileName, StoredFile] = field(default_factory=dict)
    format: int = PUBLISHED
    min_records: Positive | None = None

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def prefix(self) -> str:
        """The key prefix of the version's files, ending with `/`."""
        return prefix_of(self.name, self.version)

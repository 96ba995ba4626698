"""The manifest of one version of a published model."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from libelle.components import Positive, Share
from libelle.errors import UserError
from libelle.stores.documents import SHA256, FileName, Moment, StoredFile, parse_formatted
from libelle.stores.formats import PUBLISHED
from libelle.stores.plain_data import parse_json


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
        checksum: SHA-256 of the values of all other keys; None in what was published before it was stated.
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
    checksum: SHA256 | None = None

    def to_json(self) -> bytes:
        """The manifest as it is stored."""
        about = asdict(self)
        return json.dumps({**about, "checksum": _checksum(about)}, indent=1).encode()

    @classmethod
    def parse(cls, data: bytes, where: str, what: str) -> "Publication":
        """Read back what `to_json` gave.

        Args:
            data: as it is stored.
            where: names the manifest, for messages.
            what: names what was published, likewise.

        Raises:
            UserError: when it is damaged, or in another format.
        """
        found = parse_formatted(data, where, cls, PUBLISHED, what, "publish its run again")
        # A bit that flips on a disk could be one of the threshold.
        if found.checksum is not None and found.checksum != _checksum(parse_json(data, where)):
            raise UserError(f"{where} is damaged: its values are not those of its checksum; publish its run again.")
        return found

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def prefix(self) -> str:
        """The key prefix of the version's files, ending with `/`."""
        return prefix_of(self.name, self.version)


def _checksum(about: Mapping[str, Any]) -> str:
    values = {name: value for name, value in about.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

"""The manifest of one version of a published model, and the claim that comes before it."""

import json
import os
import socket
from dataclasses import dataclass, field

from libelle.components import Positive, Share
from libelle.errors import UserError
from libelle.runs.ids import RunId
from libelle.stores.base import Store
from libelle.stores.documents import LARGEST, FileName, Moment, StoredFile
from libelle.stores.formats import PUBLISHED
from libelle.stores.outbox import Parcel


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


def claim(store: Store, name: str, run_id: RunId) -> tuple[int, bytes]:
    """Claim the next version number; of many publications at once each gets its own.

    Returns:
        The number, and the claim.
    """
    taken = [int(number) for number in store.folders(f"published/{name}/") if number.isdecimal()]
    version = max(taken, default=0) + 1
    # Whose it is, so that `runs.py clean` knows a claim of the dead.
    owner = {"run_id": str(run_id), "host": socket.gethostname(), "pid": os.getpid(), "token": os.urandom(8).hex()}
    claimed = json.dumps(owner).encode()
    while not store.create_if_absent(f"{prefix_of(name, version)}claim.json", claimed):
        version += 1
    return version, claimed


def renew_claim(store: Store, publication: Publication, parcel: Parcel) -> None:
    """Claim the number of a version that is sent late again: somebody may have cleaned up, and published since.

    Raises:
        UserError: when another publication has the number.
    """
    key, claimed = f"{publication.prefix}claim.json", str(parcel.target.about.get("claim", "")).encode()
    if claimed and not store.create_if_absent(key, claimed) and store.get(key, LARGEST) != claimed:
        raise UserError(
            f"{publication} is another publication there by now, so it is not sent; publish {publication.run_id} "
            f"again, and remove {parcel.folder}."
        )

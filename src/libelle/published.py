"""What is published, by the manifests of its versions and the pointer to the current one."""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from typing_extensions import TypedDict

from libelle import signatures
from libelle.components import Positive, Share
from libelle.errors import UserError
from libelle.evaluation.intervals import Interval
from libelle.runs.published import published_runs
from libelle.stores.base import Store, in_parallel
from libelle.stores.documents import LARGEST, SHA256, FileName, Moment, StoredFile, parse_formatted, read_document
from libelle.stores.formats import PUBLISHED
from libelle.stores.plain_data import parse_json

log = logging.getLogger(__name__)

T = TypeVar("T")

#: The page that compares a version with the one before, among the version's files (`libelle.gate`).
COMPARISON = "comparison.html"

#: What a published model may be called.
NAME = re.compile(r"[\w.-]{0,99}\w", re.ASCII)
_REFERENCE = re.compile(rf"(?P<name>{NAME.pattern})(@(?P<version>\d{{1,9}}))?", re.ASCII)


class _Pointer(TypedDict):
    """`current.json`."""

    version: Positive


def prefix_of(name: str, version: int) -> str:
    """The key prefix of a version's files, ending with `/`."""
    return f"published/{name}/{version}/"


@dataclass
class Gate:
    """What the publish gate found before a version took the place of the current one (docs/publishing.md).

    Attributes:
        replaced: the version that was current, as `forms@2`.
        sentences: what the comparison says, or why there is none.
        metric: that decides.
        difference: this version less the replaced one by that metric, with its 95 % interval; None where there is no
            comparison.
        forced: why the version was published although it is worse than the replaced one, more than by chance.
        page: `size` and `sha256` of `comparison.html`, beside the manifest.
    """

    replaced: str
    sentences: list[str] = field(default_factory=list)
    metric: str | None = None
    difference: Interval | None = None
    forced: str | None = None
    page: StoredFile | None = None


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
        gate: what the publish gate found; None for a first version, and where nobody asked.
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
    gate: Gate | None = None
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

    @property
    def forced(self) -> str | None:
        """Why the version was published although it is worse than the one before; None where it is not."""
        return None if self.gate is None else self.gate.forced


def find(store: Store, reference: str, trusted: str | Path | None = None, key: str = "published") -> Publication:
    """The manifest of a published model, `name` or `name@version`.

    Args:
        store: where it is published.
        reference: the name, and the version if it is not the current one.
        trusted: file of public keys, of which one must have signed the manifest (`libelle.signatures`).
        key: by which it was asked for, for messages.

    Raises:
        UserError: when there is none, it is damaged or in another format, or it is not signed by a trusted key.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise UserError(f"{key}={reference} is not a name; write a name, or a name and a version as in forms@2.")
    version = int(match["version"]) if match["version"] else current_number(store, match["name"])
    found = None if version is None else _read(store, match["name"], version, trusted)
    if found is None:
        numbers = ", ".join(str(publication.version) for publication in versions(store, match["name"]))
        if not numbers:
            raise not_there(store, f"{key}={reference}")
        if match["version"]:
            raise UserError(f"{key}={reference} is not in {store}; versions of {match['name']} there: {numbers}.")
        what = "no version is" if version is None else f"version {version} is not there, and is"
        raise UserError(
            f"{key}={reference}: {what} the current one in {store}; publish a run under this name again, or name a "
            f"version; there: {numbers}."
        )
    return found


def not_there(store: Store, typed: str) -> UserError:
    """What to say of a name that was typed, with its key, and under which nothing is published."""
    names = ", ".join(store.folders("published/")) or "nothing yet"
    return UserError(f"{typed} is not in {store}; published there: {names}.")


def signed(store: Store, publications: Sequence[Publication]) -> set[str]:
    """Which of these versions have a signature beside them, as `forms@1`; it is not verified."""
    found = in_parallel(lambda each: any(store.list(f"{each.prefix}manifest.sig")), publications)
    return {str(each) for each, is_signed in zip(publications, found, strict=True) if is_signed}


def versions(store: Store, name: str) -> list[Publication]:
    """All whole versions of a published model that can be read, oldest first."""
    numbers = sorted(int(number) for number in store.folders(f"published/{name}/") if number.isdecimal())
    found = in_parallel(lambda number: unless_damaged(partial(_read, store, name, number)), numbers)
    return [publication for publication in found if publication is not None]


def overview(store: Store) -> Mapping[str, tuple[int | None, list[Publication]]]:
    """Name → current version and all whole versions."""
    return {
        name: (unless_damaged(partial(current_number, store, name)), versions(store, name))
        for name in store.folders("published/")
    }


def versions_of(store: Store, run_id: str) -> list[Publication]:
    """All whole versions that are copies of a run and can be read."""
    places = [reference.rsplit("@", 1) for reference in published_runs(store).get(run_id, [])]
    numbered = [(name, int(number)) for name, number in places if number.isdecimal()]
    found = in_parallel(lambda place: unless_damaged(partial(_read, store, *place)), numbered)
    return [publication for publication in found if publication is not None]


def _read(store: Store, name: str, version: int, trusted: str | Path | None = None) -> Publication | None:
    key, what = f"{prefix_of(name, version)}manifest.json", f"published={name}@{version}"
    try:
        data = store.get(key, LARGEST)
    except KeyError:
        return None
    if trusted is not None:
        try:
            signature = store.get(f"{prefix_of(name, version)}manifest.sig", LARGEST)
        except KeyError:
            signature = None
        signatures.verify(data, signature, trusted, f"{what} in {store}")
    found = Publication.parse(data, f"{key} in {store}", what)
    if (found.name, found.version) != (name, version):
        raise UserError(f"{key} in {store} is damaged: it names {found}; publish its run again.")
    return found


def unless_damaged(read: Callable[[], T | None]) -> T | None:
    """What is read; one damaged object must not hide all others."""
    try:
        return read()
    except UserError as error:
        log.warning("Passed over: %s", error)
        return None


def current_number(store: Store, name: str) -> int | None:
    """The version that counts; None where nothing is published under this name.

    Raises:
        UserError: when the pointer is damaged.
    """
    try:
        return read_document(store, f"published/{name}/current.json", _Pointer)["version"]
    except KeyError:
        return None


def _checksum(about: Mapping[str, Any]) -> str:
    values = {name: value for name, value in about.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

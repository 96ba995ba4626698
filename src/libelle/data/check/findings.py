"""What a look at the data comes to: a summary, and findings that each say what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from libelle.data.split import SPLITS
from libelle.errors import UserError

#: Names in a list before it ends with an ellipsis, and labels in one with what is said of each.
SHOWN, LABELS_SHOWN = 8, 5
#: Characters of a label in a sentence.
LONGEST = 30


@dataclass(frozen=True)
class Finding:
    """Something that a person should know before training.

    Attributes:
        kind: what it is, as `constant field`; the same in all languages.
        message: one sentence with places for values, as `str.format` knows them, so that it can be translated.
        values: what goes there.
        leave_out: the fields that one would train without.
        refused: whether training on these data makes no sense.
    """

    kind: str
    message: str
    values: Mapping[str, Any] = field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    refused: bool = False

    @property
    def sentence(self) -> str:
        """The message with its values."""
        return self.message.format(**self.values)


@dataclass(frozen=True)
class DataCheck:
    """What a source gave, and what was found in it.

    Attributes:
        name: what the data is called.
        source: where it is from, as messages say it.
        rows: how many records.
        unlabelled: how many rows were passed over, since they have no label.
        fields: names of the fields.
        roles: config key → columns.
        unused: columns without a role.
        labels: label → split → rows, in the order of the score columns.
        findings: what a person should know.
    """

    name: str
    source: str
    rows: int
    unlabelled: int
    fields: Sequence[str]
    roles: Mapping[str, Sequence[str]]
    unused: Sequence[str]
    labels: Mapping[str, Mapping[str, int]]
    findings: Sequence[Finding]

    @property
    def summary(self) -> list[str]:
        """Fields, roles, rows and labels, line by line."""
        rows = {split: sum(counts[split] for counts in self.labels.values()) for split in SPLITS}
        sizes = {label: sum(counts.values()) for label, counts in self.labels.items()}
        most = sorted(sizes, key=lambda label: -sizes[label]) if len(sizes) > 2 else list(sizes)
        roles = [f"  {key}: {listed(names)}" for key, names in self.roles.items()]
        return [
            f"{self.source}: {self.rows:,} rows, {len(self.labels):,} labels",
            f"  fields: {listed(self.fields)}",
            *roles,
            f"  labels: {listed([f'{shorten(label)} ({sizes[label]:,})' for label in most])}",
            f"  split: {', '.join(f'{rows[split]:,} {split}' for split in SPLITS)}",
            *([f"  not used: {listed(self.unused)}"] if self.unused else []),
            *([f"  rows passed over, without a label: {self.unlabelled:,}"] if self.unlabelled else []),
        ]

    @property
    def advice(self) -> str | None:
        """The key that leaves out the fields that one would train without; None where there are none, or all are."""
        out = {name for finding in self.findings for name in finding.leave_out}
        kept = [name for name in self.fields if name not in out]
        return f"data.columns={','.join(map(_quoted, kept))}" if out and kept else None

    @property
    def kept(self) -> dict[str, Any]:
        """What a run and a base keep: `summary`, `findings` that can still be translated, and `advice`.

        What forbids training is not among them.
        """
        told = [finding for finding in self.findings if not finding.refused]
        findings = [{"kind": item.kind, "message": item.message, "values": dict(item.values)} for item in told]
        return {"summary": self.summary, "findings": findings, "advice": self.advice}

    def refuse(self) -> None:
        """Raise `UserError` with the first finding that forbids training."""
        for finding in self.findings:
            if finding.refused:
                raise UserError(f"{self.source}: {finding.sentence}")

    def to_json(self) -> dict[str, Any]:
        """As plain values, for programs."""
        return {
            "name": self.name,
            "source": self.source,
            "rows": self.rows,
            "unlabelled": self.unlabelled,
            "fields": list(self.fields),
            "roles": {key: list(names) for key, names in self.roles.items()},
            "unused": list(self.unused),
            "labels": {label: dict(counts) for label, counts in self.labels.items()},
            "findings": [
                {"kind": item.kind, "sentence": item.sentence, "fields": list(item.leave_out), "refused": item.refused}
                for item in self.findings
            ],
            "advice": self.advice,
        }


def sentences(kept: Mapping[str, Any]) -> list[str]:
    """The findings of a check that was kept (`DataCheck.kept`), one sentence each, and what they come to."""
    found = [item["message"].format(**item["values"]) for item in kept["findings"]]
    return [*found, *([] if kept["advice"] is None else [f"Without the fields named above: {kept['advice']}"])]


def listed(names: Sequence[str], shown: int = SHOWN) -> str:
    """The first names, and an ellipsis where there are more."""
    return ", ".join([*names[:shown], *(["…"] if len(names) > shown else [])])


def shorten(text: str) -> str:
    """A label as a sentence shows it: long ones are cut, and blanks at the ends are seen."""
    short = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return short if short == short.strip() else repr(short)


def _quoted(name: str) -> str:
    """A column name as `data.columns` takes it."""
    return '"' + name.replace('"', '""') + '"' if any(mark in name for mark in ',"[]') or name != name.strip() else name

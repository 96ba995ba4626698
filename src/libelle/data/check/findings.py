"""What a look at the data comes to: a summary, and findings that each say what to do."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from libelle.data.check.messages import MORE, fill
from libelle.data.field_kinds import TEXT_ALONE
from libelle.data.split import SPLITS
from libelle.errors import UserError, listed
from libelle.language import N_

#: Names in a list before it ends with an ellipsis, and labels in one with what is said of each.
SHOWN, LABELS_SHOWN = 8, 5
#: Characters of a label in a sentence.
LONGEST = 30


@dataclass(frozen=True)
class Finding:
    """Something that a person should know before training.

    Attributes:
        kind: what it is, as `constant field`; the same in all languages.
        message: one sentence in English with places for values, see `libelle.data.check.messages.fill`.
        values: what goes there, as JSON has it.
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
        """The message with its values, in the current language."""
        return fill(self.message, self.values)


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
        text: the field that `data.text` names.
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
    text: str | None
    unused: Sequence[str]
    labels: Mapping[str, Mapping[str, int]]
    findings: Sequence[Finding]

    @property
    def summary(self) -> list[str]:
        """Fields, roles, rows and labels, line by line, in the current language."""
        return summary(self.kept)

    def _lines(self) -> list[tuple[str, dict[str, Any]]]:
        """The templates of the summary, with their values."""
        rows = {split: sum(counts[split] for counts in self.labels.values()) for split in SPLITS}
        sizes = {label: sum(counts.values()) for label, counts in self.labels.items()}
        most = sorted(sizes, key=lambda label: -sizes[label]) if len(sizes) > 2 else list(sizes)
        lines: list[tuple[str, dict[str, Any]]] = [
            (
                N_("{source:source}: {rows:,} rows, {labels:,} labels"),
                {"source": self.source, "rows": self.rows, "labels": len(self.labels)},
            ),
            (N_("fields: {names}"), {"names": listed(self.fields, SHOWN)}),
            *((N_("{key}: {names}"), {"key": key, "names": listed(names, SHOWN)}) for key, names in self.roles.items()),
            (N_("labels: {labels:counts}"), {"labels": first([[shorten(label), sizes[label]] for label in most])}),
            (N_("split: {train:,} train, {validation:,} validation, {test:,} test"), rows),
        ]
        if self.unused:
            lines.append((N_("not used: {names}"), {"names": listed(self.unused, SHOWN)}))
        if self.unlabelled:
            lines.append((N_("rows passed over, without a label: {rows:,}"), {"rows": self.unlabelled}))
        return lines

    @property
    def advice(self) -> str | None:
        """The keys that leave out the fields that one would train without, as a shell takes them.

        None where there are none, or no text field would be left.
        """
        out = {name for finding in self.findings for name in finding.leave_out}
        kinds = {key: self.roles.get(key, ()) for key in TEXT_ALONE.by_key}
        others = {name for names in kinds.values() for name in names}
        texts = [name for name in self.fields if name not in out | others]
        if not out or not texts:
            return None
        # Said even where it loses nothing: without it, what another key leaves out would become text.
        changed = {"data.columns": texts}
        changed |= {
            key: [name for name in names if name not in out]
            for key, names in kinds.items()
            if not out.isdisjoint(names)
        }
        words = [f"{key}={','.join(map(_quoted, names))}" for key, names in changed.items()]
        return shlex.join([*words, *(["data.text="] if self.text in out else [])])

    @property
    def kept(self) -> dict[str, Any]:
        """What a run and a base keep: `summary` and `findings`, which can still be translated, and `advice`.

        What forbids training is not among them.
        """
        lines = [{"message": message, "values": values} for message, values in self._lines()]
        told = [finding for finding in self.findings if not finding.refused]
        findings = [{"kind": item.kind, "message": item.message, "values": dict(item.values)} for item in told]
        return {"summary": lines, "findings": findings, "advice": self.advice}

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


def summary(kept: Mapping[str, Any]) -> list[str]:
    """The summary of a check that was kept (`DataCheck.kept`), line by line, in the current language."""
    # Lines that an earlier version kept are sentences.
    said = [
        line.strip() if isinstance(line, str) else fill(line["message"], line["values"]) for line in kept["summary"]
    ]
    head, *rest = said
    return [head, *(f"  {line}" for line in rest)]


def sentences(kept: Mapping[str, Any]) -> list[str]:
    """The findings of a check that was kept, one sentence each, and what they come to, in the current language."""
    found = [fill(item["message"], item["values"]) for item in kept["findings"]]
    if kept["advice"] is not None:
        found.append(fill(N_("Without the fields named above: {advice}"), {"advice": kept["advice"]}))
    return found


def first(items: Sequence[Any], shown: int = SHOWN) -> list[Any]:
    """The first items, and an ellipsis where there are more."""
    return [*items[:shown], *([MORE] if len(items) > shown else [])]


def shorten(text: str) -> str:
    """A label as a sentence shows it: long ones are cut."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _quoted(name: str) -> str:
    """A column name as `data.columns` takes it."""
    return '"' + name.replace('"', '""') + '"' if any(mark in name for mark in ',"[]') else name

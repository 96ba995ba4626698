"""The command `check`: look at data before training on them."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from omegaconf import DictConfig

from libelle.cli.command import as_shell_needs, plain, plain_errors, typed_overrides
from libelle.components import Component, build, validate
from libelle.data.check.findings import DataCheck, sentences
from libelle.data.check.look import look_at
from libelle.data.source import Source
from libelle.installation import how_to_call


@dataclass(kw_only=True)
class CheckRequest(Component):
    """The keys of `conf/check.yaml`.

    Attributes:
        data: the source.
        format: `text` or `json`.
    """

    data: dict[str, Any]
    format: Literal["text", "json"] = "text"


def check(config: DictConfig) -> None:
    """Run the command on a composed config; data that cannot be trained on end it with the sentence that says why."""
    with plain_errors():
        request = validate(CheckRequest, plain(config), "")
        source = build(request.data, Source, "data")
        found = look_at(source, source.read())
        if request.format == "json":
            print(json.dumps(found.to_json(), ensure_ascii=False))
        else:
            _print(found, typed_overrides())
        found.refuse()


def _print(found: DataCheck, overrides: Sequence[str]) -> None:
    """Print what a look has found, and the command that trains on these data, which the overrides name."""
    refused = [finding.sentence for finding in found.findings if finding.refused]
    said = [*refused, *sentences(found.kept)] or ["Nothing looks wrong."]
    print("\n".join([*found.summary, "", *(f"- {sentence}" for sentence in said)]))
    if not refused:
        kept = [override for override in overrides if not override.startswith("format=")]
        command = " ".join([how_to_call("train"), *map(shlex.quote, kept)])
        print(f"\nNext:\n  {as_shell_needs(command)}")

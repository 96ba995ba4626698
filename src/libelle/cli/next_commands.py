"""The commands that one would type next, ready to be pasted: with a record of the data, and what concerns the store."""

import json
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console

from libelle.cli.command import as_shell_needs
from libelle.data.data_names import publishable
from libelle.installation import how_to_call
from libelle.publication import is_name

#: Fields that a record of a command line fills at most, and characters of a text in it.
FIELDS, CHARACTERS = 3, 60

_PLACEHOLDER = "text=Boulangerie Léa, pâtisserie (chef)"


def print_next(
    console: Console, overrides: Sequence[str], *commands: Sequence[str], keep: tuple[str, ...] = ("store",)
) -> None:
    """Print commands that one would type next, with what the overrides of this one say of the store.

    Each of `commands` is a command's name and its arguments.
    """
    kept = [override for override in overrides if override.lstrip("+").startswith(keep)]
    console.print("Next:")
    for words in commands:
        line = f"{how_to_call(words[0])} {shlex.join([*words[1:], *kept])}"
        console.print(f"  {as_shell_needs(line)}", highlight=False, markup=False, soft_wrap=True)


def stored_example(read: Callable[[str], bytes]) -> list[str]:
    """Arguments as `example` makes them, for a stored pipeline; `read` gives the content of one of its files."""
    golden = [item["record"] for item in json.loads(read("golden.json"))]
    return example(golden, json.loads(read("pipeline.json"))["text"])


def example(golden: Iterable[Mapping[Any, Any]], text: str) -> list[str]:
    """Arguments of `runtime` that hold a record like those of the data, and no real one.

    Args:
        golden: golden records, field → text, None where missing, made up of frequent texts
            (`libelle.training.golden_records`).
        text: the field that a bare text fills.
    """
    candidates = []
    for row in golden:
        texts = {str(name): _short(value) for name, value in row.items()}
        # What `record.<field>=` cannot name is left out: the field's name would end at its first `=`.
        filled = {name: value for name, value in texts.items() if value and (name == text or "=" not in name)}
        if text in filled:
            candidates.append({text: filled.pop(text), **dict(list(filled.items())[: FIELDS - 1])})
    if not candidates:
        return [_PLACEHOLDER]
    # The record that shows most fields, and of these the shortest.
    best = min(candidates, key=lambda record: (-len(record), sum(map(len, record.values()))))
    others = {name: value for name, value in best.items() if name != text}
    return [f"text={best[text]}", *(f"record.{name}={value}" for name, value in others.items())]


def publication_arguments(run_id: str, data: str | None) -> list[str]:
    """Arguments of `publish` that publish a run: with a name where that of the data cannot be one."""
    if data is not None and is_name(data):
        return [f"run_id={run_id}"]
    name = publishable(data or "")
    return [f"run_id={run_id}", f"name={name if is_name(name) else 'model'}"]


def _short(value: str | None) -> str:
    """A text on one line, cut between words where it is long."""
    text = " ".join("".join(character if character.isprintable() else " " for character in value or "").split())
    if len(text) <= CHARACTERS:
        return text
    return text[:CHARACTERS].rpartition(" ")[0] or text[:CHARACTERS]

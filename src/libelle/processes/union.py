"""Process `union`: the matrices of several processes side by side."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import pandas as pd

from libelle.components import Positive, build, describe, load_class
from libelle.data.columns import Columns, count_rows, from_frame
from libelle.data.frequent import fewest_of
from libelle.errors import UserError
from libelle.features import Features, Matrix
from libelle.processes.base import Process
from libelle.stores.base import Store


@dataclass
class Union(Process):
    """All matrices of its parts (`matrix`), each named after its part and its field.

    Attributes:
        parts: name → node of a process that makes the `matrix` block.
        min_records: training records that must hold what any part keeps; None for what each part says.
    """

    conf_name = "union"
    blocks: ClassVar[frozenset[str]] = frozenset({"matrix"})

    parts: dict[str, dict[str, Any]]
    min_records: Positive | None = None

    def __post_init__(self) -> None:
        if not self.parts:
            raise UserError("process.parts=[] names no process; write for instance process.parts=[tfidf,doc2vec].")
        self.processes_: dict[str, Process] = {}
        for name, node in self.parts.items():
            found = load_class(node.get("_target_"), Process, f"process.{name}")
            if "matrix" not in found.blocks or found is Union:
                raise UserError(f"process.parts: {name} makes no matrix that could be joined; leave it out.")
            with _naming(name, found):
                process = build(node, Process, f"process.{name}")
                if self.min_records is not None and hasattr(process, "min_records"):
                    process = build({**node, "min_records": max(self.min_records, process.min_records)}, Process, name)
                self.processes_[name] = process
        self.parts = {name: describe(process) for name, process in self.processes_.items()}
        # By config, as their parts are.
        self.non_negative = all(process.non_negative for process in self.processes_.values())  # type: ignore[misc]
        parts = self.processes_.items()
        self.remedy = ", or ".join(_below(name, type(part), part.remedy) for name, part in parts)  # type: ignore[misc]

    def prepare(self, store: Store) -> None:
        """Prepare each part."""
        for name, process in self.processes_.items():
            with _naming(name, type(process)):
                process.prepare(store)

    def fit(self, table: pd.DataFrame, target: pd.Series) -> Self:
        """As `fit_columns`."""
        return Union.fit_columns(self, from_frame(table), target)

    def fit_columns(self, columns: Columns, target: pd.Series) -> Self:
        """Fit each part on the same rows."""
        for name, process in self.processes_.items():
            with _naming(name, type(process)):
                process.fit_columns(columns, target)
        return self

    def transform(self, table: pd.DataFrame) -> Features:
        """As `transform_columns`."""
        return Union.transform_columns(self, from_frame(table))

    def transform_columns(self, columns: Columns) -> Features:
        """Encode with each part."""
        matrix: dict[str, Matrix] = {}
        for name, process in self.processes_.items():
            with _naming(name, type(process)):
                made = process.transform_columns(columns).matrix or {}
            matrix.update({f"{name}.{field}": data for field, data in made.items()})
        return Features(count_rows(columns), matrix=matrix)

    def fewest_records(self) -> float | None:
        """The smallest number of its parts."""
        return fewest_of(process.fewest_records() for process in self.processes_.values())

    def save(self, folder: Path) -> None:
        """Write each part into a folder of its name."""
        for name, process in self.processes_.items():
            (folder / name).mkdir()
            process.save(folder / name)

    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote."""
        for name, process in self.processes_.items():
            process.load(folder / name)
        return self


@contextmanager
def _naming(part: str, process: type[Process]) -> Iterator[None]:
    """Let errors name a part's keys as they are typed: a process does not know that it is a part."""
    try:
        yield
    except UserError as error:
        raise UserError(_below(part, process, str(error))) from error


def _below(part: str, process: type[Process], sentence: str) -> str:
    keys = "|".join(key.name for key in fields(process))  # type: ignore[arg-type]
    return re.sub(rf"\bprocess(?=\.({keys})\b|: )", lambda _: f"process.{part}", sentence)


def refuse_unchosen(process: Process, typed: Iterable[str]) -> None:
    """Raise `UserError` where a key below the name of a process that is no part was typed: nobody would read it.

    Args:
        process: any; those that are no union have no parts.
        typed: dotted config keys.
    """
    if not isinstance(process, Union):
        return
    names = ",".join(process.parts)
    for key in typed:
        node, _, below = key.partition(".")
        part, dot, _ = below.partition(".")
        if node == "process" and dot and part not in (*process.parts, "parts"):
            raise UserError(
                f"{key} was given, and {part} is no part of process.parts=[{names}]; leave it out, or write "
                f"process.parts=[{names},{part}]."
            )


def choose_parts(node: Mapping[str, Any]) -> dict[str, Any]:
    """From the config's form of a union to the one that builds it; other nodes are returned as they are.

    Args:
        node: `parts`, a list of names, and beside it a node for each process that could be a part, so that each key
            can be set from the command line, as `process.tfidf.min_df=2`. A part without a node has its defaults.

    Returns:
        `parts`, the nodes of the named processes, in this order.

    Raises:
        UserError: when a name is unknown, or stands twice.
    """
    parts = node.get("parts")
    if load_class(node.get("_target_"), Process, "process") is not Union or isinstance(parts, Mapping):
        return dict(node)
    if not isinstance(parts, list):
        raise UserError(f"process.parts={parts} is not a list; write for instance process.parts=[tfidf,doc2vec].")
    known = {name: value for name, value in node.items() if isinstance(value, Mapping)}
    for name in parts:
        if name not in known and not _makes_matrix(name):
            raise UserError(
                f"process.parts: {name} is not a process that can be joined; choose among {', '.join(known)}."
            )
    twice = [name for number, name in enumerate(parts) if name in parts[:number]]
    if twice:
        raise UserError(f"process.parts names {twice[0]} twice; name it once.")
    others = {name: value for name, value in node.items() if name not in known}
    return {**others, "parts": {name: {"_target_": name, **known.get(name, {})} for name in parts}}


def _makes_matrix(name: object) -> bool:
    try:
        found = load_class(name, Process, "process")
    except UserError:
        return False
    return "matrix" in found.blocks and found is not Union

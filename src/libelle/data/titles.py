"""Titles of codes: what a label stands for, as a table of two columns says it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from libelle.data.frames import Chunks
from libelle.data.options import BadRow, FileOptions, FileReport
from libelle.data.shipped import resolve
from libelle.data.tables import read_file
from libelle.errors import UserError, listed

log = logging.getLogger(__name__)

#: Column names of a file with more than two columns.
COLUMNS = ("code", "title")
#: Labels that a message names.
NAMED = 5


@dataclass(frozen=True)
class Titles:
    """What a file says of codes.

    Attributes:
        path: of the file.
        by_code: code → title.
        header: the first line's code, which is a title's where the file has no header.
    """

    path: str
    by_code: dict[str, str]
    header: str

    def of(self, labels: Sequence[str]) -> dict[str, str]:
        """The titles of labels, in their order; what does not fit is said once.

        Raises:
            UserError: when no label has a title, or the file has no header.
        """
        if self.header in labels:
            raise UserError(
                f"data.titles={self.path} has no header: it begins with the code {self.header!r}; put a line such as "
                "code,title before it."
            )
        without = [label for label in labels if label not in self.by_code]
        unknown = [code for code in self.by_code if code not in set(labels)]
        if len(without) == len(labels):
            raise UserError(
                f"data.titles={self.path} names none of the labels ({listed(labels, NAMED)}); its codes are "
                f"{listed(unknown, NAMED)}; write them as in the data, zeros included."
            )
        if without:
            log.warning(
                "data.titles: %d of %d labels have no title in %s: %s",
                *(len(without), len(labels), self.path, listed(without, NAMED)),
            )
        if unknown:
            log.info(
                "data.titles: codes of %s that no record has: %d of %d", self.path, len(unknown), len(self.by_code)
            )
        return {label: self.by_code[label] for label in labels if label in self.by_code}


def with_title(label: str, titles: Mapping[str, str]) -> str:
    """A label for people: with its title in brackets, where it has one."""
    return f"{label} ({titles[label]})" if label in titles else label


def read_titles(path: str) -> Titles:
    """Read a file of codes and titles: two columns, or more of which two are called `code` and `title`.

    Args:
        path: of the file; codes are texts, as the labels are.

    Raises:
        UserError: when it cannot be read, a row has no code, or a code has two titles.
    """
    found: dict[str, str] = {}
    header = ""
    report = FileReport()
    for chunk in _rows(path, report):
        names = [str(name) for name in chunk.columns]
        code, title = _columns(names, path)
        header = code
        lines = report.lines.of(chunk.index.to_numpy(np.int64))
        for line, key, value in zip(lines, chunk[code], chunk[title], strict=True):
            key, value = ("" if text is None or text != text else str(text).strip() for text in (key, value))
            if not value:
                continue
            if not key:
                raise UserError(
                    f"data.titles={path}, {report.unit} {line}: the title {value!r} has no code; give it one."
                )
            if found.setdefault(key, value) != value:
                raise UserError(
                    f"data.titles={path}, {report.unit} {line}: code {key!r} has the titles {found[key]!r} and "
                    f"{value!r}; keep one of them."
                )
    if report.found.get("encoding") == "cp1252":  # nobody could say so: titles have no key for it
        log.warning("data.titles=%s is not UTF-8 and is read as cp1252; if accents look wrong, save it as UTF-8", path)
    if not found:
        raise UserError(f"data.titles={path} holds no titles; give it rows of a code and a title.")
    return Titles(path, found, header)


def _columns(names: list[str], path: str) -> tuple[str, str]:
    """Which column holds codes, and which titles."""
    lower = [name.strip().lower() for name in names]
    if all(name in lower for name in COLUMNS):
        return names[lower.index(COLUMNS[0])], names[lower.index(COLUMNS[1])]
    if len(names) != 2:
        raise UserError(
            f"data.titles={path} has {len(names)} columns ({listed(names, NAMED)}); give it two, the code and its "
            "title, or call two of them code and title."
        )
    return names[0], names[1]


def _rows(path: str, report: FileReport) -> Chunks:
    place = resolve(path)
    if not place.is_file():
        raise UserError(f"data.titles={path} does not exist; check the path.")

    def stop(bad: BadRow) -> None:
        raise UserError(f"data.titles={path}, {bad.place}: {bad.reason}; correct it.")

    yield from read_file(place, FileOptions(keys=""), on_bad_row=stop, report=report)

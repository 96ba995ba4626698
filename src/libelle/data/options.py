"""How a file is to be read, and what was found and counted while it was read."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from libelle.errors import counted

log = logging.getLogger(__name__)

#: The keys of `FileOptions`, in the order in which messages name them.
OPTIONS = ("delimiter", "encoding", "quote", "sheet")

#: Warnings of one kind that are written one by one.
WARNED = 5


@dataclass(frozen=True)
class FileOptions:
    """How a file is to be read; what is None is found.

    Attributes:
        delimiter: between the fields of a CSV file: one character, `tab`, or `none` for a file of one column.
        encoding: of a CSV file.
        quote: `none` where quotes are characters like others; `"` where they certainly enclose fields.
        sheet: of an Excel file; by default the first that has the wanted columns.
        wanted: names of columns that must be there; they show which delimiter is right. Empty: not known.
        needed: names of all columns that will be used; None: all of them.
        remembered: how the file was read that a model learnt from, tried first where nothing was typed.
        keys: what stands before the keys in this command, for messages.
        shared: whether they are for several files, of which each takes what its kind has.
    """

    delimiter: str | None = None
    encoding: str | None = None
    quote: str | None = None
    sheet: str | None = None
    wanted: frozenset[str] = frozenset()
    needed: frozenset[str] | None = None
    remembered: Mapping[str, str] = field(default_factory=dict)
    keys: str = "data."
    shared: bool = False


@dataclass(frozen=True)
class BadRow:
    """A record that cannot be read.

    Attributes:
        first: its first line in the file, from 1 for the header, as an editor shows them.
        last: its last line.
        records: how many records are lost with it: a quote may have swallowed others.
        reason: what is wrong with it.
        hint: what to do, as `set data.delimiter`.
        unit: what is counted, `line` or `row`.
    """

    first: int
    last: int
    records: int
    reason: str
    hint: str
    unit: str = "line"

    @property
    def place(self) -> str:
        """Where it is."""
        return place(self.unit, self.first, self.last)


#: Called with each record that cannot be read.
OnBadRow = Callable[[BadRow], None]


def place(unit: str, first: int, last: int) -> str:
    """One line, or several."""
    return f"{unit} {first}" if first == last else f"{unit}s {first} to {last}"


class Lines:
    """Where records stand in their file, kept as the numbers of records after which the distance changes."""

    def __init__(self) -> None:
        self._firsts: list[npt.NDArray[np.int64]] = []
        self._distances: list[npt.NDArray[np.int64]] = []

    def add(self, records: npt.NDArray[np.int64], lines: npt.NDArray[np.int64]) -> None:
        """Note the lines of some records, in order."""
        distances = lines - records
        changed = np.flatnonzero(np.diff(distances, prepend=distances[:1] - 1))
        self._firsts.append(records[changed])
        self._distances.append(distances[changed])

    def of(self, records: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The lines of some records; their own numbers where no lines were noted."""
        if not self._firsts:
            return records
        firsts, distances = np.concatenate(self._firsts), np.concatenate(self._distances)
        return records + distances[np.maximum(np.searchsorted(firsts, records, side="right") - 1, 0)]


@dataclass
class FileReport:
    """What was found and counted while a file was read.

    Attributes:
        found: how it was read, key → value, for files like it.
        said: what people should know of it, once the header is known to fit.
        unit: what messages count: `line` in a text file, else `row`.
        lines: where records stand.
        read: records that were read.
        refused: records that could not be.
    """

    found: dict[str, str] = field(default_factory=dict)
    said: list[tuple[int, str]] = field(default_factory=list)
    unit: str = "row"
    lines: Lines = field(default_factory=Lines)
    read: int = 0
    refused: int = 0
    _announced: bool = False
    _warnings: dict[str, int] = field(default_factory=dict)
    _once: set[str] = field(default_factory=set)

    def say(self, sentence: str, level: int = logging.INFO) -> None:
        """Say something of the file, once its header is known to fit: a mistake is one sentence alone."""
        if self._announced:
            log.log(level, "%s", sentence)
        else:
            self.said.append((level, sentence))

    def warn(self, kind: str, sentence: str) -> None:
        """Warn, unless enough has been said of this kind."""
        count = self._warnings[kind] = self._warnings.get(kind, 0) + 1
        if count <= WARNED:
            self.say(sentence, logging.WARNING)

    def warn_once(self, kind: str, sentence: str) -> None:
        """Warn, unless that was done."""
        if kind not in self._once:
            self._once.add(kind)
            self.say(sentence, logging.WARNING)

    def warn_of_nameless(self, column: int, text: str, where: str) -> None:
        """Warn, once, that a column without a name is left out though it holds something; columns count from 1."""
        self.warn_once(
            f"column {column}",
            f"{where}: column {column} has no name and is left out, though it holds {text[:40]!r}; name it in the "
            "header if it should be read",
        )

    def announce(self) -> None:
        """Say what there is to say; later sentences follow at once."""
        self._announced = True
        for level, sentence in self.said:
            log.log(level, "%s", sentence)
        self.said.clear()

    def close(self, name: str, verb: str = "read") -> None:
        """Say how many records there were, and what became of them."""
        for kind, count in self._warnings.items():
            if count > WARNED:
                log.warning("%s: %s of %s", name, counted(count - WARNED, "more warning"), kind)
        every = counted(self.read + self.refused, "record")
        level = logging.WARNING if self.refused else logging.INFO
        refused = f"{self.refused:,}" if self.refused else "none"
        log.log(level, "%s: %s, %s %s, %s refused", name, every, f"{self.read:,}", verb, refused)

"""Texts whose characters say that they were read, or once written, in a wrong encoding."""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from libelle.data.columns import Column

#: What bytes of 80 to BF are in cp1252 and latin-1: in UTF-8 they follow on the first byte of a character.
_LATER = "\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"

#: What is wrong → how it shows. Of what UTF-8 looks like as cp1252, the pairs that no language writes.
_SIGNS = {
    "control characters": re.compile("[\x80-\x9f]"),
    "accents in pieces": re.compile(f"Ã[{_LATER}]|Â[\xa0-\xbf]|Å[“’¸]|â(€[{_LATER}]|‚¬)|ï»¿|ðŸ"),
    "lost characters": re.compile("\ufffd"),
}

#: What to do where another encoding would read the file rightly, and where none would.
_REMEDIES = {
    "control characters": "they are letters of another encoding; set encoding=cp1252, or correct the texts",
    "accents in pieces": "UTF-8 was read as another encoding; set encoding=utf-8, or have the file written again",
}
_FROM_BEFORE = {
    "control characters": "they were letters of another encoding before; have the file written again, or correct them",
    "accents in pieces": "UTF-8 was read as another encoding before; have the file written again",
    "lost characters": "they were lost before; have the file written again as UTF-8",
}


@dataclass(frozen=True)
class Suspicion:
    """Texts of a column with one kind of suspicious characters.

    Attributes:
        kind: what is wrong with them.
        text: the first of them.
        row: position of its first row.
        rows: how many rows hold such a text.
    """

    kind: str
    text: str
    row: int
    rows: int

    def sentence(self, column: str, place: str, encoding: str | None) -> str:
        """What to say of it.

        Args:
            column: the column's name.
            place: the first row, as people find it: `line 3`.
            encoding: by which the file was read; None where it has none, as Parquet.
        """
        shown = ascii(self.text[:40]) if self.kind == "control characters" else repr(self.text[:40])
        more = f" and {self.rows - 1:,} more" if self.rows > 1 else ""
        # Read as UTF-8, the characters are in the file.
        is_misread = encoding is not None and not codecs.lookup(encoding).name.startswith("utf")
        remedy = (_FROM_BEFORE | _REMEDIES if is_misread else _FROM_BEFORE)[self.kind]
        return f"{place}{more}: {self.kind} in column {column!r} ({shown}): {remedy}"


def find_suspicions(column: Column) -> list[Suspicion]:
    """The kinds of suspicious characters among a column's distinct texts, each with its first text."""
    odd = [(code, text) for code, text in enumerate(column.texts) if not text.isascii()]
    found = []
    for kind, sign in _SIGNS.items():
        codes = [code for code, text in odd if sign.search(text)]
        if codes:
            # Texts stand in the order of their first rows.
            row = int(np.flatnonzero(column.index == codes[0])[0])
            found.append(Suspicion(kind, column.texts[codes[0]], row, int(column.counts[codes].sum())))
    return found


def count_suspicious(texts: Sequence[str]) -> int:
    """How many texts hold suspicious characters."""
    return sum(not text.isascii() and any(sign.search(text) for sign in _SIGNS.values()) for text in texts)

"""How the fields of a CSV file are separated and quoted: found from its first rows, where nobody says it."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from libelle.data.names import normal_name
from libelle.data.options import FileOptions, FileReport
from libelle.errors import UserError

#: Characters that separate fields, the likeliest first.
DELIMITERS = ",;\t|"

#: Stands for the delimiter of a file of one column: a character that texts do not hold.
ONE_COLUMN = "\x1f"

#: Rows of the sample that are looked at.
_ROWS = 200

#: What Excel takes as a word on the delimiter, in a line of its own.
_SEP_LINE = re.compile(r'\ufeff*"?sep=(.)"?\r?\n', re.IGNORECASE)

_WORDS = {"\t": "tab", ONE_COLUMN: "none"}
_CHARACTERS = {"tab": "\t", "\\t": "\t", "none": ONE_COLUMN}


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Attributes:
        delimiter: one character.
        quoted: whether quotes enclose fields; else they are characters like others.
        certain: whether that was said: a quoted field that holds what looks like rows is then one field.
        skipped: characters before the header: a line `sep=;`.
    """

    delimiter: str
    quoted: bool = True
    certain: bool = False
    skipped: int = 0

    def reader(self, lines: Iterable[str], *, strict: bool = True) -> Iterator[list[str]]:
        """Python's reader of rows; strict: a quote that is never closed is an error."""
        if not self.quoted:
            return csv.reader(lines, delimiter=self.delimiter, strict=strict, quoting=csv.QUOTE_NONE)
        return csv.reader(lines, delimiter=self.delimiter, strict=strict)


def delimiter_of(word: str, keys: str) -> str:
    """The character that a person means.

    Raises:
        UserError: when it is not one.
    """
    delimiter = _CHARACTERS.get(word, word)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UserError(f"{keys}delimiter={word} must be one character, or the word tab; none for a single column.")
    return delimiter


def check_quote(quote: str | None, keys: str) -> None:
    """Raise unless `quote` is a value of the key."""
    if quote not in (None, '"', "none"):
        raise UserError(
            f"{keys}quote={quote} is unknown; write {keys}quote=none where quotes are ordinary characters, or leave it "
            "out."
        )


def find_dialect(head: str, name: str, options: FileOptions, report: FileReport, *, whole: bool) -> Dialect:
    """Find how a CSV file is written, as far as nobody says it, and note it.

    Args:
        head: how the file begins.
        name: what messages call it.
        options: what is said, and what was found in a like file.
        report: gets what was found.
        whole: whether the head is all there is.

    Raises:
        UserError: when an option has a wrong value.
    """
    keys = options.keys
    check_quote(options.quote, keys)
    sep = _SEP_LINE.match(head)
    skipped = sep.end() if sep else 0
    sample = _sample(head[skipped:], whole=whole)
    quote, tried = options.quote, None
    if options.delimiter is not None:
        delimiter = delimiter_of(options.delimiter, keys)
    elif sep:
        delimiter = sep[1]
    elif (tried := _remembered(sample, options)) is not None:
        delimiter, quote = tried
    else:
        delimiter = _find_delimiter(sample, options)
        if before := options.remembered.get("delimiter"):
            report.say(f"{name} is not written as the data that the model learnt from were, with delimiter={before}")
    if quote is None and (tried is None or sep or options.delimiter is not None):
        quote = options.remembered.get("quote")
    report.found["delimiter"] = _WORDS.get(delimiter, delimiter)
    if quote is not None:
        report.found["quote"] = quote
    if options.delimiter is None or options.encoding is None:
        report.say(f"{name} is read with {_spelled(report.found, options)}")
    return Dialect(delimiter, quote != "none", quote is not None, skipped)


def _spelled(found: dict[str, str], options: FileOptions) -> str:
    return " ".join(f"{options.keys}{key}={found[key]}" for key in ("delimiter", "encoding", "quote") if key in found)


def _sample(text: str, *, whole: bool) -> str:
    """Whole lines."""
    return text if whole else text[: text.rfind("\n") + 1] or text


def _rows(sample: str, dialect: Dialect) -> list[list[str]]:
    """The first rows."""
    rows: list[list[str]] = []
    try:
        for row in dialect.reader(io.StringIO(sample, newline=""), strict=False):
            if rows or any(cell.strip() for cell in row):
                rows.append(row)
            if len(rows) > _ROWS:
                break
    except csv.Error:
        pass  # what was read before says enough
    return rows


def _remembered(sample: str, options: FileOptions) -> tuple[str, str | None] | None:
    """The delimiter and the quote of a like file, where the header of this one is right with them."""
    if "delimiter" not in options.remembered:
        return None
    delimiter = delimiter_of(options.remembered["delimiter"], options.keys)
    for quote in dict.fromkeys([options.quote or options.remembered.get("quote"), options.quote]):
        rows = _rows(sample, Dialect(delimiter, quote != "none"))
        fits = rows and options.wanted <= _names(rows[0])
        if fits and (len(rows[0]) > 1 or delimiter == ONE_COLUMN):  # a text alone may hold any delimiter
            return delimiter, quote
    return None


def _names(header: Sequence[str]) -> set[str]:
    return {normal_name(name.lstrip("\ufeff")) for name in header}


def _find_delimiter(sample: str, options: FileOptions) -> str:
    """The character by which most of the wanted columns are there, and then most rows have the header's width."""
    quoted = options.quote != "none"
    best, best_score = ONE_COLUMN, (0, 0.0, 0)
    for delimiter in DELIMITERS:
        rows = _rows(sample, Dialect(delimiter, quoted))
        if not rows or len(rows[0]) < 2:
            continue
        width = len(rows[0])
        others = [row for row in rows[1:] if row]
        alike = sum(len(row) == width for row in others) / len(others) if others else 1.0
        score = (len(options.wanted & _names(rows[0])), alike, width)
        if score > best_score:
            best, best_score = delimiter, score
    single = _rows(sample, Dialect(ONE_COLUMN, quoted))
    if best_score[0] == 0 and single and options.wanted & _names(single[0]):
        return ONE_COLUMN
    return best

"""The cleaners: special characters, punctuation, accents, lower case, stop words, white space."""

import re
import string
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from libelle.cleaners.base import LineCleaner, TextCleaner

#: What Unicode does not decompose, though a form filled in capitals does.
_LIGATURES = {"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE"}

_WORD = re.compile(r"\S+")
#: Punctuation and symbols of ASCII.
_ASCII_MARKS = re.compile(rf"([{re.escape(string.punctuation)}])")
_IS_MARK = np.isin(np.arange(128), [*string.punctuation.encode()])
#: What stands between plain texts, and between their words.
_LINE, _BLANK = np.array([ord("\n")], np.uint8), np.uint8(ord(" "))

#: French function words, without accents. Left out on purpose: single letters, "qu" and other address codes
#: (D, L, R, QU for quai, AV, ST), and words that say something about an employer or a place ("sans", "plusieurs",
#: SA for société anonyme, EST).
FRENCH_STOPWORDS = tuple(
    """
    ai aie aient aies ait as au aura aurai auraient aurais aurait auras aurez auriez aurions aurons auront aux
    avaient avais avait avec avez aviez avions avons ayant ayez ayons ce ceci cela celui cette ces dans de des du
    elle elles en es et etaient etais etait etant ete etes etiez etions eu eue eues eurent eus eusse eussent eut eux
    fumes furent fus fut il ils je la le les leur leurs lui ma mais me meme memes mes moi mon ne nos notre nous on
    ont ou par pas pour que quel quelle quelles quels qui se sera serai seraient serais serait seras serez seriez
    serions serons seront ses soi soient sois soit sommes son sont soyez soyons suis sur ta te tes toi ton tu un une
    vos votre vous
    """.split()
)


class _Spaced(dict[int, str]):
    """Translation table, filled as characters come.

    Control and format characters become blanks, punctuation and symbols what `special` makes of them.
    """

    def __init__(self, special: Callable[[str], str]) -> None:
        self.special = special

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category[0] in "PS":
            self[code] = self.special(character)
        else:
            self[code] = " " if category in ("Cc", "Cf") else character
        return self[code]


class _WithoutMarks(dict[int, str]):
    """Translation table of decomposed texts, filled as characters come: no combining marks, and no ligatures."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = "" if unicodedata.category(character) == "Mn" else _LIGATURES.get(character, character)
        return self[code]


_WITHOUT_MARKS = _WithoutMarks()
_BLANKS = _Spaced(lambda character: " ")
_APART = _Spaced(lambda character: f" {character} ")


def _collapse(text: str) -> str:
    # Of all white space, the blank alone is printable.
    if text.isprintable() and "  " not in text and text[:1] != " " != text[-1:]:
        return text
    return " ".join(text.split())


def _letters(lines: str) -> npt.NDArray[np.uint8]:
    """Plain texts, one a line, as bytes."""
    return np.frombuffer(lines.encode("ascii"), np.uint8)


def _collapse_lines(letters: npt.NDArray[np.uint8]) -> str:
    """As `_collapse`, of plain texts, one a line."""
    letters = np.concatenate((letters, _LINE))
    gaps = np.concatenate((_LINE, letters)) <= _BLANK
    letters = letters[~((letters == _BLANK) & gaps[:-1])]  # blanks after a blank, or at the beginning of a text
    last = (letters[:-1] == _BLANK) & (letters[1:] == _LINE)
    return str(letters[:-1][~last].tobytes(), "ascii")


def _set_apart(letters: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Put a blank on either side of each mark."""
    marks = _IS_MARK.take(letters)
    wide = np.repeat(letters, np.where(marks, 3, 1))
    before = np.flatnonzero(marks)
    before += 2 * np.arange(len(before))
    wide[before] = wide[before + 2] = _BLANK
    return wide


def _fold(word: str) -> str:
    return without_accents(word).lower()


def without_accents(text: str) -> str:
    """Drop combining marks and spell out ligatures: `Cœur d'Élan` becomes `Coeur d'Elan`."""
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFD", text).translate(_WITHOUT_MARKS)
    return plain if plain.isascii() else unicodedata.normalize("NFC", plain)


@dataclass
class SpecialCharacters(LineCleaner):
    """Punctuation, symbols (`’ — ° €`) and control characters become blanks; runs of blanks become one."""

    conf_name = "special_characters"

    def clean_text(self, text: str) -> str:
        """Replace special characters with blanks."""
        return _collapse(text.translate(_BLANKS))

    def clean_lines(self, lines: str) -> str:
        """Replace marks with blanks."""
        letters = _letters(lines)
        return _collapse_lines(np.where(_IS_MARK.take(letters), _BLANK, letters))


@dataclass
class Punctuation(LineCleaner):
    """Each punctuation mark and symbol becomes a word of its own; control characters become blanks."""

    conf_name = "punctuation"

    def clean_text(self, text: str) -> str:
        """Set special characters apart."""
        if text.isascii() and text.isprintable():
            # As the table would, in half the time.
            return _collapse(" ".join(_ASCII_MARKS.split(text)))
        return _collapse(text.translate(_APART))

    def clean_lines(self, lines: str) -> str:
        """Set marks apart."""
        return _collapse_lines(_set_apart(_letters(lines)))


@dataclass
class Accents(LineCleaner):
    """`é` becomes `e`, `œ` becomes `oe`; runs of blanks, which an accent on its own may leave, become one."""

    conf_name = "accents"

    def clean_text(self, text: str) -> str:
        """Remove accents."""
        return _collapse(without_accents(text))

    def clean_lines(self, lines: str) -> str:
        """Collapse blanks: there are no accents."""
        return _collapse_lines(_letters(lines))


@dataclass
class Lowercase(LineCleaner):
    """Capitals become small letters."""

    conf_name = "lowercase"

    def clean_text(self, text: str) -> str:
        """Lower the case."""
        # The final sigma depends on its neighbours, and with it on the cleaners before this one.
        lower = text.lower()
        return lower if lower.isascii() else lower.replace("ς", "σ")

    def clean_lines(self, lines: str) -> str:
        """Lower the case."""
        return lines.lower()


@dataclass
class Whitespace(LineCleaner):
    """Runs of white space, line breaks and no-break spaces among them, become one blank; none at the ends."""

    conf_name = "whitespace"

    def clean_text(self, text: str) -> str:
        """Collapse white space."""
        return _collapse(text)

    def clean_lines(self, lines: str) -> str:
        """Collapse blanks."""
        return _collapse_lines(_letters(lines))


@dataclass
class Stopwords(TextCleaner):
    """Words that carry no meaning are removed, whatever their case and accents.

    Attributes:
        words: the stop words; `FRENCH_STOPWORDS` where left out.
    """

    conf_name = "stopwords"

    words: list[str] | None = None

    def __post_init__(self) -> None:
        if self.words is None:
            # Kept with a saved pipeline: it must not change with the list of a later version.
            self.words = list(FRENCH_STOPWORDS)

    @cached_property
    def _folded(self) -> frozenset[str]:
        return frozenset(_fold(word) for word in self.words or ())

    def clean_text(self, text: str) -> str:
        """Remove stop words."""
        # Words end where `SpecialCharacters` would put a blank: `L'ÉTÉ` is two, before and after that cleaner.
        kept, end = [], 0
        for word in _WORD.finditer(text.translate(_BLANKS)):
            if _fold(word[0]) in self._folded:
                kept.append(text[end : word.start()])
                end = word.end()
        return _collapse("".join([*kept, text[end:]]))

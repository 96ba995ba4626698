"""The noise of handwritten forms: case, abbreviations, typing errors and cut texts.

Each function takes a column (object array of str or None) and gives back a new one; a missing text stays
missing. Python loops run over distinct texts or over the small share of rows that a noise touches.
"""

import unicodedata
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from libelle.data.census.vocabulary import NEIGHBOUR_KEYS
from libelle.features import Doubles

Texts = npt.NDArray[np.object_]
Mask = npt.NDArray[np.bool_]

#: Shorter texts are left alone: a typing error in a two-letter word makes another word.
SHORTEST_NOISY = 5


def fold(text: str) -> str:
    """Return `text` in capitals, without accents, apostrophes or hyphens, as on most forms."""
    decomposed = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("Œ", "OE"))
    letters = "".join(c for c in decomposed if not unicodedata.combining(c)).upper()
    return " ".join("".join(c if c.isalnum() else " " for c in letters).split())


def blank(texts: Texts, rows: Mask) -> Texts:
    """Return `texts` with the `rows` chosen missing."""
    result = texts.astype(object)  # in an array of fixed-width str, None would become the text "None"
    result[rows] = None
    return result


def on_rows(texts: Texts, rows: Mask, change: Callable[[str], str]) -> Texts:
    """Return `texts` with `change` applied on the `rows` chosen, once for each distinct text."""
    codes, distinct = pd.factorize(texts[rows])
    changed = np.array([change(text) for text in distinct] + [None], dtype=object)
    result = texts.copy()
    result[rows] = changed[codes]  # a missing text has code -1: the None at the end
    return result


def abbreviate(texts: Texts, rows: Mask, abbreviations: Mapping[str, str]) -> Texts:
    """Return `texts` with their words shortened on the `rows` chosen."""
    return on_rows(texts, rows, lambda text: " ".join(abbreviations.get(w, w) for w in text.split(" ")))


def misspell(texts: Texts, share: float | Doubles, rng: np.random.Generator) -> tuple[Texts, Mask]:
    """Return `texts` with a typing error in a `share` of the rows, and the rows that have one.

    An error is a letter lost, doubled, swapped with the next, or typed on the key beside it.
    """
    result = texts.copy()
    misspelt = np.zeros(len(texts), dtype=bool)
    rows = np.flatnonzero(rng.random(len(texts)) < share)
    kinds = rng.integers(0, 4, len(rows))
    places = rng.random(len(rows))
    for row, kind, place in zip(rows.tolist(), kinds.tolist(), places.tolist(), strict=True):
        text = texts[row]
        if text is None or len(text) < SHORTEST_NOISY:
            continue
        result[row] = _typing_error(text, kind, 1 + int(place * (len(text) - 2)))
        misspelt[row] = result[row] != text
    return result, misspelt


def _typing_error(text: str, kind: int, at: int) -> str:
    letter, following = text[at], text[at + 1]
    if " " in (letter, following):
        return text[:at] + text[at:].replace(" ", "", 1)  # two words run together
    replacement = (
        following,
        letter + letter + following,
        following + letter,
        NEIGHBOUR_KEYS.get(letter, letter) + following,
    )[kind]
    return text[:at] + replacement + text[at + 2 :]


def cut(texts: Texts, share: float, rng: np.random.Generator) -> tuple[Texts, Mask]:
    """Return `texts` cut after 8 to 15 letters in a `share` of the rows, and the rows that lost something."""
    result = texts.copy()
    shortened = np.zeros(len(texts), dtype=bool)
    rows = np.flatnonzero(rng.random(len(texts)) < share)
    lengths = rng.integers(8, 16, len(rows))
    for row, length in zip(rows.tolist(), lengths.tolist(), strict=True):
        text = texts[row]
        if text is not None and len(text) > length:
            result[row] = text[:length].rstrip()
            shortened[row] = True
    return result, shortened

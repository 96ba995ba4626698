"""The language that pages are written in: their messages by gettext, their numbers by Babel.

Whoever writes a sentence or a number for a page calls the functions of this module, which follow the language that
`speaking` has set. Outside, and so on the terminal, everything is English, which needs neither a catalogue nor Babel.
The prediction service does without Babel in all languages: it says messages, whole numbers and limits alone.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Literal

from libelle.errors import UserError, needs_extra

#: What a page can be written in. English is what the source says; the others have a catalogue in `locales/`.
LanguageCode = Literal["en", "fr"]
ENGLISH: LanguageCode = "en"
LANGUAGES: tuple[LanguageCode, ...] = ("en", "fr")

#: Catalogues: `<language>/LC_MESSAGES/libelle.po`, and what `make messages` compiles it to.
LOCALES = Path(__file__).parent / "locales"

#: A language that a browser likes, and how much: `fr-FR;q=0.9`.
_WISH = re.compile(r"([a-zA-Z*]+)[^,;]*(?:;\s*q=([0-9](?:\.[0-9]+)?))?")

_current: ContextVar[str] = ContextVar("language", default=ENGLISH)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Messages and numbers that are made inside are in this language.

    Raises:
        UserError: as `require_language`.
    """
    require_language(language)
    with answering(language):
        yield


@contextmanager
def answering(language: str) -> Iterator[None]:
    """The same for messages, and numbers by `count` and `general`, which need no Babel."""
    token = _current.set(language)
    try:
        yield
    finally:
        _current.reset(token)


def preferred(accepted: str) -> LanguageCode | None:
    """The language of ours that somebody likes best, if any; `accepted` as in HTTP's header `Accept-Language`."""
    wishes = [(name.lower(), float(weight or 1)) for name, weight in _WISH.findall(accepted)]
    liked = sorted((wish for wish in wishes if wish[1] > 0), key=lambda wish: -wish[1])
    return next((code for name, _ in liked for code in LANGUAGES if code == name), None)


def require_language(language: str, key: str = "report.language") -> None:
    """Check that pages can be written in a language, before any work.

    Args:
        language: its code.
        key: the config key that asks for it.

    Raises:
        UserError: when there is no such language, or Babel is not installed and the language needs it.
    """
    if language not in LANGUAGES:
        raise UserError(f"{key}={language} is not a language of the pages; choose {' or '.join(LANGUAGES)}.")
    if language != ENGLISH:
        with needs_extra(f"{key}={language}", "languages"):
            import babel.numbers  # noqa: F401


def current_language() -> str:
    """The code of the language, for `<html lang>`."""
    return _current.get()


def gettext(message: str) -> str:
    """A message in the current language."""
    return catalogue(_current.get()).gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """A message about a number of things, in the current language and the form for that number."""
    return catalogue(_current.get()).ngettext(singular, plural, number)


def pgettext(context: str, message: str) -> str:
    """A message that can mean several things, in the current language."""
    return catalogue(_current.get()).pgettext(context, message)


def N_(message: str) -> str:  # noqa: N802 - the name by which gettext's tools know it
    """Mark a message that is translated later, where it is shown."""
    return message


def count(number: int) -> str:
    """A whole number: `12,345` or `12 345`."""
    text = f"{number:,}"
    return text if _is_english() else text.replace(",", "\u202f")


def decimal(number: float, digits: int = 4) -> str:
    """A number with some digits after its point: `0.5110` or `0,5110`."""
    return f"{number:.{digits}f}" if _is_english() else _format(number, _pattern(digits))


def signed(number: float, digits: int = 4) -> str:
    """The same with its sign: `+0.0123` or `−0,0123`."""
    text = decimal(abs(number), digits)
    return f"{'−' if number < 0 and float(f'{number:.{digits}f}') else '+'}{text}"


def general(number: float, digits: int = 6) -> str:
    """A number with so many digits that count at most, and no zeros at its end: `0.5` or `0,5`."""
    text = f"{number:.{digits}g}"
    if _is_english():
        return text
    text = text.replace(".", ",")
    return text if "e" in text else text.replace("-", "−")


def threshold_text(number: float) -> str:
    """A threshold: as `general`, with more digits where six make 1 of less, which hardly any score reaches."""
    return general(number, 9 if general(number) == "1" else 6)


def percent(share: float, digits: int = 1) -> str:
    """A share as a percentage: `12.3 %` or `12,3 %`."""
    space = " " if _is_english() else "\u202f"
    return f"{decimal(share * 100, digits)}{space}%"


def day(of: date) -> str:
    """A day: `2026-11-26` or `26/11/2026`."""
    if _is_english():
        return of.isoformat()
    from babel.dates import format_date

    return str(format_date(of, "short", locale=_current.get()))


def _pattern(digits: int) -> str:
    return f"#,##0.{'0' * digits}" if digits else "#,##0"


def _format(number: float, pattern: str) -> str:
    from babel.numbers import format_decimal

    # Rounded by Python, as in English: Babel would round halves of the decimal text.
    digits = len(pattern.partition(".")[2])
    return format_decimal(float(f"{number:.{digits}f}"), pattern, locale=_current.get()).replace("-", "−")


def _is_english() -> bool:
    return _current.get() == ENGLISH


@cache
def catalogue(language: str) -> NullTranslations:
    """The messages of a language, whichever is set; needs no Babel, which writes numbers."""
    if language == ENGLISH:
        return NullTranslations()
    with (LOCALES / language / "LC_MESSAGES" / "libelle.mo").open("rb") as file:
        return GNUTranslations(file)

"""Sentences made of a template and values, in the current language.

A run keeps both, the template in English, so that each page can say it in its own language.
"""

from collections.abc import Callable, Mapping, Sequence
from string import Formatter
from typing import Any

from libelle.data.frame_source import FRAME
from libelle.language import N_, count, gettext, ngettext

#: How lists begin that are longer than what is shown: their last item.
MORE = "…"
#: A label whose ends must be seen.
_QUOTED = N_("{label!r}")


def fill(message: str, values: Mapping[str, Any]) -> str:
    """A template with its values, in the current language.

    Args:
        message: the template in English, with places as `str.format` knows them. The format of a place may be `,` for a
            number; `rows` for a number of rows; `splits` for names of splits; `source` for what a source is called;
            `label` for a label; `counts` for pairs of a label and its rows, `each` for the same with the word; `alike`
            for lists of such pairs.
        values: what goes there, as JSON has it.
    """
    return _Filled().vformat(gettext(message), (), values)


class _Filled(Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        write = _WRITERS.get(format_spec)
        return str(super().format_field(value, format_spec)) if write is None else write(value)


def _rows(number: int) -> str:
    return ngettext("{count} row", "{count} rows", number).format(count=count(number))


def _quoted(label: str) -> str:
    return gettext(_QUOTED).format(label=label)


def _label(label: str) -> str:
    return label if label == label.strip() else _quoted(label)


def _each(pairs: Sequence[Any], write: Callable[[int], str] = _rows) -> str:
    return ", ".join(pair if pair == MORE else f"{_label(pair[0])} ({write(pair[1])})" for pair in pairs)


def _counts(pairs: Sequence[Any]) -> str:
    return _each(pairs, count)


def _alike(groups: Sequence[Any]) -> str:
    shown = (
        group if group == MORE else _joined([f"{_quoted(label)} ({count(rows)})" for label, rows in group])
        for group in groups
    )
    return ", ".join(shown)


def _source(name: str) -> str:
    return gettext(name) if name == FRAME else name


def _splits(names: Sequence[str]) -> str:
    return _joined([gettext(name) for name in names])


def _joined(parts: Sequence[str]) -> str:
    first, *others = parts
    for other in others:
        first = gettext("{first} and {second}").format(first=first, second=other)
    return first


_WRITERS: dict[str, Callable[[Any], str]] = {
    ",": count,
    "label": _label,
    "rows": _rows,
    "each": _each,
    "counts": _counts,
    "alike": _alike,
    "source": _source,
    "splits": _splits,
}

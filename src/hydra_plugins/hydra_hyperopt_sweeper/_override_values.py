"""Values as they are written in an override, so that Hydra's parser gives back exactly the same value."""

import re
from functools import lru_cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString, ValueType
from hydra.errors import HydraException

#: Inside a list or a dict only plain names go unquoted: the grammar has more special cases there.
_PLAIN = re.compile(r"(?!(?:true|false|null|nan|inf)$)[A-Za-z_][A-Za-z0-9_]*", re.IGNORECASE)


def encode(value: Any) -> str:
    """Text of `value` after the `=` of an override; strings are quoted only where they need it.

    Args:
        value: what Hydra's parser yields: str, QuotedString, int, float, bool, None, or lists and dicts of these.
    """
    if isinstance(value, str):
        return value if _reads_back(value) else QuotedString(value, Quote.single).with_quotes()
    return _encode_element(value)


def _encode_element(value: Any) -> str:
    match value:
        case QuotedString():
            return value.with_quotes()
        case str():
            return value if _PLAIN.fullmatch(value) else QuotedString(value, Quote.single).with_quotes()
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case list():
            return "[" + ",".join(map(_encode_element, value)) + "]"
        case dict():
            # Keys cannot be quoted: Hydra's own escapes are all there is.
            items = (f"{Override._get_value_element_as_str(k)}:{_encode_element(v)}" for k, v in value.items())
            return "{" + ",".join(items) + "}"
        case _:
            return repr(value)


@lru_cache(maxsize=4096)
def _reads_back(text: str) -> bool:
    """Whether the parser reads the unquoted `text` as that very string."""
    try:
        parsed = OverridesParser.create().parse_override(f"key={text}")
    except HydraException:
        return False
    return parsed.value_type is ValueType.ELEMENT and isinstance(parsed._value, str) and parsed._value == text


def plain(value: Any) -> Any:
    """`value` without the quotes that the parser keeps: a QuotedString becomes its text, also inside."""
    return Override._convert_value(value)

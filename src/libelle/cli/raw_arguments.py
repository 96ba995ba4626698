"""Raw arguments: values that a person types as free text.

Hydra's grammar would cut `text=a, b` in two, refuse an accent and read `NULL` as nothing; OmegaConf would take `???`
for missing and `${x}` for an interpolation. So these arguments cross both as percent-encoded ASCII and are decoded
after the config is composed: every character arrives as typed.
"""

import json
import re
from typing import Any
from urllib.parse import quote, unquote

from libelle.errors import UserError

#: The arguments that are free text, in all scripts. `record.<field>` is another.
RAW_KEYS = frozenset(
    """
    text input output delimiter encoding quote sheet published name
    data.path data.url data.query data.id data.target data.target_value data.columns data.text data.positive data.slices
    data.delimiter data.encoding data.quote data.sheet data.split.column data.split.group
    data.categorical data.numeric data.weight data.titles data.name keep
    """.split()
)

_MARK = "libelle-raw:"
_ARGUMENT = re.compile(r"(?P<key>[^=]+?)=(?P<value>.*)", re.DOTALL)
_SECRET = re.compile(r"(^|_)(password|passwd|secret|token|access_key|secret_key)$", re.IGNORECASE)
#: In a URL, `//user:password@` (which `//host:5432/` is not) or `?password=`.
_PASSWORD = re.compile(r"://[^:/@\s]*:(?!\d+(/|$))[^@\s]+@|[?&;](password|passwd|pwd)=", re.IGNORECASE)


def protect(arguments: list[str]) -> list[str]:
    """Encode the raw ones among a command's arguments, so that Hydra and OmegaConf pass them on untouched.

    `record.<field>=<text>` arguments become one `record=`, since a field's name can hold any character too.

    Raises:
        UserError: when an argument holds a password or is not valid UTF-8.
    """
    protected: list[str] = []
    record: dict[str, str] = {}
    for argument in arguments:
        match = _ARGUMENT.fullmatch(argument)
        if match is None or argument.startswith("-"):
            protected.append(argument)
            continue
        key, value = match["key"].lstrip("+"), match["value"]
        if key.startswith("record."):
            record[_utf8(key, key.removeprefix("record."))] = _utf8(key, value)
            continue
        if key != "text":
            _refuse_secret(key, value)
        if key in RAW_KEYS:
            protected.append(f"{match['key']}='{_encode(_utf8(key, value))}'")
        else:
            protected.append(argument)
    if record:
        protected.append(f"record='{_encode(json.dumps(record))}'")
    return protected


def protect_verb(arguments: list[str]) -> list[str]:
    """Encode the arguments of `runs.py`: a verb, run ids, then `key=value` pairs.

    What concerns the store goes to Hydra unchanged; all other pairs become one `where=`, since `data=bi` would be a
    config group to Hydra.

    Raises:
        UserError: when an argument holds a password or is not valid UTF-8.
    """
    words = [argument for argument in arguments if "=" not in argument and not argument.startswith("-")]
    others = [argument for argument in arguments if argument not in words]
    where, passed = {}, []
    for argument in others:
        key, equals, value = argument.partition("=")
        if equals and key.split(".")[0] not in ("store", "hydra") and not key.startswith("-"):
            where[_utf8(key, key)] = _utf8(key, value)
        else:
            passed.append(argument)
    encoded = [f"words='{_encode(json.dumps(words))}'", f"where='{_encode(json.dumps(where))}'"]
    return protect(passed) + encoded


def restore(value: Any) -> Any:
    """Decode the raw arguments anywhere in a composed config, given as plain dicts and lists."""
    if isinstance(value, dict):
        return {key: restore(item) for key, item in value.items()}
    if isinstance(value, list):
        return [restore(item) for item in value]
    if isinstance(value, str) and value.startswith(_MARK):
        return unquote(value.removeprefix(_MARK))
    return value


def as_typed(argument: str) -> str:
    """A protected argument as a person typed it, for the manifest's command line."""
    key, equals, value = argument.partition("=")
    return f"{key}{equals}{restore(value.strip(chr(39)))}"


def _encode(value: str) -> str:
    return _MARK + quote(value, safe="")


def _utf8(key: str, value: str) -> str:
    # Python hands over bytes that are not UTF-8 as lone surrogates.
    try:
        return value.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        raise UserError(f"{key}: the text is not valid UTF-8; type or convert it to UTF-8.") from None


def _refuse_secret(key: str, value: str) -> None:
    """Commands are kept with each run, so a secret in one would be, too."""
    if _SECRET.search(key.rpartition(".")[2]):
        raise UserError(f"{key}: a secret has no place on the command line; set it in the environment.")
    if "://" in value and _PASSWORD.search(value):
        raise UserError(f"{key} holds a password; leave it out of the URL and set it in the environment.")

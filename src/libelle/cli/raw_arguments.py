"""Raw arguments: values that a person types as free text.

Hydra's grammar would cut `text=a, b` in two, refuse an accent and read `NULL` as nothing; OmegaConf would take `???`
for missing and `${x}` for an interpolation. So these arguments cross both in quotes of Hydra's, and what even quotes do
not protect crosses as percent-encoded ASCII, and is decoded after the config is composed: every character arrives as
typed. The schema says which keys are raw: those whose type is a text (`schema_keys`).

What is somebody's data is a text whatever it is. In the other raw keys, which name something of ours (`base.name`,
`optimize`, ...), `null` takes a value back, and in a sweep a comma stands between several values.
"""

import json
import logging
import re
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep
from hydra.errors import HydraException

from libelle.cli.schema_keys import choices_in, is_group, is_text, options, type_of
from libelle.data.passwords import holds_password, instead, is_secret_name
from libelle.errors import UserError, listed

log = logging.getLogger(__name__)

#: The keys, and what is below them, whose values come from somebody's data.
_DATA = frozenset(["data", "text", "input", "output"])

#: Nothing in it that Hydra escapes where it writes the overrides of a job.
_MARK = "libelle-raw."
_MARKED = re.compile(rf"{re.escape(_MARK)}([\w.~%-]*)", re.ASCII)
_ARGUMENT = re.compile(r"(?P<key>[^=]+?)=(?P<value>.*)", re.DOTALL)
#: What Hydra reads as the text that it is; and what looks like that and is read as something else.
_PLAIN = re.compile(r"([A-Za-z_/]|\.\.?/)[\w./@+-]*", re.ASCII)
_NO_TEXTS = frozenset(["null", "true", "false", "inf", "nan"])
#: What even Hydra's quotes do not protect.
_BEYOND_QUOTES = re.compile(rf"\\|\$\{{|\?\?\?|{re.escape(_MARK)}")
#: What Hydra draws values by.
SWEEPS = re.compile(r"(choice|range|interval|glob|shuffle|sort|tag|int|float|str)\(")
#: The groups of which several options may be chosen, in brackets. And names that a sentence lists at most.
_SEVERAL, _LISTED = ("cleaner", "callbacks", "logger"), 24
#: What makes a sweep a search by hyperopt.
_SEARCHES = ("tune=", "+tune=", "hydra/sweeper=")


def protect(arguments: list[str], command: str = "train") -> list[str]:
    """Encode the raw ones among a command's arguments, so that Hydra and OmegaConf pass them on untouched.

    `record.<field>=<text>` arguments become one `record=`, since a field's name can hold any character too.

    Args:
        arguments: as typed.
        command: whose arguments they are; its page in `conf/` says which keys there are.

    Raises:
        UserError: when an argument holds a password or is not valid UTF-8.
    """
    protected: list[str] = []
    record: dict[str, str] = {}
    choices = choices_in(arguments)
    # Hydra's own sweeper takes quotes away, and jobs could not be read then; a search keeps them, and shows its jobs.
    searches = any(argument.startswith(_SEARCHES) for argument in arguments)
    sweep = partial(_encode, quotes=searches) if is_sweep(arguments) else None
    for argument in arguments:
        match = _ARGUMENT.fullmatch(argument)
        if match is None or argument.startswith("-"):
            protected.append(_utf8("the command line", argument))
            continue
        key = match["key"].lstrip("+~")
        value = _utf8(key, match["value"])
        if command == "runtime" and key.startswith("record."):
            record[_utf8(key, key.removeprefix("record."))] = value
            continue
        if key != "text":
            _refuse_secret(key, value)
        if value.startswith("[") and is_group(key):
            _refuse_list(key, value)
        if not _is_plain(value) and is_raw(command, key, choices):
            if sweep and not searches:
                _say_commas(key, value)
            value = _raw(key, value, sweep)
        elif key.startswith("hydra.") and not value.isascii():
            value = _quoted(value)
        protected.append(f"{match['key']}={value}")
    if record:
        protected.append(f"record={_encode(json.dumps(record))}")
    return protected


def protect_verb(arguments: list[str], command: str = "runs") -> list[str]:
    """Encode the arguments of `runs.py`: a verb, run ids, then `key=value` pairs.

    What concerns the store goes to Hydra unchanged; all other pairs become one `where=`, since `data=bi` would be a
    config group to Hydra.

    Raises:
        UserError: when an argument holds a password or is not valid UTF-8.
    """
    where, words, passed = {}, [], []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if argument.startswith("-") or key.split(".")[0] in ("store", "hydra"):
            passed.append(argument)
        elif equals:
            where[_utf8(key, key)] = _utf8(key, value)
        else:
            words.append(_utf8("the command line", argument))
    return [*protect(passed, command), f"words={_encode(json.dumps(words))}", f"where={_encode(json.dumps(where))}"]


def is_raw(command: str, key: str, choices: tuple[tuple[str, ...], ...] = ((),)) -> bool:
    """Whether the value of a key is free text, by its type.

    Args:
        command: whose page the key is on.
        key: dotted, as `data.path`.
        choices: the options of groups that are chosen, see `schema_keys.choices_in`.
    """
    if not all(name.isidentifier() for name in key.split(".")) or (is_group(key) or key.startswith("hydra.")):
        return False
    return is_text(type_of(command, key, choices))


def is_sweep(arguments: list[str]) -> bool:
    """Whether a command line asks for several runs."""
    started = ("--multi", *_SEARCHES[:2], "hydra.mode=MULTIRUN")
    return (
        any(argument == "-m" or argument.startswith(started) for argument in arguments) and "tune=null" not in arguments
    )


def restore(value: Any) -> Any:
    """Decode the raw arguments anywhere in a composed config, given as plain dicts and lists."""
    if isinstance(value, dict):
        return {key: restore(item) for key, item in value.items()}
    if isinstance(value, list):
        return [restore(item) for item in value]
    return decoded(value) if isinstance(value, str) else value


def hide(value: Any) -> Any:
    """The way back from `restore`: encode, in plain dicts and lists, the texts that OmegaConf would not keep."""
    if isinstance(value, dict):
        return {key: hide(item) for key, item in value.items()}
    if isinstance(value, list):
        return [hide(item) for item in value]
    beyond = isinstance(value, str) and _BEYOND_QUOTES.search(value) is not None
    return f"{_MARK}{quote(value, safe='')}" if beyond else value


def decoded(text: str, shown: Callable[[str], str] = str) -> str:
    """A text with each encoded part as it was typed.

    Args:
        text: what Hydra keeps or says.
        shown: how a typed part is written there.
    """
    return _MARKED.sub(lambda match: shown(unquote(match[1])), text) if _MARK in text else text


def as_typed(argument: str) -> str:
    """A protected argument as a person typed it, for the manifest's command line."""
    key, equals, value = argument.partition("=")
    for mark in "'\"":
        if len(value) > 1 and value[0] == value[-1] == mark and mark not in value[1:-1]:
            value = value[1:-1]
            break
    return f"{key}{equals}{decoded(value)}"


def _is_plain(value: str) -> bool:
    """Whether Hydra reads a value as the very text that it is, be it raw or not."""
    return _PLAIN.fullmatch(value) is not None and value.lower() not in _NO_TEXTS and _MARK not in value


def _raw(key: str, value: str, sweep: Callable[[str], str] | None) -> str:
    """The value of a raw key, as Hydra has to get it; in a sweep, `sweep` encodes each of several values."""
    is_data = _is_data(key)
    if not is_data and value == "null":
        return value
    if sweep and _draws(value):
        return _raw_choice(value, sweep)
    if sweep and not is_data and "," in value:
        return ",".join(sweep(part.strip()) for part in value.split(","))
    return _encode(value)


def _say_commas(key: str, value: str) -> None:
    """Say that the commas of data part no values: a search draws by other keys, but these may be all that is swept."""
    if _is_data(key) and "," in value and not _draws(value):
        log.info("%s: commas are part of the value; to sweep over several, write %s=\"choice('…','…')\"", key, key)


def _is_data(key: str) -> bool:
    return key.split(".")[0] in _DATA


def _draws(value: str) -> bool:
    return SWEEPS.match(value) is not None and value.endswith(")")


def _raw_choice(value: str, sweep: Callable[[str], str]) -> str:
    """A choice of texts, each encoded; what else Hydra sweeps over stays as it is, and so does what it cannot read."""
    try:
        (override,) = OverridesParser.create().parse_overrides([f"key={value}"])
    except HydraException:
        return value
    drawn = override.value()
    if not isinstance(drawn, ChoiceSweep):
        return value
    return f"choice({','.join(sweep(str(getattr(text, 'text', text))) for text in drawn.list)})"


def _encode(value: str, quotes: bool = True) -> str:
    if _is_plain(value):
        return value
    safe = value.isprintable() and _BEYOND_QUOTES.search(value) is None and not {"'", '"'} <= set(value)
    return _quoted(value) if quotes and safe else f"'{_MARK}{quote(value, safe='')}'"


def _quoted(value: str) -> str:
    mark = '"' if "'" in value else "'"
    return f"{mark}{value}{mark}"


def _refuse_list(group: str, value: str) -> None:
    """Hydra takes a list for any group: it merges options that are meant to be one, and of none it says nothing."""
    rest = f"the options of {group} are {listed(options(group), _LISTED)}."
    if group not in _SEVERAL:
        raise UserError(f"{group}={value} is a list, and {group} takes one option; {rest}")
    if not value.strip("[] ") and group != "callbacks":  # which may be none
        raise UserError(f"{group}={value} names no option; {rest}")


def _utf8(key: str, value: str) -> str:
    # Python hands over bytes that are not UTF-8 as lone surrogates.
    try:
        return value.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        name = ascii(key)[1:-1]
        raise UserError(f"{name}: the text is not valid UTF-8; type or convert it to UTF-8.") from None


def _refuse_secret(key: str, value: str) -> None:
    """Commands are kept with each run, so a secret in one would be, too."""
    if is_secret_name(key.rpartition(".")[2]):
        raise UserError(f"{key}: a secret has no place on the command line; set it in the environment.")
    if holds_password(key, value):
        raise UserError(f"{key} holds a password; {instead(key)}.")

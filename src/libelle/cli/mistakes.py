"""What is wrong with a command line that Hydra refuses, in one sentence: Hydra's own messages are about Hydra.

Nothing here is imported for a command line that is right. The first mistake is looked for in the order in which it can
mislead: words that are no overrides, options of groups, keys, and last the values.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import InterpolationKeyError, InterpolationResolutionError, MissingMandatoryValue
from yaml import MarkedYAMLError

from libelle.cli.known_keys import LISTED, drawn_choices, group_mistake, having_key, key_mistake
from libelle.cli.options import split_options
from libelle.cli.raw_arguments import SWEEPS, as_typed, decoded, is_raw, is_sweep
from libelle.cli.schema_keys import choices_in, did_you_mean, is_group, members, options, type_of
from libelle.errors import listed
from libelle.installation import how_to_call
from libelle.runs.ids import RunId

#: Quotes that word processors type, and that no shell knows.
_CURLY = re.compile("[“”„«»‘’]")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")
#: The groups that a word alone may be an option of.
_GROUPS = ("model", "data", "mode", "process", "tune", "sampler", "calibration", "cleaner")
#: What names of files end with, and how a command is given one.
_FILES = frozenset([".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".json", ".jsonl", ".gz", ".zip"])
_FILE_KEYS = {"runtime": "input={}", "train": "data=csv data.path={} data.target=<the label's column>"}
#: The extra that installs a launcher.
_LAUNCHERS = {
    "joblib": "sweeper",
    "ray": "ray",
    "ray_aws": "ray",
    "submitit_local": "slurm",
    "submitit_slurm": "slurm",
}


@dataclass(frozen=True)
class _Line:
    """A command line, as typed: the command, the overrides, the options of groups in them, and whether it sweeps."""

    command: str
    overrides: list[str]
    choices: tuple[tuple[str, ...], ...]
    sweeping: bool


def explain(command: str, arguments: list[str], error: Exception) -> str:
    """Say what is wrong with a command line.

    Args:
        command: `train`, ...
        arguments: as typed.
        error: what Hydra or OmegaConf raised.

    Returns:
        A sentence that names the argument and says what to do.
    """
    if isinstance(error, MarkedYAMLError) and (mark := error.problem_mark):  # in a file of `conf/`, as of a tune space
        return f"{mark.name}, line {mark.line + 1} is no YAML: {error.problem or error.context}; correct the file."
    line = _line(command, arguments)
    return _found(line) or _said(line, error)


def mistake(command: str, arguments: list[str]) -> str | None:
    """What is wrong with a command line by itself, as `explain` says it; None where nothing is found."""
    return _found(_line(command, arguments))


def _line(command: str, arguments: list[str]) -> _Line:
    _, overrides = split_options(arguments)
    if command == "runs":  # its words and its own keys are no overrides
        overrides = [override for override in overrides if override.startswith(("store", "hydra"))]
    return _Line(command, overrides, drawn_choices(command, choices_in(overrides)), is_sweep(arguments))


def _found(line: _Line) -> str | None:
    looks = (_words, _groups, _keys, _keys_of_some, _values)
    return next((sentence for look in looks for sentence in look(line)), None)


def _words(line: _Line) -> Iterator[str]:
    """Words without a key: a value that was not quoted, or one whose key was left out."""
    words = line.overrides
    for place, word in enumerate(words):
        before, after = words[place - 1] if place else "", words[place + 1] if place + 1 < len(words) else ""
        if not word.strip():
            yield f'There is an empty argument, ""{f", after {before}" if before else ""}; leave it out.'
        elif after.startswith("=") and "=" not in word:
            yield f"{word} {after} has blanks at the equals sign; write {word}={after[1:] or '<value>'} without them."
        elif word.startswith("="):
            yield f"{word} has no key; write <key>{word}."
        elif "=" not in word and not word.startswith("~"):
            rest = " ".join(takewhile(lambda other: "=" not in other, words[place:]))
            yield _bare(line.command, word, before, rest)
        elif word.partition("=")[0] != word.partition("=")[0].strip():
            yield f"{word} has blanks at the equals sign; write it without them."


def _bare(command: str, word: str, before: str, rest: str) -> str:
    """What a word without an equals sign may have been meant for; `rest` are the words up to the next key."""
    key, equals, value = before.partition("=")
    if equals and not value:
        return f"{before} {word} has a blank after the equals sign; write {before}{word} without it."
    if RunId.matches(word):
        others = (
            f"; {how_to_call('runs')} show {word} shows the run" if command == "train" else f"; write run_id={word}"
        )
        return f"{word} is a run id without its key{others}."
    if equals and (key.startswith("record.") or is_raw(command, key, choices_in([before]))):
        return f'{word} belongs to no key; a value with blanks stands in quotes: {key}="{value} {rest}".'
    if _CURLY.search(word):
        return f"{word} holds curly quotes, which a shell does not know; type straight ones, \" or '."
    if command == "train" and (group := next((group for group in _GROUPS if word in options(group)), None)):
        return f"{word} is an option without its group; write {group}={word}."
    if command in _FILE_KEYS and _may_be_file(word):
        return f"{word} is a file without its key; write {_FILE_KEYS[command].format(word)}."
    return (
        f"{word} is not key=value; {how_to_call(command)} --help shows the keys, and a value with blanks needs quotes."
    )


def _may_be_file(word: str) -> bool:
    with suppress(OSError, ValueError):  # of what can be no path
        return Path(word).suffix.lower() in _FILES or Path(word).is_file()
    return False


def _groups(line: _Line) -> Iterator[str]:
    for override in line.overrides:
        group, equals, value = override.lstrip("+").partition("=")
        if equals and group.startswith("~") and is_group(group[1:]) and value not in options(group[1:]):
            yield f"{override}: {value} is no option of {group[1:]}; write {group} to take the group out."
        if equals and is_group(group) and (sentence := group_mistake(line.command, group, value, line.sweeping)):
            yield sentence


def _keys(line: _Line) -> Iterator[str]:
    for override in line.overrides:
        key = override.partition("=")[0]
        name = key.lstrip("+~")
        if is_group(name):
            continue
        sentence = key_mistake(line.command, name, line.choices)
        if sentence and not key.startswith("+"):
            yield sentence
        if sentence is None and key.startswith("+") and not key.startswith("++"):
            yield f"{override}: {name} is there already; leave out the +."


def _keys_of_some(line: _Line) -> Iterator[str]:
    """Keys that only some of the options have that a sweep chooses among: each of its jobs would get them."""
    searching = any(override.startswith(("tune=", "hydra/sweeper=hyperopt")) for override in line.overrides)
    for override in line.overrides if line.sweeping else ():
        key, _, value = override.partition("=")
        group = key.partition(".")[0]
        having, others = having_key(line.command, key, line.choices)
        one = any(f"{group}={name}" in line.overrides for name in having)
        if not having or one or value.startswith("tag(") or key.startswith(("+", "~")):
            continue
        if searching:
            space = value if SWEEPS.match(value) else f"choice({value})"
            condition = f"{group}={','.join(having)}"
            yield f"""{key} is a key of {condition} alone; in a search, write '{key}=tag("{condition}", {space})'."""
        elif others:
            yield (
                f"{key} is not a key of {listed([f'{group}={name}' for name in others], LISTED)}, which the sweep has, "
                f"too; leave {key} out, or sweep without."
            )


def _values(line: _Line) -> Iterator[str]:
    """Values that Hydra cannot read, or that are several where there is room for one."""
    parser = OverridesParser.create()
    for override in line.overrides:
        key, _, value = override.partition("=")
        key = key.lstrip("+~")
        if is_raw(line.command, key, line.choices) and not (line.sweeping and SWEEPS.match(value)):
            continue
        try:
            (read,) = parser.parse_overrides([override])
        except (HydraException, TypeError, ValueError):
            yield _unreadable(key, value)
            continue
        if read.is_sweep_override() and not line.sweeping:
            yield _several(line, key, value)


def _unreadable(key: str, value: str) -> str:
    if _CURLY.search(value):
        return f"{key}={value} holds curly quotes, which a shell does not know; type straight ones, or leave them out."
    if value.startswith("="):
        return f"{key}={value} has two equals signs; write {key}={value.lstrip('=')}."
    if value.startswith(("[", "{")):
        return f"{key}={value} is a list that cannot be read; write it as '{key}=[a,b]', and close it."
    if SWEEPS.match(value):
        return (
            f"{key}={value} cannot be read; put each text in it into quotes, and the whole argument into others, as in "
            f"\"{key}=choice('a b','c')\"."
        )
    return f"{key}={value} cannot be read; put the value into a second pair of quotes: '{key}=\"{value}\"'."


def _several(line: _Line, key: str, value: str) -> str:
    types = members(type_of(line.command, key, line.choices))
    training = line.command == "train"
    if any(getattr(member, "__origin__", None) in (list, dict) for member in types):
        return f"{key}={value} is a list, which is written in brackets: '{key}=[{value}]'."
    if _DECIMAL_COMMA.fullmatch(value) and int not in types:
        again = "; for a run with each value, add --multirun" if training else ""
        return f"{key}={value} has a decimal comma; write a point, {key}={value.replace(',', '.')}{again}."
    remedy = "add --multirun to train once with each, or leave all but one out" if training else "give one"
    return f"{key}={value} gives several values; {remedy}."


def _said(line: _Line, error: Exception) -> str:
    """What Hydra or OmegaConf says, without what it says of itself."""
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    if isinstance(error, MissingConfigException) and error.options:
        group, _, wanted = str(error.missing_cfg_file).rpartition("/")
        rest = f"the options of {group} are {listed(error.options, LISTED)}."
        if group == "hydra/launcher" and wanted in _LAUNCHERS:
            return (
                f"{group}={wanted} needs a library that is not installed; "
                f"install it with pip install 'libelle[{_LAUNCHERS[wanted]}]'."
            )
        return f"{group}={wanted} does not exist; {did_you_mean(wanted, error.options, rest)}"
    if isinstance(error, OverrideParseException):
        return f"{as_typed(error.override)} cannot be read; write key=value, and put the value into quotes."
    if isinstance(cause, MissingMandatoryValue):
        unset = [override.partition("=")[0] for override in line.overrides if override.endswith("=???")]
        key = next(iter(unset), None) or getattr(cause, "full_key", None) or "A key"
        return f"{key} is not set; give it a value: {key}=<value>."
    if isinstance(cause, InterpolationKeyError | InterpolationResolutionError):
        found = next((override for override in line.overrides if "${" in override), None)
        if found is not None:
            return f"{found} refers to a key that does not exist; write the value itself."
    if isinstance(error, OSError) and error.strerror:  # Hydra's own are some, too, and have none
        return _no_folder(line, error)
    first = decoded(str(cause)).strip().partition("\n")[0].rstrip(".:")
    merging = re.match(r"Error merging override (?P<override>.*)", decoded(str(error)))
    if merging and cause is not error:
        return f"{as_typed(merging['override'])} does not fit: {first[:1].lower()}{first[1:]}."
    return (
        f"The command line does not fit: {first}; {how_to_call(line.command)} --help shows the keys and their options."
    )


def _no_folder(line: _Line, error: OSError) -> str:
    """What to say where Hydra's own folder cannot be made, which a sweep has by default."""
    key = "hydra.sweep.dir" if line.sweeping else "hydra.run.dir"
    typed = any(override.lstrip("+").startswith(f"{key}=") for override in line.overrides)
    remedy = f"correct {key}, or leave it out" if typed else f"set {key} to a folder elsewhere"
    return f"Hydra cannot make its folder {error.filename or ''} ({error.strerror}); {remedy}."

"""The keys and options that exist, for sentences about those that do not."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from libelle.cli.schema_keys import composed, did_you_mean, is_group, nearest, options
from libelle.components import look_up
from libelle.errors import listed
from libelle.installation import CONF, how_to_call

#: Names that a sentence lists at most.
LISTED = 24
#: What makes several options of a group.
_AROUND_OPTIONS = re.compile(r"^\[|\]$|^(choice|shuffle)\(|\)$")
#: How like another key of the config a key must be to stand for it, and one beside it to come first.
_ALIKE, _MUCH_ALIKE = 0.75, 0.8


def group_mistake(command: str, group: str, value: str, sweeping: bool) -> str | None:
    """What is wrong with the choice of an option; None where nothing is.

    Args:
        command: whose command line it is.
        group: a config group.
        value: what was typed for it: an option, a list, or in a sweep several.
        sweeping: whether several options mean several runs.
    """
    called, groups, there = how_to_call(command), _groups(command), options(group)
    if group not in groups:
        return (
            f"{group}={value} is not for {called}; its groups are {listed(groups, LISTED)}, and --help shows its keys."
        )
    inside = _AROUND_OPTIONS.sub("", value)
    if "(" in inside:
        return None
    rest = f"the options of {group} are {listed(there, LISTED)}."
    if value in ("", "null"):
        return f"{group}={value} names no option; {rest}"
    names = [name.strip(" '\"") for name in inside.split(",")]
    for name in names:
        if name and name not in there:
            return f"{group}={name} does not exist; {did_you_mean(name, there, rest)}"
    if len(names) == 1 or value.startswith("[") or sweeping:
        return None
    if group == "cleaner":
        return f"{group}={value} is a list, which is written in brackets: '{group}=[{value}]'."
    remedy = "add --multirun to train once with each" if command == "train" else "give one"
    return f"{group}={value} names several options; {remedy}."


def key_mistake(command: str, key: str, choices: Sequence[tuple[str, ...]]) -> str | None:
    """Which key does not exist, what it may stand for, and which there are; None for a key that exists.

    Args:
        command: whose command line it is.
        key: dotted.
        choices: the options of groups that are chosen, see `schema_keys.choices_in`.
    """
    configs = [composed(command, choice) for choice in choices]
    if not any(configs) or "/" in key or "@" in key or any(_holds(config, key) for config in configs):
        return None
    others = _of_other_options(command, key, choices[0])
    if key in others:
        of = f"{_chosen(configs[0], key)}, but of {listed(others[key], LISTED)}"
        return f"{key} is not a key of {of}; add for instance {others[key][0]}, or leave {key} out."
    commands = [how_to_call(other) for other, keys in _pages().items() if other != command and key in keys]
    if commands:
        return f"{key} is not a key of {how_to_call(command)}, but of {' and '.join(commands)}."
    return _nowhere(command, key, configs[0], others)


def drawn_choices(command: str, choices: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Choices, once for each model that the space of a search draws where none is typed, as that of `tune=auto`."""
    found: list[tuple[str, ...]] = []
    for choice in choices:
        drawn = look_up(composed(command, choice), "hydra.sweeper.params.model")
        typed = any(item.startswith("model=") for item in choice)
        models = drawn.split(",") if isinstance(drawn, str) and not typed else []
        found += [(*choice, f"model={model.strip()}") for model in models] or [choice]
    return tuple(found)


def having_key(command: str, key: str, choices: Sequence[tuple[str, ...]]) -> tuple[list[str], list[str]]:
    """Which options of its group have a key and which have not; none where the config has it that they are drawn for.

    Args:
        command: whose command line it is.
        key: dotted, as `model.rounds`.
        choices: the options of groups that are chosen, once for each of several.
    """
    group = key.partition(".")[0]
    having: dict[str, bool] = {}
    for choice in choices:
        for item in choice:
            if item.startswith(f"{group}="):
                having[item.partition("=")[2]] = _holds(composed(command, choice), key)
    without = tuple(item for item in choices[0] if not item.startswith(f"{group}="))
    if all(having.values()) and _holds(composed(command, without), key):
        return [], []
    return [name for name, has in having.items() if has], [name for name, has in having.items() if not has]


def _nowhere(command: str, key: str, config: Mapping[str, Any], others: Mapping[str, Sequence[str]]) -> str:
    """The sentence for a key that no option and no command has."""
    above = key
    while above and (above == key or not isinstance(look_up(config, above), Mapping)):
        above = above.rpartition(".")[0]
    node = look_up(config, above) if above else config
    names = [str(name) for name in node if not str(name).startswith("_") and name not in ("hydra", "words", "where")]
    rest = f"the keys of {above or how_to_call(command)} are {listed(names, LISTED)}."
    if not names:
        rest = f"{above} has no keys here; leave {key} out."
    if command == "runtime":
        rest = f"{rest[:-1]}; a field of the record is written record.<field>=."
    here = [f"{above}.{name}" if above else name for name in names]
    meant = _meant(key, here, [name for name in _dotted(config) if not name.startswith("hydra.")], others)
    if meant is None:
        return f"{key} is not a key; {rest}"
    needs = f", which needs {listed(others[meant], LISTED)}" if meant in others and not _holds(config, meant) else ""
    return f"{key} is not a key; did you mean {meant}{needs}? {rest[0].upper()}{rest[1:]}"


def _meant(key: str, here: Sequence[str], everywhere: Sequence[str], others: Mapping[str, Any]) -> str | None:
    """The key that was meant: one much like it beside it, the same name elsewhere, or one somewhat like it."""
    above, dot, last = key.rpartition(".")
    beside = [name.removeprefix(above + dot) for name in (*here, *others) if name.startswith(above + dot)]
    by_name = {name.rpartition(".")[2]: name for name in reversed([*everywhere, *others])}
    if found := nearest(last, beside, _MUCH_ALIKE):
        return above + dot + found
    if last in by_name:
        return by_name[last]
    if found := nearest(last, beside):
        return above + dot + found
    found = nearest(last, by_name, _ALIKE)
    return nearest(key, everywhere, _ALIKE) or (by_name[found] if found else None)


def _of_other_options(command: str, key: str, choice: tuple[str, ...]) -> dict[str, list[str]]:
    """Key → the options that have it, of the group that a key belongs to, and of searches."""
    group = "tune" if key.startswith("hydra.") else key.partition(".")[0]
    if not is_group(group) or "." not in key:
        return {}
    found: dict[str, list[str]] = {}
    for option in [name for name in options(group) if group != "tune" or name == "custom"]:
        for name in _dotted(composed(command, (*choice, f"{group}={option}"))):
            if name.partition(".")[0] == key.partition(".")[0]:
                found.setdefault(name, []).append(f"{group}={option}")
    return found


def _chosen(config: Mapping[str, Any], key: str) -> str:
    """What has been chosen instead of the options that have a key."""
    group = key.partition(".")[0]
    return (
        "a run without a search" if group == "hydra" else f"{group}={look_up(config, f'hydra.runtime.choices.{group}')}"
    )


def _pages() -> dict[str, list[str]]:
    """Command → the keys of its page."""
    pages = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(CONF.glob("*.yaml"))}
    hidden = ("defaults", "hydra", "words", "where")
    return {name: [key for key in page if key not in hidden] for name, page in pages.items()}


def _groups(command: str) -> list[str]:
    """The groups that a command chooses from."""
    return sorted(name for name in look_up(composed(command, ()), "hydra.runtime.choices") or () if is_group(str(name)))


def _holds(config: Mapping[str, Any], key: str) -> bool:
    above, _, last = key.rpartition(".")
    node = look_up(config, above) if above else config
    return isinstance(node, Mapping) and last in node


def _dotted(node: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name, value in node.items():
        if not str(name).startswith("_"):
            yield f"{above}{name}"
            if isinstance(value, Mapping):
                yield from _dotted(value, f"{above}{name}.")

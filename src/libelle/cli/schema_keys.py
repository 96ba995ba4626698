"""What the schema says of a key of a command: its type, found from the classes that the command's config names.

Each command has a page in `conf/` and a class that checks it; each option of a group names the class that it builds.
Nobody lists keys by hand: a key that is added to one of these classes is known here.
"""

import json
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import is_dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.errors import HydraException
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from libelle.installation import CONF

#: Command → what its page is checked against; imported only where a key of it is asked for.
_PAGES = {
    "runtime": "libelle.cli.runtime.ScoringRequest",
    "threshold": "libelle.evaluation.threshold_request.ThresholdRequest",
    "publish": "libelle.cli.publish.PublishRequest",
    "serve": "libelle.service.settings.Settings",
}
_TRAIN = "libelle.training.schema.TrainConfig"
#: Where options of groups are looked for: `conf/`, and what a command line names beside it.
_folders: ContextVar[tuple[Path, ...]] = ContextVar("_folders", default=(CONF,))


@contextmanager
def also_in(folders: Iterable[Path]) -> Iterator[None]:
    """Know the options of some folders, too, as Hydra does; those that do not exist are passed over."""
    before = _folders.set((CONF, *(folder.absolute() for folder in folders if folder.is_dir())))
    try:
        yield
    finally:
        _folders.reset(before)


def is_group(name: str) -> bool:
    """Whether a name is a config group, as `model`."""
    return name.isidentifier() and any((folder / name).is_dir() for folder in _folders.get())


def options(group: str) -> list[str]:
    """The options of a config group."""
    return sorted({path.stem for folder in _folders.get() for path in (folder / group).glob("*.yaml")})


def nearest(typed: str, there: Iterable[str], at_least: float = 0.6) -> str | None:
    """The name that was meant: one of the same letters, in either case, or the one most like it; None if none is."""
    names = list(there)
    swapped = [name for name in names if sorted(name.casefold()) == sorted(typed.casefold())]
    return next(iter(swapped or get_close_matches(typed, names, 1, at_least)), None)


def did_you_mean(typed: str, there: Iterable[str], rest: str) -> str:
    """The end of a sentence about a name that does not exist: the name that was meant, if any, and the rest."""
    meant = nearest(typed, there)
    return f"did you mean {meant}? {rest[0].upper()}{rest[1:]}" if meant else rest


@contextmanager
def own_hydra() -> Iterator[None]:
    """Compose configs of `conf/`; Hydra's own state is as before at the end, also within another Hydra application."""
    # Options that plugins add belong to that state; some of them, such as hydra/launcher=ray, are added but once.
    Plugins.instance()
    before = Singleton.get_state()
    try:
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(CONF), version_base="1.3"):
            yield
    finally:
        Singleton.set_state(before)


def composed(command: str, choices: tuple[str, ...]) -> Mapping[str, Any]:
    """A command's config, and Hydra's own node, with these options of groups, as `model=mlp`; nothing is resolved.

    Returns:
        Nested dicts; empty where there is no such page or option.
    """
    return _composed(command, choices, _folders.get()[1:])


@lru_cache(maxsize=64)
def _composed(command: str, choices: tuple[str, ...], own: tuple[Path, ...]) -> Mapping[str, Any]:
    if not (CONF / f"{command}.yaml").is_file():
        return {}
    try:
        with own_hydra():
            # JSON's quotes are those of Hydra's grammar.
            path = (
                [f"hydra.searchpath={json.dumps([f'file://{folder}' for folder in own], ensure_ascii=False)}"]
                if own
                else []
            )
            config: DictConfig = compose(command, [*choices, *path], return_hydra_config=True)
            plain = OmegaConf.to_container(config)
    except (HydraException, OmegaConfBaseException, TypeError, ValueError):
        return {}
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def choices_in(arguments: list[str]) -> tuple[tuple[str, ...], ...]:
    """The options of groups that a command line chooses, once for each option of a group that it gives several of."""
    chosen: list[tuple[str, ...]] = [()]
    for argument in arguments:
        group, equals, value = argument.lstrip("+").partition("=")
        if equals and is_group(group):
            several = [value] if value.startswith("[") else value.removeprefix("choice(").removesuffix(")").split(",")
            there = [option.strip() for option in several if option.startswith("[") or option.strip() in options(group)]
            chosen = [(*before, f"{group}={option}") for before in chosen for option in there] or chosen
        elif equals and group.startswith("hydra/"):  # a launcher or sweeper has keys of its own
            chosen = [(*before, f"{group}={value}") for before in chosen]
    return tuple(chosen)


def type_of(command: str, key: str, choices: tuple[tuple[str, ...], ...] = ((),)) -> Any:
    """The type of a key, as its class declares it; None where no class declares it.

    Args:
        command: whose page the key is on.
        key: dotted, as `data.split.column`.
        choices: see `choices_in`.
    """
    if not is_group(key.partition(".")[0]):
        return _walk(get_class(_PAGES.get(command, _TRAIN)), key.split("."))
    found = (_type_in(composed(command, choice), command, key) for choice in choices)
    return next((hint for hint in found if hint is not None), None)


def _type_in(config: Mapping[str, Any], command: str, key: str) -> Any:
    """Follow a key through the config, and from the last node that names a class through the class."""
    names = key.split(".")
    owner, rest, node = _PAGES.get(command, _TRAIN), names, config
    for depth, name in enumerate(names[:-1], start=1):
        below = node.get(name)
        if not isinstance(below, Mapping):
            break
        node = below
        if "_target_" in node:
            owner, rest = node["_target_"], names[depth:]
    return _walk(get_class(owner), rest)


def _walk(cls: type, names: list[str]) -> Any:
    hint: Any = cls
    for name in names:
        inside = next((member for member in members(hint) if isinstance(member, type)), None)
        hint = None if inside is None else _hints(inside).get(name)
    return hint


def _hints(cls: type) -> Mapping[str, Any]:
    try:
        return get_type_hints(cls if is_dataclass(cls) else cls.__init__)  # type: ignore[misc]
    except (NameError, TypeError):
        return {}  # a foreign class that does not say


def members(hint: Any) -> tuple[Any, ...]:
    """The types that a type allows, but for None."""
    several = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return tuple(member for member in several if member is not types.NoneType)


def is_text(hint: Any) -> bool:
    """Whether a type allows any text, and with it nothing that Hydra must read but lists of texts."""
    allowed = members(hint)
    others = [member for member in allowed if member not in (str, Path, list[str])]
    return str in allowed and not any(get_origin(member) or member in (bool, int, float) for member in others)

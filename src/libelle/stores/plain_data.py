"""Stored JSON and YAML that no model describes, read within bounds; a damaged one is one sentence."""

import json
from typing import Any

import yaml

from libelle.errors import UserError, in_brief

#: Bytes of a config at most.
_LARGEST_CONFIG = 1 << 17
#: Values in a config at most, an alias counting for all that it stands for.
_VALUES = 100_000


def parse_json(data: bytes, where: str) -> Any:
    """Parse JSON.

    Args:
        data: of bounded size.
        where: names the file, for the message.

    Raises:
        UserError: when it is damaged.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _damaged(where, error) from None


def parse_config(data: bytes, where: str) -> dict[str, Any]:
    """Parse a config, YAML.

    Args:
        data: as stored.
        where: names the file, for the message.

    Raises:
        UserError: when it is damaged, or larger than a config is.
    """
    try:
        if len(data) > _LARGEST_CONFIG:
            raise ValueError("it is larger than a config is")
        config = yaml.safe_load(data)
        if not isinstance(config, dict):
            raise ValueError("it is no config")
        _count(config, {})
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise _damaged(where, error) from None
    return config


def _count(value: Any, known: dict[int, int]) -> int:
    """Values in a value; one that holds itself has no number of them."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = _VALUES
        items = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_count(item, known) for item in items)
    if known[id(value)] >= _VALUES:
        raise ValueError("it is larger than a config is")
    return known[id(value)]


def _damaged(where: str, error: BaseException) -> UserError:
    return UserError(f"{where} is damaged ({in_brief(error)}); use another run.")

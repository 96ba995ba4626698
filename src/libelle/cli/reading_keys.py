"""`delimiter=` and `data.delimiter=` are one key: people type it as the other command spells it."""

from libelle.cli.raw_arguments import protect
from libelle.data.options import OPTIONS

_NODE = "data."


def protect_training(arguments: list[str], command: str = "train") -> list[str]:
    """As `protect`, with `delimiter=` for `data.delimiter=`, and likewise the other keys of reading."""
    return protect([_NODE + argument if _key(argument) in OPTIONS else argument for argument in arguments], command)


def protect_scoring(arguments: list[str], command: str = "runtime") -> list[str]:
    """As `protect`, with `data.delimiter=` for `delimiter=`, and likewise the other keys of reading."""
    known = [_NODE + key for key in OPTIONS]
    return protect(
        [argument.removeprefix(_NODE) if _key(argument) in known else argument for argument in arguments], command
    )


def _key(argument: str) -> str:
    return argument.partition("=")[0]

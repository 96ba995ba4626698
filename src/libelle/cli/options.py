"""Options, the arguments that begin with dashes: they are Hydra's, and what is wrong with one is said in a sentence."""

import argparse
import re
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from hydra._internal.utils import get_args_parser

from libelle.errors import UserError

#: Options of Hydra that people use, for sentences.
_COMMON = "--help, --cfg job, --multirun, --info and --version"

#: What `--shell-completion` is asked for.
_COMPLETION = "(install|uninstall|query)=."


def split_options(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Split a command line into options, with their values, and overrides; these may stand in any order.

    Returns:
        The options, and the overrides.

    Raises:
        UserError: when an option is unknown, lacks its value or does not go with another.
    """
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    known, unknown = parser.parse_known_intermixed_args([a for a in arguments if a != "--version"])
    for argument in unknown:
        raise UserError(_unknown(argument, parser))
    overrides: list[str] = known.overrides
    if known.resolve and not (known.cfg or known.help):
        raise UserError("--resolve goes with --cfg: write --cfg job --resolve.")
    if known.package and not known.cfg:
        raise UserError(f"--package goes with --cfg: write --cfg job --package {known.package}.")
    if known.shell_completion and not any(re.match(_COMPLETION, override) for override in overrides):
        raise UserError("-sc completes keys in a shell; write -sc install=bash, or -sc uninstall=bash.")
    modes = {"--run": known.run, "--multirun": known.multirun, "--cfg": known.cfg, "--info": known.info}
    modes["--shell-completion"] = known.shell_completion
    given = [name for name, value in modes.items() if value]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given)} exclude each other; leave one of them out.")
    left = list(overrides)
    options = []
    for argument in arguments:
        if argument in left:
            left.remove(argument)
        else:
            options.append(argument)
    return options, overrides


def own_folders(options: list[str], overrides: list[str]) -> list[Path]:
    """Folders of config files that a command line names beside `conf/`: `--config-dir`, and `hydra.searchpath`."""
    named = get_args_parser().parse_known_args(options)[0].config_dir
    searched = [override for override in overrides if override.lstrip("+").startswith("hydra.searchpath=")]
    found = [path for override in searched for path in re.findall(r"file://([^,\]'\"]+)", override)]
    return [Path(path) for path in ([named] if named else []) + found]


def shows_config(options: list[str]) -> bool:
    """Whether options ask Hydra for the config instead of work."""
    return any(option.startswith(("--cfg", "-c", "--info", "-i")) for option in options)


def _refuse(message: str) -> NoReturn:
    what, _, reason = message.removeprefix("argument ").partition(": ")
    what = what.partition("/")[0]
    raise UserError(f"{what}: {reason}; the options are {_COMMON}." if reason else f"{message}; see --help.")


def _unknown(argument: str, parser: argparse.ArgumentParser) -> str:
    name, equals, value = argument.lstrip("-").partition("=")
    if equals:
        return f"{argument} is not an option; keys are written without dashes: {name}={value}."
    close = get_close_matches(argument, [option for option in parser._option_string_actions if len(option) > 2], 1)
    meant = f"did you mean {close[0]}? The options are" if close else "the options are"
    return f"{argument} is not an option; {meant} {_COMMON}, and keys are written without dashes, as in seed=2."

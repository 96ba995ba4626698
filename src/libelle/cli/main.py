"""The command `libelle`: its first word names a command, and the rest is what the script of that name takes."""

import os
import sys
from collections.abc import Callable
from importlib import import_module, metadata
from typing import Any

import hydra
from omegaconf import DictConfig

from libelle.cli.command import USER_ERROR, command, leave
from libelle.cli.raw_arguments import protect, protect_verb
from libelle.cli.reading_keys import protect_scoring, protect_training
from libelle.cli.schema_keys import did_you_mean
from libelle.cli.streams import quiet_pipe
from libelle.installation import CONF, INSTALLED, call_as

#: Command → what it does. Each has a page `conf/<command>.yaml` and a function of its name in `libelle.cli.<command>`.
COMMANDS = {
    "train": "train a classifier, prepare data, or search for better values",
    "check": "look at data before training on them",
    "runtime": "score raw records with a trained model",
    "threshold": "choose a run's decision threshold",
    "publish": "publish a run for the prediction service, roll back, or list what is published",
    "serve": "serve published models over HTTP",
    "runs": "list runs, show one, diff two, compare, note or delete some, clean up, sync",
}

#: Command → what encodes the raw ones among its arguments, where that is not `protect`.
_PROTECT = {
    "check": protect_training,
    "runs": protect_verb,
    "runtime": protect_scoring,
    "train": protect_training,
}


class Task:
    """What Hydra runs for a command; a parallel sweep pickles it and runs it in other processes."""

    def __init__(self, name: str) -> None:
        self.name = name
        # Hydra names its job after the module of what it runs.
        self.__module__ = f"libelle.cli.{name}"

    def __call__(self, config: DictConfig) -> Any:
        """Run the command on a composed config; importing what it needs takes seconds, so this is done last."""
        call_as(INSTALLED)
        return getattr(import_module(f"libelle.cli.{self.name}"), self.name)(config)


def main() -> None:
    """Run `libelle`, or `python -m libelle`."""
    with quiet_pipe():
        _main(*(sys.argv[1:] or ["--help"]))


def _main(name: str, *arguments: str) -> None:
    if name in COMMANDS:
        sys.argv = [f"libelle {name}", *arguments]
        _run(name, _PROTECT.get(name, protect))
    elif name in ("--shell-completion", "-sc"):
        _complete(list(arguments))
    elif name in ("--help", "-h"):
        print(_overview())
    elif name == "--version":
        print(f"libelle {metadata.version('libelle')}")
    else:
        known = did_you_mean(name, COMMANDS, f"the commands are {', '.join(COMMANDS)}.")
        leave(f"libelle {name} is not a command; {known}", USER_ERROR)


def _run(name: str, protect: Callable[[list[str], str], list[str]]) -> None:
    task = hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)(Task(name))
    command(task, protect, INSTALLED, name)


def _complete(arguments: list[str]) -> None:
    """Hydra's completion in a shell: `libelle -sc install=bash` once, then `-sc query=bash` at each tab.

    Hydra takes the first word of the line for the program, and knows no commands: the names of these are ours.
    """
    name = next(iter(COMMANDS))
    if any(argument.startswith("query=") for argument in arguments):
        line = os.environ.get("COMP_LINE", "").partition(" ")[2].lstrip()
        name, ended, _ = line.partition(" ")
        if not ended or name not in COMMANDS:
            print(*COMMANDS, sep=" " if "query=bash" in arguments else "\n")
            return
        os.environ["COMP_LINE"] = line
    sys.argv = ["libelle", "--shell-completion", *arguments]
    _run(name, protect)


def _overview() -> str:
    lines = [f"  libelle {name:<12}{summary}" for name, summary in COMMANDS.items()]
    examples = ["  libelle train data=diaries model=logreg", "  libelle runtime text=..."]
    ends = ["libelle <command> --help shows its keys and their options; libelle --version, the version."]
    return "\n".join(["Classifiers of short administrative text.", "", *lines, "", *examples, "", *ends])

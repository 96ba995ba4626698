"""What all commands share: from a command line to one function call, and from its errors to an exit status."""

import logging
import os
import shlex
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError

from hydra_plugins.hydra_hyperopt_sweeper.sweep import SweepError
from libelle.cli import help_pages
from libelle.cli.options import own_folders, shows_config, split_options
from libelle.cli.raw_arguments import as_typed, protect, restore
from libelle.cli.schema_keys import also_in
from libelle.cli.streams import quiet_pipe, readable
from libelle.components import build
from libelle.data.data_names import name_of
from libelle.errors import Terminated, UserError
from libelle.installation import SCRIPT, call_as
from libelle.logs import log_to_terminal
from libelle.stores.base import Store

log = logging.getLogger(__name__)

USER_ERROR, INTERRUPTED, TERMINATED = 2, 130, 143

#: Shows what a sweep has come to, while one is at work: Hydra tells no callback of its end where a job has failed.
sweep_ends: list[Callable[[], None]] = []

#: What Hydra and OmegaConf raise for a command line that they refuse, or for a file of `conf/` that is no YAML.
HYDRA_ERRORS = (HydraException, OmegaConfBaseException, MarkedYAMLError)


def command(
    main: Callable[[], Any],
    protect: Callable[[list[str], str], list[str]] = protect,
    way: str = SCRIPT,
    name: str | None = None,
) -> None:
    """Run a command's Hydra main; its exit status says how it went.

    0 done, 1 a defect of ours, 2 a `UserError`, a `SweepError` or a command line that Hydra refuses, 130 interrupted by
    Ctrl-C, 143 by SIGTERM.

    Args:
        main: decorated with `hydra.main`.
        protect: encodes the raw ones among the arguments, given the command's name.
        way: how the user called, `SCRIPT` or `INSTALLED`; commands are proposed this way.
        name: of the command; by default the script's, which is named after it.
    """
    # Hydra would print a traceback and leave with 1 whatever happened.
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    log_to_terminal()
    register_resolvers()
    before = call_as(way)
    handler = _end_on_sigterm()
    try:
        with quiet_pipe():
            _run(main, protect, name or Path(sys.argv[0]).stem)
    except (UserError, SweepError) as error:
        leave(str(error), USER_ERROR)
    except (Exception, KeyboardInterrupt) as error:
        interruption = _interruption(error)
        if interruption is None:
            raise
        if isinstance(interruption, Terminated):
            leave("Interrupted: the process was asked to end (SIGTERM).", TERMINATED)
        leave("Interrupted.", INTERRUPTED)
    finally:
        call_as(before)
        if handler is not None:
            signal.signal(signal.SIGTERM, handler)


def _interruption(error: BaseException | None) -> KeyboardInterrupt | None:
    """The signal behind an error: one may come at any moment, and libraries stumble while they clear up after it."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


def _end_on_sigterm() -> Any:
    """End on SIGTERM as on Ctrl-C; returns what was done before, None where that cannot be changed."""
    if threading.current_thread() is not threading.main_thread():
        return None

    def end(*_: object) -> NoReturn:
        raise Terminated

    return signal.signal(signal.SIGTERM, end)


def _run(main: Callable[[], Any], protect: Callable[[list[str], str], list[str]], name: str) -> None:
    sweep_ends.clear()
    options, overrides = split_options(sys.argv[1:])
    if "--version" in options:
        print(f"libelle {version('libelle')}")
        return
    # Options that follow an override, argparse would take for overrides; a sweep is known by them.
    given = [*options, *overrides]
    with also_in(own_folders(options, overrides)):
        try:
            sys.argv[1:] = protect(given, name)
            _say_repeated(overrides)
            with readable(shows_config(options)):
                main()
        except (UserError, SweepError) as error:
            _end_sweep(error)
            if isinstance(error.__cause__, HydraException) and (sentence := _mistake(name, given)):
                raise UserError(sentence) from error  # the sweeper has Hydra's words for a key that does not exist
            raise  # a sentence already, also where it comes from a job in another process; the second is one of Hydra's
        except HYDRA_ERRORS as error:
            if _interruption(error) is not None:
                raise
            raise refused(name, given, error) from error
        except Exception as error:
            if _interruption(error) is not None:
                raise
            _end_sweep(error)
            if not _is_of_hydra(error):
                raise
            raise refused(name, given, error) from error


def _say_repeated(overrides: Sequence[str]) -> None:
    """Warn of keys with several values, of which the last counts: scripts append some, and people overlook some.

    Spaces of a search with a tag may be several of one key, as `tag("model=mlp", ...)` beside `tag("model=svm", ...)`.
    """
    values: dict[str, set[str]] = {}
    for override in overrides:
        key, equals, value = override.lstrip("+").partition("=")
        if equals and not value.startswith("tag("):
            values.setdefault(key, set()).add(value)
    for key, several in values.items():
        if len(several) > 1:
            log.warning("%s= is given more than once; the last one counts, so leave the others out", key)


def _is_of_hydra(error: Exception) -> bool:
    """Whether Hydra stumbled over the command line by itself: nothing of libelle was at work below it."""
    if isinstance(error, OSError) and error.filename is None:  # a pipe that broke
        return False
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    called = [frame.f_globals.get("__name__", "") for frame in frames][1:]
    if _is_return_value(frames[-1]):
        return False  # what a job has raised in another process
    ours = any(name == "__main__" or name.partition(".")[0] == "libelle" for name in called)
    return not ours and called[:1] == ["hydra.main"]


def _is_return_value(frame: FrameType) -> bool:
    """Whether Hydra hands on what a job has raised."""
    return frame.f_globals.get("__name__") == "hydra.core.utils" and frame.f_code.co_name == "return_value"


def _end_sweep(error: Exception) -> None:
    """Show what the other jobs of a sweep have come to, if that is how it ends."""
    if any(_is_return_value(frame) for frame, _ in traceback.walk_tb(error.__traceback__)):
        while sweep_ends:
            sweep_ends.pop()()


def refused(name: str, arguments: Sequence[str], error: Exception) -> UserError:
    """The sentence for a command line that Hydra or OmegaConf refuses; `arguments` are as typed."""
    from libelle.cli.mistakes import explain

    return UserError(explain(name, list(arguments), error))


def _mistake(name: str, arguments: Sequence[str]) -> str | None:
    from libelle.cli.mistakes import mistake

    return mistake(name, list(arguments))


def register_resolvers() -> None:
    """Teach OmegaConf what the files of `conf/` interpolate."""
    OmegaConf.register_new_resolver("direction", _direction, replace=True)
    OmegaConf.register_new_resolver("data_name", _data_name, replace=True)
    help_pages.register_resolvers()


def _direction(metric: str | None) -> str:
    """Whether more or less of a metric is better, as sweepers want to know it."""
    # Importing scikit-learn takes a second, and only a search asks.
    from libelle.evaluation.metrics import LOWER_IS_BETTER

    return "minimize" if metric is not None and restore(metric).rpartition(".")[2] in LOWER_IS_BETTER else "maximize"


def _data_name(data: DictConfig) -> str:
    """What a source's data are called, also where its `name` is null."""
    return name_of(restore(OmegaConf.to_container(data)))


@contextmanager
def plain_errors() -> Iterator[None]:
    """Leave with the sentence alone; a job's error would go through Hydra, which keeps what was typed."""
    try:
        yield
    except UserError as error:
        leave(str(error), USER_ERROR)


def plain(config: DictConfig) -> dict[str, Any]:
    """A composed config as plain dicts, raw arguments decoded, without Hydra's own node."""
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    container = OmegaConf.to_container(own, resolve=True, throw_on_missing=True)
    assert isinstance(container, dict)
    return {str(key): restore(value) for key, value in container.items()}


def values_and_store(config: DictConfig) -> tuple[dict[str, Any], Store]:
    """A composed config as plain values, raw arguments decoded, and apart from them the store that it names."""
    values = plain(config)
    if "store" not in values:
        raise UserError("store is not set; choose store=local or store=minio.")
    return values, build(values.pop("store"), Store, "store")


def typed_overrides() -> list[str]:
    """The overrides of this command, as they were typed."""
    return [as_typed(override) for override in HydraConfig.get().overrides.task]


def as_shell_needs(line: str) -> str:
    """A command line whose program, `python` or `libelle`, is found by the shell that called us.

    The name stays where the shell finds this environment's program by it; else it becomes a path.
    """
    name, _, rest = line.partition(" ")
    program = sys.executable if name == "python" else str(Path(sys.executable).with_name(name))
    if shutil.which(name) == program or not Path(program).exists():
        return line
    here = os.path.relpath(program)
    return f"{shlex.quote(program if here.startswith('..') else here)} {rest}"


def leave(message: str, status: int) -> NoReturn:
    """End the command with a sentence on stderr."""
    print(message, file=sys.stderr)
    sys.exit(status)

"""How a sweep starts: what is searched, the ledger of its folder, and who else may be at it."""

import logging
import secrets
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError

from ._best_trials import print_best, write_results
from ._errors import SweepError
from ._following import follow_running, follow_started, is_detached, start_detached
from ._job import RecordedTask
from ._ledger import Ledger, SweepIsRunning, next_number
from ._ledger_reader import Header
from ._option_checks import check_options
from ._override_values import encode
from ._space import Space
from ._space_parser import read_space
from ._sweep_loop import Sweep
from .config import HyperoptSweeperConf

log = logging.getLogger(__name__)


def run_sweep(
    options: HyperoptSweeperConf,
    arguments: list[str],
    hydra_context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
) -> list[Sequence[JobReturn]]:
    """Run or resume the sweep in `hydra.sweep.dir`; see `HyperoptSweeper.sweep`."""
    check_options(options)
    folder = Path(str(config.hydra.sweep.dir)).absolute()
    params: Any = OmegaConf.to_container(options.params, resolve=True) if options.params else {}
    space = read_space(params, arguments, hydra_context.config_loader)
    if not space.dimensions:
        return [_plain_job(space.fixed, hydra_context, task_function, config, folder)]
    _probe(space, hydra_context, config)
    header = Header(space.records, space.fixed, options.direction, options.objective, options.seed)

    def open_ledger() -> Ledger:
        return Ledger(folder, header, new_seed=secrets.randbelow(2**31))

    try:
        if not options.detach or is_detached(folder):
            with open_ledger() as ledger:
                OmegaConf.save(config, folder / "multirun.yaml")
                launcher = Plugins.instance().instantiate_launcher(
                    hydra_context=hydra_context,
                    task_function=RecordedTask(task_function, ledger.results),
                    config=config,
                )
                try:
                    return Sweep(options, space, ledger, launcher).run()
                except KeyboardInterrupt:
                    log.warning(_interrupted(config))
                    raise
        with open_ledger():
            pass  # nobody runs it, and it is the same sweep
        follow_started(folder, start_detached(folder, config))
    except SweepIsRunning:
        pass
    with follow_running(folder, open_ledger) as ledger:
        write_results(ledger)
        print_best(ledger, len(ledger.trials), space.fixed, last=True)
    return []


def _interrupted(config: DictConfig) -> str:
    """What to say of a sweep that ends before it is done: how it goes on."""
    folder = str(config.hydra.sweep.dir)
    # A folder that is named after the time is another one next time.
    timed = "${now:" in str(OmegaConf.to_container(config.hydra.sweep, resolve=False))
    again = "the same command"
    if timed:
        again += f" with {shlex.quote(f'hydra.sweep.dir={encode(folder)}')}"
    return f"The sweep in {folder} is not done; {again} goes on where it was"


def _plain_job(
    overrides: list[str],
    hydra_context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
    folder: Path,
) -> Sequence[JobReturn]:
    """Nothing to search: one job, which succeeds or fails as it would alone."""
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(config, folder / "multirun.yaml")
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=hydra_context, task_function=task_function, config=config
    )
    hydra_context.config_loader.load_sweep_config(config, overrides)
    jobs = launcher.launch([overrides], initial_job_idx=next_number(folder))
    for job in jobs:
        _ = job.return_value  # raises what the job raised
    return jobs


def _probe(space: Space, hydra_context: HydraContext, config: DictConfig) -> None:
    """Compose a few points before the first job: a key that no config has, or an option, is a mistake now."""
    for raws in space.probes():
        overrides = space.overrides(raws)
        try:
            hydra_context.config_loader.load_sweep_config(config, overrides)
        except HydraException as error:
            reason = " ".join(f"{error} {error.__cause__ or ''} ".split())
            lines = [*space.fixed, *(d.line for d in space.dimensions if d.label in raws)]
            named = [line for line in lines if _is_named(line, reason)] or overrides
            key = getattr(error.__cause__, "full_key", None)
            if isinstance(error.__cause__, ConfigKeyError | ConfigAttributeError) and key:
                # What Hydra proposes, +key=value, would be a key that nothing reads.
                where = 'tag("NAME=VALUE", ...)'
                reason = f"there are trials without a key {key}; correct it, or search it where it is: {where}"
            raise SweepError(f"Bad search space, {' '.join(named)}: {reason}") from error


def _is_named(override: str, reason: str) -> bool:
    """Whether Hydra's message names the key of this override, or an option of its group."""
    name = override.partition("=")[0].lstrip("+~").partition("@")[0]
    return any(text in f"{reason} " for text in (f"override {override} ", f"'{name}'", f"'{name}/", f"key: {name} "))

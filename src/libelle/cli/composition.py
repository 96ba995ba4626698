"""From what Hydra composed to the plan of a run."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from libelle.cli.command import plain
from libelle.cli.lightning_nodes import make_lightning
from libelle.cli.raw_arguments import hide
from libelle.components import look_up
from libelle.errors import UserError
from libelle.processes.union import refuse_unchosen
from libelle.runs.ids import RunId
from libelle.stores.base import Store
from libelle.training.pairings import refuse_devices
from libelle.training.plan import BASE_NODES, Plan, Provenance
from libelle.training.resuming import find_begun
from libelle.training.schema import build_plan


def make_plan(
    config: DictConfig, settings: Any, *, command: str = "", sweep: str | None = None, trial: int | None = None
) -> Plan:
    """Check a composed config, and build what a run needs.

    Args:
        config: the composed config; interpolations of Hydra's own are resolved.
        settings: the node `hydra` that belongs to it.
        command: the command line that trains the run again.
        sweep: name of the sweep that the run is part of.
        trial: its number there.

    Raises:
        UserError: names the first key that is unknown, missing or wrong.
    """
    values, options = plain(config), chosen_options(config, settings)
    typed = _typed(settings.overrides.task, values, options)
    provenance = Provenance(values, options, typed, command, sweep, trial)
    plan = build_plan(provenance, partial(make_lightning, config))
    # A sweep over models or parts has the keys of all in each of its jobs.
    if settings.mode != RunMode.MULTIRUN:
        refuse_devices(plan.model, settings.overrides.task)
        if config.mode != "train":  # there the base says what the parts are
            refuse_unchosen(plan.process, typed)
    return plan


@contextmanager
def resumed_plan(store: Store, run_id: RunId) -> Iterator[Plan]:
    """Yield the plan of a run that goes on, made from its own config, in the working directory that it was begun in.

    Raises:
        UserError: when the run cannot be resumed here.
    """
    resumed, begun = find_begun(store, run_id)
    if not Path(begun.cwd).is_dir():
        raise UserError(f"resume={run_id}: the run began in {begun.cwd}, which is not there any more; bring it back.")
    with chdir(begun.cwd):
        provenance = Provenance(begun.config, begun.options, begun.typed, begun.command, begun.sweep, begun.trial)
        nodes = {group: hide(begun.config[group]) for group in ("callbacks", "logger")}
        yield replace(build_plan(provenance, partial(make_lightning, OmegaConf.create(nodes))), resumed=resumed)


def chosen_options(config: DictConfig, settings: Any) -> dict[str, Any]:
    """Config group → chosen option; `settings` is the node `hydra` of the config."""
    # Hydra does not say what was chosen where it is a list.
    cleaners = config.get("cleaner") or ()  # `~cleaner` takes it out, which is refused later, as the schema says
    return {"cleaner": f"[{','.join(map(str, cleaners))}]", **settings.runtime.choices}


def _typed(overrides: Sequence[str], config: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """What a command line says of the nodes that a base settles: group → option, or key → value."""
    typed: dict[str, Any] = {}
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key = override.key_or_group
        if override.is_sweep_override() or override.is_delete():
            continue  # each job has a value of its own, and what is taken out has none
        if key in BASE_NODES:
            typed[key] = options.get(key)  # nothing where `~data` took out what `data=csv` says
        elif key.split(".")[0] in BASE_NODES:
            typed[key] = look_up(config, key)
    return typed

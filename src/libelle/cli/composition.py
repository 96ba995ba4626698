"""From what Hydra composed to the plan of a run."""

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig

from libelle.cli.command import plain
from libelle.processes.union import refuse_unchosen
from libelle.training.plan import BASE_NODES, Plan, look_up
from libelle.training.schema import check


def make_plan(config: DictConfig, settings: Any) -> Plan:
    """Check a composed config, and build what a run needs.

    Args:
        config: the composed config; interpolations of Hydra's own are resolved.
        settings: the node `hydra` that belongs to it.

    Raises:
        UserError: names the first key that is unknown, missing or wrong.
    """
    # Hydra does not say what was chosen where it is a list.
    options = {"cleaner": f"[{','.join(map(str, config.cleaner))}]", **settings.runtime.choices}
    plan = check(plain(config), options)
    plan.typed = _typed(settings.overrides.task, plan)
    # A sweep over parts has the keys of all in each of its jobs; in mode=train the base says what the parts are.
    if settings.mode != RunMode.MULTIRUN and config.mode != "train":
        refuse_unchosen(plan.process, plan.typed)
    return plan


def _typed(overrides: Sequence[str], plan: Plan) -> dict[str, Any]:
    """What a command line says of the nodes that a base settles: group → option, or key → value."""
    typed: dict[str, Any] = {}
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key = override.key_or_group
        if override.is_sweep_override():
            continue  # each job has a value of its own
        if key in BASE_NODES:
            typed[key] = plan.options[key]
        elif key.split(".")[0] in BASE_NODES:
            typed[key] = look_up(plan.config, key)
    return typed

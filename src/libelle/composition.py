"""What Hydra composed, as plain objects: the config, the plan of a run, the command that repeats it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from libelle.plan import Plan


def plain(config: DictConfig) -> dict[str, Any]:
    """A composed config as plain dicts, without Hydra's own node."""
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    container = OmegaConf.to_container(own, resolve=True, throw_on_missing=True)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def make_plan(config: DictConfig, settings: Any) -> "Plan":
    """Check a composed config, and build what a run needs.

    Args:
        config: the composed config; interpolations of Hydra's own are resolved.
        settings: the node `hydra` that belongs to it.

    Raises:
        UserError: names the first key that is unknown, missing or wrong.
    """
    from libelle.config import check
    from libelle.processes.union import refuse_unchosen

    plan = check(plain(config), settings.runtime.choices)
    plan.typed = _typed(settings.overrides.task, plan)
    # A sweep over parts has the keys of all in each of its jobs; in mode=train the base says what the parts are.
    if settings.mode != RunMode.MULTIRUN and config.mode != "train":
        refuse_unchosen(plan.process, plan.typed)
    return plan


def _typed(overrides: Sequence[str], plan: "Plan") -> dict[str, Any]:
    """What a command line says of the nodes that a base settles: group → option, or key → value."""
    from libelle.plan import BASE_NODES, look_up

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


def repeatable(overrides: Sequence[str], plan: "Plan", settings: Any) -> list[str]:
    """The overrides that train one trial of a search again, alone: what `tune` chose is said, and `tune` is not."""
    keys = [override.partition("=")[0].lstrip("+") for override in overrides]
    if not any(key == "tune" for key in keys):
        return list(overrides)
    kept = [o for o, key in zip(overrides, keys, strict=True) if key.partition(".")[0] not in ("tune", "pruning")]
    chosen = {"model": settings.runtime.choices.model, "mode": plan.config["mode"], "base.name": plan.base_name}
    return [*(f"{key}={value}" for key, value in chosen.items() if key not in keys and value != "based"), *kept]

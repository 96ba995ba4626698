"""The command that trains one trial of a search again, alone."""

from collections.abc import Sequence
from typing import Any

from libelle.training.plan import Plan


def repeatable(overrides: Sequence[str], plan: Plan, settings: Any) -> list[str]:
    """The overrides that train one trial of a search again, alone: what `tune` chose is said, and `tune` is not.

    Args:
        overrides: as they were typed.
        plan: of the trial.
        settings: the node `hydra` of its config.
    """
    keys = [override.partition("=")[0].lstrip("+") for override in overrides]
    if not any(key == "tune" for key in keys):
        return list(overrides)
    kept = [o for o, key in zip(overrides, keys, strict=True) if key.partition(".")[0] not in ("tune", "pruning")]
    chosen = {"model": settings.runtime.choices.model, "mode": plan.config["mode"], "base.name": plan.base_name}
    return [*(f"{key}={value}" for key, value in chosen.items() if key not in keys and value != "based"), *kept]

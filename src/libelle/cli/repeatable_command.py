"""The command that trains one trial of a search again, alone."""

from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig

from libelle.cli.raw_arguments import restore


def repeatable(overrides: Sequence[str], config: DictConfig, settings: Any) -> list[str]:
    """The overrides that train one trial of a search again, alone: without `tune`, and with what it chose spelt out.

    Args:
        overrides: as they were typed.
        config: of the trial.
        settings: the node `hydra` that belongs to it.
    """
    keys = [override.partition("=")[0].lstrip("+") for override in overrides]
    if not any(key == "tune" for key in keys):
        return list(overrides)
    kept = [o for o, key in zip(overrides, keys, strict=True) if key.partition(".")[0] not in ("tune", "pruning")]
    chosen = {"model": settings.runtime.choices.model, "mode": config.mode, "base.name": restore(config.base.name)}
    return [*(f"{key}={value}" for key, value in chosen.items() if key not in keys and value != "based"), *kept]

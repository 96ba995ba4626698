"""Lightning's callbacks and loggers, built from their nodes of the config."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.utils import get_class, instantiate
from omegaconf import DictConfig

from libelle.cli.raw_arguments import restore
from libelle.components import check_arguments
from libelle.errors import UserError


def make_lightning(config: DictConfig, scratch: Path) -> tuple[Sequence[Any], Sequence[Any]]:
    """Build Lightning's callbacks and loggers.

    Args:
        config: the composed config.
        scratch: where loggers without a `save_dir` write.

    Raises:
        UserError: names the node that cannot be built.
    """
    # Importing Lightning takes seconds, and only models that it trains need it.
    from pytorch_lightning.callbacks import ProgressBar

    from libelle.models.epoch_lines import EpochLines

    def build(group: str, **extra: Any) -> list[Any]:
        built = []
        for name, node in config[group].items():
            if node is None:
                continue
            place = f"{group}.{name}"
            values = {key: value for key, value in extra.items() if key in node and node[key] is None}
            values |= {key: restore(value) for key, value in node.items() if restore(value) != value}
            try:
                check_arguments(get_class(node["_target_"]), {**node, **values}, place)
                built.append(instantiate(node, **values))
            except UserError:
                raise
            except Exception as error:
                cause = error.__cause__ or error
                raise UserError(f"{place} cannot be built ({cause}); see {node.get('_target_')}.") from error
        return built

    callbacks = build("callbacks")
    if not sys.stderr.isatty():
        callbacks = [EpochLines() if isinstance(callback, ProgressBar) else callback for callback in callbacks]
    return callbacks, build("logger", save_dir=str(scratch))

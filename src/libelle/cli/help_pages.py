"""What the pages of `--help` in `conf/` interpolate: how their command is called, and the options of its own groups."""

from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from libelle.installation import how_to_call


def register_resolvers() -> None:
    """Let the config say `${call:train}`, and `${options:${hydra.runtime.choices}}`."""
    OmegaConf.register_new_resolver("call", how_to_call, replace=True)
    OmegaConf.register_new_resolver("options", _options, replace=True)


def _options(choices: DictConfig) -> str:
    """One line for each group that a page chooses from; `$APP_CONFIG_GROUPS` would list those of all pages."""
    loader = GlobalHydra.instance().config_loader()
    groups = sorted(str(group) for group in choices if not str(group).startswith("hydra/"))
    return "\n".join(f"{group}: {', '.join(sorted(loader.get_group_options(group)))}" for group in groups)

"""Look at data before training on them: python check.py data=csv data.path=... (python check.py --help)."""

import hydra
from omegaconf import DictConfig

from libelle.cli.command import command
from libelle.cli.reading_keys import protect_training


@hydra.main(version_base="1.3", config_path="conf", config_name="check")
def main(config: DictConfig) -> None:
    """Say what is taken for what, and what looks wrong."""
    from libelle.cli.check import check

    check(config)


if __name__ == "__main__":
    command(main, protect_training)

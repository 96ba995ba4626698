"""Score raw records: python runtime.py text="..." (python runtime.py --help)."""

import hydra
from omegaconf import DictConfig

from libelle import cli


@hydra.main(version_base="1.3", config_path="conf", config_name="runtime")
def main(config: DictConfig) -> None:
    """Score one text, one record or a file."""
    cli.runtime(config)


if __name__ == "__main__":
    cli.command(main)

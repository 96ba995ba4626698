"""Score raw records: python runtime.py text="..." (python runtime.py --help)."""

import hydra
from omegaconf import DictConfig

from libelle.cli.command import command
from libelle.cli.reading_keys import protect_scoring


@hydra.main(version_base="1.3", config_path="conf", config_name="runtime")
def main(config: DictConfig) -> None:
    """Score one text, one record or a file."""
    from libelle.cli.runtime import runtime

    runtime(config)


if __name__ == "__main__":
    command(main, protect_scoring)

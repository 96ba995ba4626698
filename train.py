"""Train a classifier: python train.py data=diaries model=transformer (python train.py --help)."""

import hydra
from omegaconf import DictConfig

from libelle.cli.command import command
from libelle.cli.reading_keys import protect_training


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(config: DictConfig) -> float:
    """Train one model and return its objective."""
    from libelle.cli.train import train

    return train(config)


if __name__ == "__main__":
    command(main, protect_training)

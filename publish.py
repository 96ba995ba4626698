"""Publish a run for the prediction service: python publish.py run_id=... (python publish.py --help)."""

import hydra
from omegaconf import DictConfig

from libelle.cli.command import command


@hydra.main(version_base="1.3", config_path="conf", config_name="publish")
def main(config: DictConfig) -> None:
    """Publish, roll back or list."""
    from libelle.cli.publish import publish

    publish(config)


if __name__ == "__main__":
    command(main)

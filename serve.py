"""Serve published models over HTTP: python serve.py published=... (python serve.py --help)."""

import hydra
from omegaconf import DictConfig

from libelle.cli.command import command


@hydra.main(version_base="1.3", config_path="conf", config_name="serve")
def main(config: DictConfig) -> None:
    """Serve."""
    from libelle.cli.serve import serve

    serve(config)


if __name__ == "__main__":
    command(main)

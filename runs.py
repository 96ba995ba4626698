"""Look at runs: python runs.py list|show|diff|compare (python runs.py --help)."""

import hydra
from omegaconf import DictConfig

from libelle.cli.command import command
from libelle.cli.raw_arguments import protect_verb


@hydra.main(version_base="1.3", config_path="conf", config_name="runs")
def main(config: DictConfig) -> None:
    """List runs, show one, tell two apart, or compare several."""
    from libelle.cli.runs import runs

    runs(config)


if __name__ == "__main__":
    command(main, protect_verb)

"""Choose a run's decision threshold: python threshold.py run_id=... precision=0.8 (python threshold.py --help)."""

import hydra
from omegaconf import DictConfig

from libelle.cli.command import command


@hydra.main(version_base="1.3", config_path="conf", config_name="threshold")
def main(config: DictConfig) -> None:
    """Choose by a wish, report on the test split, and keep it with the run."""
    from libelle.cli.threshold import threshold

    threshold(config)


if __name__ == "__main__":
    command(main)

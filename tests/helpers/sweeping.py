"""What the tests of the sweeper share."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra.core.utils import JobReturn
from omegaconf import DictConfig


@dataclass
class Swept:
    """A sweep that has ended: what it returned and what is in its folder."""

    folder: Path
    batches: list[list[JobReturn]]

    @property
    def jobs(self) -> list[JobReturn]:
        return [job for batch in self.batches for job in batch]

    @property
    def overrides(self) -> list[list[str]]:
        return [list(job.overrides or []) for job in self.jobs]

    @property
    def ledger(self) -> list[dict[str, Any]]:
        return read_ledger(self.folder)

    @property
    def finished(self) -> list[dict[str, Any]]:
        return [line for line in self.ledger if line["event"] == "finished"]

    @property
    def results(self) -> dict[str, Any]:
        return yaml.safe_load((self.folder / "optimization_results.yaml").read_text(encoding="utf-8"))


def read_ledger(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "trials.jsonl").read_text(encoding="utf-8").splitlines()]


def distance(config: DictConfig) -> float:
    return (config.x - 0.3) ** 2 + config.n


Sweep = Callable[..., Swept]

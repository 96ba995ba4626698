"""Sweeps in this process: a task function, overrides, and a sweep folder that a test may use again."""

from pathlib import Path
from typing import Any

import pytest
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra

from helpers.sweeping import Sweep, Swept, distance


@pytest.fixture
def sweep(hydra_restore_singletons: None, tmp_path: Path) -> Sweep:
    """Run `sweep(*overrides, task=..., folder=...)`; the same folder resumes."""

    def run(*overrides: str, task: Any = distance, folder: str = "sweep", config: str = "config") -> Swept:
        options = ["hydra/sweeper=hyperopt", "hydra.job.chdir=false", f"hydra.sweep.dir={tmp_path / folder}"]
        hydra = Hydra.create_main_hydra_file_or_module(__file__, None, "conf", "test")
        try:
            batches = hydra.multirun(config, task, [*options, *overrides], with_log_configuration=False)
        finally:
            GlobalHydra().clear()
        return Swept(tmp_path / folder, batches)

    return run

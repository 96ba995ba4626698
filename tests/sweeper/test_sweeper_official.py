"""Hydra's own test suites for launchers and sweepers, unmodified, against this sweeper."""

import subprocess
import sys

import pytest
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)

from hydra_plugins.hydra_hyperopt_sweeper.hyperopt_sweeper import HyperoptSweeper


def test_hydra_discovers_the_sweeper() -> None:
    assert HyperoptSweeper.__name__ in [plugin.__name__ for plugin in Plugins.instance().discover(Sweeper)]


def test_start_up_stays_light_and_the_plugin_stands_alone() -> None:
    program = """
import sys
from importlib import import_module
from hydra.core.plugins import Plugins
plugin = "hydra_plugins.hydra_hyperopt_sweeper."
Plugins.instance()
assert plugin + "hyperopt_sweeper" in sys.modules
assert not {"hyperopt", "numpy", "rich", "torch", "libelle"} & set(sys.modules)
import_module(plugin + "_start"), import_module(plugin + "_suggestion")
assert not {"torch", "libelle"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


@pytest.mark.parametrize(
    ("launcher_name", "overrides"),
    [
        pytest.param("basic", ["hydra/sweeper=hyperopt"], id="tpe"),
        pytest.param("basic", ["hydra/sweeper=hyperopt", "hydra/sweeper/algorithm=grid"], id="grid"),
    ],
)
class TestLauncher(LauncherTestSuite):
    pass


@pytest.mark.parametrize(
    ("launcher_name", "overrides"),
    [("basic", ["hydra/sweeper=hyperopt", "hydra.sweeper.max_batch_size=2"])],
)
class TestBatched(BatchedSweeperTestSuite):
    pass


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [({}, ["-m", "hydra/sweeper=hyperopt", "hydra/launcher=basic"])],
)
class TestIntegration(IntegrationTestSuite):
    pass

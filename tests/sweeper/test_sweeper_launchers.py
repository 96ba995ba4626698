"""Hydra's own launcher suite with this sweeper, on launchers whose jobs run in processes of their own."""

import pytest
from hydra.core.plugins import Plugins
from hydra.test_utils.launcher_common_tests import LauncherTestSuite

# The suite restores Hydra's state after each test; the options that plugins add belong to that state.
Plugins.instance()

pytestmark = pytest.mark.slow

SWEEPER = ["hydra/sweeper=hyperopt"]
#: A small node for this process, not one that is found on this machine.
RAY = ["hydra.launcher.ray.init.address=local", "+hydra.launcher.ray.init.num_cpus=2"]


@pytest.mark.parametrize(
    ("launcher_name", "overrides"),
    [
        pytest.param("joblib", [*SWEEPER, "hydra.launcher.n_jobs=2"], id="joblib"),
        pytest.param("submitit_local", SWEEPER, id="submitit_local"),
        pytest.param("ray", [*SWEEPER, *RAY], id="ray"),
    ],
)
class TestLauncher(LauncherTestSuite):
    pass

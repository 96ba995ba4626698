"""Hydra's own launcher suite with this sweeper, on launchers whose jobs run in processes of their own."""

import pytest
from hydra.core.plugins import Plugins
from hydra.test_utils.launcher_common_tests import LauncherTestSuite

# The suite restores Hydra's state after each test; the options that plugins add belong to that state.
Plugins.instance()

pytestmark = pytest.mark.slow

SWEEPER = ["hydra/sweeper=hyperopt"]
#: Ray starts a node of its own for this process; a small one is enough.
RAY = ["hydra.launcher.ray.init.num_cpus=2", "+hydra.launcher.ray.init.include_dashboard=false"]


@pytest.mark.parametrize(
    ("launcher_name", "overrides"),
    [
        pytest.param("joblib", [*SWEEPER, "hydra.launcher.n_jobs=2"], id="joblib"),
        pytest.param("submitit_local", SWEEPER, id="submitit_local"),
        pytest.param("ray", [*SWEEPER, "+" + RAY[0], RAY[1]], id="ray"),
    ],
)
class TestLauncher(LauncherTestSuite):
    pass

"""A search with libelle whose trials run in processes of their own, as people type it."""

import pytest

from helpers.scripts import start
from helpers.tiny import make_forms
from libelle.runs.run_list import manifests
from libelle.stores.local import LocalStore

pytestmark = pytest.mark.slow

SEARCH = (
    "tune=mlp",
    "trainer.max_epochs=1",
    "trainer.accelerator=cpu",
    "hydra.sweeper.max_trials=3",
    "hydra.sweeper.n_jobs=2",
)
DATA = ("data=csv", "data.path=forms.csv", "data.id=form", "data.columns=employer,job", "data.target=label")


@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param(("joblib", "hydra.launcher.n_jobs=2"), id="joblib"),
        pytest.param(("ray", "hydra.launcher.ray.init.address=local", "+hydra.launcher.ray.init.num_cpus=2"), id="ray"),
    ],
)
def test_each_trial_is_a_run_wherever_it_ran(tmp_path, launcher):
    make_forms().to_csv(tmp_path / "forms.csv", index=False)
    name, *options = launcher
    process = start("train.py", *SEARCH, *DATA, f"hydra/launcher={name}", *options, cwd=tmp_path)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "best of 3 trials" in out
    assert "Lightning" not in err  # nor its devices
    assert "GPU available" not in err
    if name == "joblib":
        assert err.count(" begins in the local store ") == 3, err
    runs = manifests(LocalStore(root=str(tmp_path / "store")))
    assert {(run.sweep, run.trial, run.status) for run in runs} == {("mlp", n, "completed") for n in range(3)}

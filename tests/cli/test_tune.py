"""A search with libelle, as people type it: `train.py tune=...`."""

import json
import math
import re
import shlex
import shutil

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from helpers.place import files_below
from helpers.scripts import ROOT, call
from helpers.tiny import make_forms
from hydra_plugins.hydra_hyperopt_sweeper.sweep import read_space
from libelle.cli.command import register_resolvers
from libelle.cli.composition import make_plan
from libelle.runs.run_list import manifests
from libelle.stores.local import LocalStore

#: Whole commands, one after the other.
pytestmark = pytest.mark.slow

FAST = ("trainer.max_epochs=1", "model.hidden=[8]", "model.ngram_hidden=[8]", "trainer.accelerator=cpu")
DATA = ("data=csv", "data.path=forms.csv", "data.id=form", "data.columns=employer,job", "data.target=label")
SPACES = sorted(path.stem for path in (ROOT / "conf" / "tune").glob("*.yaml") if path.stem not in ("custom", "none"))
SPACE = ("tune=custom", "tune.name=widths", "model.word_dim=4,8", "model.dropout=interval(0, 0.5)")


@pytest.fixture
def place(tmp_path):
    make_forms().to_csv(tmp_path / "forms.csv", index=False)
    return tmp_path


def tune(place, *arguments, trials=3):
    return call("train.py", *arguments, f"hydra.sweeper.max_trials={trials}", cwd=place)


def runs(place):
    return manifests(LocalStore(root=str(place / "store")))


def ledger(place, name):
    return [json.loads(line) for line in (place / "sweeps" / name / "trials.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A folder after a search of three trials, and what it printed; tests do not change the folder."""
    folder = tmp_path_factory.mktemp("searched")
    make_forms().to_csv(folder / "forms.csv", index=False)
    return folder, tune(folder, *DATA, *FAST, *SPACE)


@pytest.fixture
def continued(searched, tmp_path):
    """A copy of that folder, and what was printed."""
    folder, answer = searched
    shutil.copytree(folder, tmp_path / "copy")
    return tmp_path / "copy", answer


def test_a_search_prepares_the_base_once_and_ends_with_its_best_run(searched):
    place, answer = searched
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr.count("preparing it") == 1
    found = runs(place)
    assert [run.trial for run in found] == [2, 1, 0]
    assert {(run.sweep, run.status) for run in found} == {("widths", "completed")}
    assert len({run.base for run in found}) == 1
    best = max(found, key=lambda run: (run.value, -run.trial))
    assert f"run {best.run_id}, validation.average_precision = {best.value:.6f}" in answer.stdout
    listed = call("runs.py", "list", "sweep=widths", cwd=place).stdout
    assert all(run.run_id in listed for run in found)


def test_the_printed_command_trains_the_same_model_again(continued):
    place, answer = continued
    (command,) = re.findall(r"train\.py .*", answer.stdout)
    value = re.search(r"= (\d\.\d+)", answer.stdout)[1]
    again = call(*shlex.split(command), cwd=place)
    assert f"validation.average_precision = {value}" in again.stdout, again.stderr
    assert runs(place)[0].sweep is None


def test_the_best_overrides_can_be_pasted_as_they_are(continued):
    place, answer = continued
    results = yaml.safe_load((place / "sweeps" / "widths" / "optimization_results.yaml").read_text())
    assert results["best_command"].split("train.py ")[1] in answer.stdout
    again = call("train.py", *results["best_overrides"], cwd=place)
    assert f"validation.average_precision = {results['best_value']:.6f}" in again.stdout, again.stderr
    page = (place / "sweeps" / "widths" / "report.html").read_text()
    assert "tune=" not in page.partition("<pre>")[2].partition("</pre>")[0]


def test_a_search_goes_on_to_a_larger_total(continued):
    place, _ = continued
    answer = tune(place, *DATA, *FAST, *SPACE, trials=4)
    assert answer.returncode == 0, answer.stderr
    assert len(runs(place)) == 4
    assert "preparing it" not in answer.stderr


def test_a_search_in_the_folder_of_another_is_refused_before_its_data_are_prepared(continued):
    place, _ = continued
    make_forms(200).to_csv(place / "others, too.csv", index=False)
    data = ["data.path=others, too.csv" if key.startswith("data.path") else key for key in DATA]
    before = files_below(place)
    answer = tune(place, *data, *FAST, *SPACE, "base.name=others")
    assert answer.returncode == 2
    (sentence,) = answer.stderr.strip().splitlines()
    assert "sweeps/widths is another one: " in sentence
    assert "data.path='others, too.csv' was not set and is" in sentence
    assert "tune.name=" in sentence
    assert files_below(place) == before
    again = tune(place, *data, *FAST, *SPACE, "base.name=others", "tune.name=others", trials=1)
    assert again.returncode == 0, again.stderr


def test_the_metric_says_which_way_is_better(place):
    answer = tune(place, *DATA, *FAST, *SPACE, "optimize=validation.log_loss", trials=2)
    assert ledger(place, "widths")[0]["direction"] == "minimize"
    values = [run.value for run in runs(place)]
    assert f"= {min(values):.6f}" in answer.stdout
    assert max(values) > min(values)
    page = (place / "sweeps" / "widths" / "report.html").read_text(encoding="utf-8")
    assert "Minimize validation.log_loss" in page


def test_a_search_for_one_model_refuses_another_before_any_work(place):
    answer = tune(place, "tune=transformer", "model=mlp")
    assert answer.returncode == 2
    assert answer.stderr.strip() == (
        "model=mlp contradicts tune=transformer, whose space is for model=transformer; leave one of them out."
    )
    assert not (place / "store").exists()
    assert not (place / "sweeps").exists()


def test_a_search_on_other_data_than_the_base_is_refused_before_any_trial(place):
    assert call("train.py", "mode=prepare", *DATA, cwd=place).returncode == 0
    answer = tune(place, "tune=mlp", "data=diaries")
    assert answer.returncode == 2
    assert "data=diaries differs from the base 'based'" in answer.stderr
    assert not (place / "sweeps").exists()


def test_a_search_for_a_model_that_the_base_does_not_go_with_says_which_base_it_needs(place):
    assert call("train.py", "mode=prepare", *DATA, cwd=place).returncode == 0
    answer = tune(place, *DATA, "tune=naive_bayes")
    assert answer.returncode == 2
    assert "name another base for process=tfidf with base.name=" in answer.stderr
    answer = tune(place, *DATA, "tune=naive_bayes", "base.name=forms-tfidf", trials=1)
    assert [run.status for run in runs(place)] == ["completed"], answer.stderr


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("model.dropout=interval(0.5, 0.1)", "the interval is empty"),
        ("model.optimizer.lr=tag(log, interval(0, 0.1))", "above zero"),
        ("model.dropuot=interval(0.1, 0.5)", "did you mean model.dropout?"),
    ],
)
def test_a_bad_space_ends_with_a_sentence_that_shows_it(place, override, words):
    answer = tune(place, *DATA, *FAST, "tune=custom", override)
    assert answer.returncode == 2
    assert override.partition("=")[0] in answer.stderr
    assert words in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not runs(place)


def test_a_trial_that_fails_says_why_in_a_sentence_and_ends_nothing(place):
    answer = tune(place, *DATA, *FAST, "tune=custom", "model.dropout=0.1,2.0")
    assert answer.returncode == 0, answer.stderr
    assert "model.dropout=2.0 does not fit" in answer.stderr
    assert "Traceback" not in answer.stderr
    results = yaml.safe_load((place / "sweeps" / "custom" / "optimization_results.yaml").read_text())
    assert results["trials"] == {"completed": 1, "failed": 1}
    again = tune(place, *DATA, *FAST, "tune=custom", "model.dropout=0.1,2.0")  # nothing is left to try
    for said in (answer.stdout, again.stdout):
        assert "best of 2 trials (1 completed, 1 failed): #" in said
        assert "1 of them gave no value and are not tried again" in said
        assert "hydra.sweeper.max_trials=3" in said


@pytest.mark.parametrize("pruning", ["pruning=median", "pruning=halving"])
def test_pruning_stops_a_trial_that_lags(place, pruning):
    # A rate of zero, or nearly, learns nothing: its curve stays flat below those of the others.
    rates = "model.optimizer.lr=0.02,0.021,0.022,0.023,0.024,1e-9"
    early = {"pruning=median": "callbacks.pruning.warmup_epochs=1", "pruning=halving": "callbacks.pruning.min_epochs=1"}
    answer = tune(
        place, *DATA, *FAST, "tune=custom", rates, "model.wide=false", "model.word_dim=64", "model.ngram_dim=64",
        "trainer.max_epochs=4", pruning, early[pruning], trials=6,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    finished = [line for line in ledger(place, "custom") if line["event"] == "finished"]
    assert finished[-1]["status"] == "pruned"
    assert finished[-1]["value"] is None
    curve = (place / "sweeps" / "custom" / "trials" / "5.curve.jsonl").read_text().splitlines()
    assert len(curve) < 4
    last = runs(place)[0]
    assert last.status == "failed"
    assert "pruned after epoch" in last.error


def test_pruning_outside_a_search_changes_nothing(place):
    answer = call("train.py", *DATA, *FAST, "pruning=median", cwd=place)
    assert answer.returncode == 0, answer.stderr
    assert math.isfinite(runs(place)[0].value)


@pytest.mark.parametrize("name", SPACES)
def test_every_point_of_a_space_is_a_run_that_can_be_built(name, hydra_restore_singletons):
    register_resolvers()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", [f"tune={name}"], return_hydra_config=True)
        params = OmegaConf.to_container(config.hydra.sweeper.params)
        space = read_space(params, [], GlobalHydra.instance().config_loader())
        models = set()
        for raws in space.probes():
            # Without a base at hand, the whole check, of pairings too, is that of mode=full.
            trial = compose("train", [f"tune={name}", *space.overrides(raws), "mode=full"], return_hydra_config=True)
            HydraConfig.instance().set_config(trial)
            make_plan(trial, trial.hydra)
            models.add(trial.hydra.runtime.choices.model)
            if config.tune.processes is not None:
                assert trial.hydra.runtime.choices.process in config.tune.processes
    assert len(models) == 6 if name == "auto" else models == {name}


@pytest.mark.parametrize("name", [name for name in SPACES if name != "pretrained"])
def test_every_space_runs(place, name):
    answer = tune(place, *DATA, f"tune={name}", "trainer.max_epochs=1", "trainer.accelerator=cpu", trials=2)
    assert answer.returncode == 0, answer.stderr
    found = runs(place)
    assert [(run.status, run.trial) for run in found] == [("completed", 1), ("completed", 0)], answer.stderr
    assert (place / "sweeps" / found[0].sweep / "report.html").exists()


def test_the_space_of_pretrained_encoders_runs(place):
    pytest.importorskip("transformers")
    from helpers.encoders import make_bert

    encoder = make_bert(place / "encoder")
    keys = (f"model.encoder={encoder}", "process.max_length=64", "trainer.max_epochs=1", "trainer.accelerator=cpu")
    answer = tune(place, *DATA, "tune=pretrained", *keys, trials=2)
    assert answer.returncode == 0, answer.stderr
    assert [run.status for run in runs(place)] == ["completed"] * 2, answer.stderr


def test_a_search_over_models_prepares_the_base_of_each_process_that_it_draws(place):
    narrow = ("tune=auto", "model=mlp,naive_bayes", "trainer.max_epochs=1", "trainer.accelerator=cpu")
    answer = tune(place, *DATA, *narrow, trials=4)
    assert answer.returncode == 0, answer.stderr
    assert re.findall(r"no base (\S+) yet", answer.stderr) == ["forms-tokens", "forms-tfidf"]
    found = runs(place)
    assert {run.status for run in found} == {"completed"}
    assert {run.base.partition("/")[0] for run in found} == {"forms-tokens", "forms-tfidf"}
    (command,) = re.findall(r"train\.py .*", answer.stdout)
    value = re.search(r"validation\.average_precision = (\d\.\d+)", answer.stdout)[1]
    again = call(*shlex.split(command), cwd=place)
    assert f"validation.average_precision = {value}" in again.stdout, again.stderr
    answer = tune(place, *DATA, *narrow, trials=5)
    assert len(runs(place)) == 6, answer.stderr
    assert "preparing it" not in answer.stderr


def test_a_bad_space_over_models_is_said_before_any_base_is_prepared(place):
    answer = tune(place, *DATA, "tune=auto", "model=mlp")
    assert answer.returncode == 2
    assert "model=mlp collides with model=mlp, transformer" in answer.stderr
    assert not (place / "store").exists()
    (proposed,) = re.findall(r"or write '(.*)' for", answer.stderr)
    answer = tune(place, *DATA, "tune=auto", proposed, "trainer.max_epochs=1", "trainer.accelerator=cpu", trials=1)
    assert [run.model for run in runs(place)] == ["mlp"], answer.stderr

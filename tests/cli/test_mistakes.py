"""What newcomers mistype, in every command: one sentence that names it and says what to do, and nothing is changed."""

import re

import pytest
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import MissingConfigException

from helpers.place import files_below
from helpers.scripts import call
from libelle.cli.command import _is_of_hydra
from libelle.cli.mistakes import explain

RUN = "2026-11-23_1"

#: Script, arguments, and what the sentence names.
MISTAKES = [
    # Options of groups and keys that do not exist, or belong elsewhere.
    ("train.py", ["model=mpl"], ["model=mpl", "did you mean mlp?", "transformer"]),
    ("train.py", ["modle=mlp"], ["modle", "did you mean model?", "data"]),
    ("train.py", ["model="], ["model=", "logreg"]),
    ("train.py", ["cleaner=[accents,lowercas]"], ["lowercas ", "did you mean lowercase?"]),
    ("train.py", ["cleaner=accents,lowercase"], ["'cleaner=[accents,lowercase]'"]),
    ("train.py", ["--multirun", "model=mlp,transfromer"], ["transfromer", "did you mean transformer?"]),
    ("train.py", ["model=mlp,transformer"], ["model=mlp,transformer", "--multirun"]),
    ("train.py", ["tune=mpl"], ["tune=mpl", "did you mean mlp?"]),
    ("train.py", ["data.pth=forms.csv"], ["data.pth", "did you mean data.path", "data=csv"]),
    (
        "train.py",
        ["data.path=forms.csv", "data.target=non_codable"],
        ["data.path", "data=bi", "add for instance data=csv"],
    ),
    ("train.py", ["data=csv", "data.url=x"], ["data.url", "data=sql"]),
    ("train.py", ["model.C=3"], ["model.C", "model=mlp", "model=logreg"]),
    ("train.py", ["trainer.max_epoch=3"], ["did you mean trainer.max_epochs?"]),
    ("train.py", ["max_epochs=3"], ["did you mean trainer.max_epochs?"]),
    ("train.py", ["lr=0.1"], ["did you mean model.optimizer.lr?"]),
    ("train.py", ["tune=mlp", "model.lr=0.1"], ["did you mean model.optimizer.lr?"]),
    ("train.py", ["hydra.sweeper.max_trials=3"], ["hydra.sweeper.max_trials", "add for instance tune="]),
    ("train.py", ["hydra/launcher=jobib"], ["did you mean joblib?"]),
    ("train.py", ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "modle=mlp"], ["did you mean model?"]),
    (
        "train.py",
        ["tune=mlp", "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=600", "hydra.sweeper.n_job=4"],
        ["hydra.sweeper.n_job is not a key", "did you mean hydra.sweeper.n_jobs?"],
    ),
    ("train.py", ["hydra/launcher=joblib", "hydra.launcher.n_job=2"], ["did you mean hydra.launcher.n_jobs?"]),
    ("train.py", ["hydra.launcher.cpus=2"], ["hydra.launcher.cpus is not a key", "has no keys here; leave"]),
    ("train.py", ["+seed=3"], ["+seed=3", "leave out the +"]),
    ("train.py", ["~callbacks.early_stoping"], ["did you mean callbacks.early_stopping?"]),
    ("train.py", ["~sampler=3"], ["~sampler=3: 3 is no option of sampler", "write ~sampler"]),
    ("train.py", ["~data"], ["data is not set"]),
    ("train.py", ["~data", "data=csv"], ["data is not set"]),
    ("train.py", ["~cleaner"], ["cleaner is not set"]),
    ("train.py", ["data=[]"], ["data=[] is a list, and data takes one option", "diaries"]),
    ("train.py", ["--multirun", "model=[mlp,svm]"], ["model=[mlp,svm] is a list", "transformer"]),
    ("train.py", ["cleaner=[]"], ["cleaner=[] names no option", "none"]),
    ("train.py", ["data.split.seed=-5"], ["data.split.seed", "write a number of at least 0."]),
    ("runtime.py", ["~store", "text=x"], ["store is not set", "store=local"]),
    ("runs.py", ["list", "store=[]"], ["store=[] is a list", "local, minio"]),
    ("train.py", ["model=null"], ["model=null", "names no option", "logreg"]),
    ("train.py", ["cleaner=[1]"], ["cleaner=1 does not exist", "french"]),
    ("threshold.py", ["+process=false"], ["process=false is not for", "threshold.py"]),
    ("train.py", ["x" * 300], ["is not key=value"]),
    ("runs.py", ["list", f"hydra.run.dir={'x' * 300}"], ["hydra.run.dir", "File name too long"]),
    ("train.py", ["--config-name=nothing"], ["The command line does not fit: Cannot find primary config 'nothing'"]),
    ("publish.py", ["-sc", "name=forms"], ["-sc install=bash"]),
    ("runs.py", ["--package", "list"], ["--cfg job --package list"]),
    ("train.py", ["text=x"], ["text", "runtime.py"]),
    ("runtime.py", ["precision=0.8"], ["precision", "threshold.py"]),
    ("runtime.py", ["rs_x=DUPONT"], ["rs_x", "record.<field>="]),
    ("runtime.py", ["model=mlp", "text=x"], ["model=mlp", "store"]),
    ("runs.py", ["list", "store=mino"], ["store=mino", "did you mean minio?"]),
    ("runs.py", ["list", "staus=failed"], ["staus", "status"]),
    # Keys of some of the models among which a sweep chooses.
    ("train.py", ["tune=auto", "model.rounds=3"], ["""'model.rounds=tag("model=xgboost", choice(3))'"""]),
    ("train.py", ["tune=auto", "model=choice(svm)", "model.C=1"], ["""'model.C=tag("model=svm", choice(1))'"""]),
    ("train.py", ["-m", "model=xgboost,svm", "model.rounds=3"], ["model.rounds", "model=svm, which the sweep has"]),
    # Dashes.
    ("train.py", ["--model=mlp"], ["--model=mlp", "without dashes: model=mlp"]),
    ("train.py", ["--multirum", "seed=1,2"], ["--multirum", "did you mean --multirun?"]),
    ("train.py", ["--cfg"], ["--cfg", "one argument"]),
    ("train.py", ["--resolve"], ["--resolve", "--cfg job"]),
    ("train.py", ["--multirun", "--cfg", "job"], ["--multirun", "--cfg", "leave one of them out"]),
    # Words without a key, and what a shell makes of blanks and quotes.
    ("train.py", ["mlp"], ["model=mlp"]),
    ("train.py", ["forms.csv"], ["data=csv data.path=forms.csv data.target="]),
    ("train.py", ["data.path=", "forms.csv"], ["write data.path=forms.csv"]),
    ("train.py", ["seed", "=3"], ["write seed=3"]),
    ("train.py", ["seed =3"], ["seed =3", "blanks"]),
    ("train.py", ["seed==3"], ["write seed=3"]),
    ("train.py", [""], ["empty argument"]),
    ("runtime.py", ["text=Two", "short", "words"], ['text="Two short words"']),
    ("runtime.py", ["record.job=chef", "d'équipe"], ['record.job="chef d\'équipe"']),
    ("runtime.py", ["forms.csv"], ["input=forms.csv"]),
    ("runtime.py", [RUN, "text=x"], [f"run_id={RUN}"]),
    ("publish.py", [RUN], [f"run_id={RUN}"]),
    ("threshold.py", [RUN, "f=1"], [f"run_id={RUN}"]),
    ("runs.py", [RUN], [f"show {RUN}"]),
    ("runs.py", ["note", RUN, "text=a", "note"], ['text="a note"']),
    ("train.py", ["seed=“3”"], ["seed=“3”", "curly quotes"]),
    # Values.
    ("threshold.py", ["precision=0,9"], ["decimal comma", "precision=0.9"]),
    ("train.py", ["model.dropout=0,3"], ["decimal comma", "model.dropout=0.3"]),
    ("train.py", ["seed=1,2"], ["seed=1,2", "--multirun"]),
    ("train.py", ["seed=x"], ["seed=x", "whole number"]),
    ("train.py", ["seed="], ["seed=", "whole number"]),
    ("train.py", ["seed=${x}"], ["seed=${x}", "write the value itself"]),
    ("train.py", ["seed=???"], ["seed is not set"]),
    ("train.py", ["seed=\udcff"], ["seed", "UTF-8"]),
    ("train.py", ["model.hidden=[512,"], ["model.hidden=[512,", "list"]),
    ("train.py", ["hydra.mode=x"], ["hydra.mode=x", "MULTIRUN"]),
]


@pytest.mark.parametrize(("launcher", "extra"), [("ray", "ray"), ("submitit_slurm", "slurm"), ("joblib", "sweeper")])
def test_a_launcher_that_is_not_installed_is_said_with_its_extra(launcher, extra):
    error = MissingConfigException("", f"hydra/launcher/{launcher}", ["basic"])
    sentence = explain("train", [f"hydra/launcher={launcher}", "tune=mlp"], error)
    assert f"hydra/launcher={launcher}" in sentence
    assert f"pip install 'libelle[{extra}]'" in sentence


def one_sentence(place, script, arguments):
    before = files_below(place / "store")
    answer = call(script, *arguments, cwd=place)
    assert answer.returncode == 2, answer.stderr
    assert answer.stdout == ""
    (sentence,) = answer.stderr.strip().splitlines()
    assert "libelle-raw" not in sentence
    assert files_below(place / "store") == before
    return sentence


@pytest.mark.parametrize(("script", "arguments", "words"), MISTAKES, ids=lambda value: ascii(value)[:50])
def test_a_mistyped_command_line_is_one_sentence_and_status_2(tmp_path, script, arguments, words):
    sentence = one_sentence(tmp_path, script, arguments)
    assert [word for word in words if word not in sentence] == [], sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("script", "arguments", "words"),
    [
        ("runtime.py", [], ["text="]),
        ("runtime.py", ["record.nothing=x"], ["record.nothing", "rs_x"]),
        ("runtime.py", ["run_id=20261123_1", "text=x"], ["run_id=20261123_1", "2026-11-23_4"]),
        ("runtime.py", ["run_id=2020-01-01_1", "text=x"], ["2020-01-01_1"]),
        ("runtime.py", ["input=nowhere.csv"], ["nowhere.csv"]),
        ("runtime.py", ["input="], ["input= is empty"]),
        ("runtime.py", ["input=forms.csv", "output="], ["output= is empty"]),
        ("runtime.py", ["published=nothing", "text=x"], ["published=nothing"]),
        ("train.py", ["data=csv"], ["data.path"]),
        ("train.py", ["data=csv", "data.path=nowhere.csv", "data.target=x"], ["nowhere.csv"]),
        ("train.py", ["data=csv", "data.path=forms.csv", "data.target=nothing"], ["nothing", "non_codable"]),
        ("train.py", ["data=csv", "data.path=forms.csv", "data.target=rs_x", "data.delimiter=;"], ["data.delimiter"]),
        ("train.py", ["mode=train"], ["mode=prepare"]),
        ("train.py", ["data=sql", "data.url=postgresql://u:pw@h/d", "data.query=SELECT 1"], ["data.url", "password"]),
        ("train.py", ["callbacks.early_stopping.patience=abc"], ["callbacks.early_stopping"]),
        # As of a shell's variable that is not set: nothing else is scored, judged, published or served in its place.
        ("runtime.py", ["run_id=", "text=x"], ["run_id= is not a run id"]),
        ("runtime.py", ["run_id=", "input=forms.csv", "output=scores/"], ["run_id= is not a run id"]),
        ("threshold.py", ["run_id=", "f=1"], ["run_id= is not a run id"]),
        ("serve.py", ["published="], ["published= is empty"]),
        ("publish.py", ["run_id=2020-01-01_1"], ["2020-01-01_1"]),
        ("threshold.py", ["run_id=2020-01-01_1", "f=1"], ["2020-01-01_1"]),
        ("threshold.py", [], ["precision=0.8"]),
        ("threshold.py", ["precision=0.8", "recall=0.8"], ["one of"]),
        ("threshold.py", ["cost.fp=5"], ["cost.fn"]),
        ("threshold.py", ["f=1", "confidence=0.9"], ["confidence=0.9"]),
        ("threshold.py", ["precision=1.8"], ["precision=1.8"]),
        ("threshold.py", ["accuracy=0.8"], ["run_id=20", "_1: accuracy=0.8", "more than two labels", "with run_id="]),
        (
            "threshold.py",
            ["precision=1", "confidence=0.999"],
            ["run_id=20", "_1: precision=1 is not reached", "ask for"],
        ),
        ("runs.py", ["show", "2020-01-01_1"], ["2020-01-01_1"]),
        ("runs.py", ["lst"], ["lst", "list"]),
        ("runs.py", ["list", "status=done"], ["status=done", "running, lost, completed, failed, deleted"]),
        ("runs.py", ["show"], ["one run id", "0 were given"]),
        ("runs.py", ["delete"], ["one run id or more"]),
        ("runs.py", ["delete", "2020-01-01_1"], ["2020-01-01_1"]),
    ],
)
def test_a_mistake_about_data_and_runs_is_one_sentence_and_status_2(place, script, arguments, words):
    sentence = one_sentence(place, script, arguments)
    assert all(word in sentence for word in words)


def test_an_empty_name_is_not_the_one_of_the_data(place, run_id):
    assert "name= may hold letters" in one_sentence(place, "publish.py", [f"run_id={run_id}", "threshold=0.5", "name="])


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["--multirun", "model=logreg,naive_bayes"], "set hydra.sweep.dir to a folder elsewhere."),
        (["--multirun", "seed=1,2", "hydra.sweep.dir=sweeps/new"], "correct hydra.sweep.dir, or leave it out."),
        (["hydra.run.dir=sweeps/new"], "correct hydra.run.dir, or leave it out."),
    ],
)
def test_a_folder_of_hydras_that_cannot_be_made_is_named_with_its_key(tmp_path, arguments, remedy):
    (tmp_path / "sweeps").touch()
    sentence = one_sentence(tmp_path, "train.py", arguments)
    assert re.fullmatch(r"Hydra cannot make its folder \S*sweeps\S* \(.*\); (.*)", sentence)[1] == remedy


def test_a_job_of_a_sweep_that_fails_says_so_without_a_word_of_hydras(place):
    sweep = ["--multirun", "data=csv", "data.path=nowhere.csv", "data.target=x", "seed=1,2", "model=logreg"]
    answer = call("train.py", *sweep, cwd=place)
    assert answer.returncode == 2
    assert "Error executing job" not in answer.stderr
    assert "nowhere.csv" in answer.stderr.strip().splitlines()[-1]
    for job in (0, 1):
        assert f"job {job} (seed={job + 1}) failed: The file nowhere.csv does not exist" in answer.stderr


def test_a_sweep_without_a_store_has_no_table_and_ends_with_its_sentence(place):
    answer = call("train.py", "--multirun", "model=naive_bayes", "~store", "seed=1,2", cwd=place)
    assert answer.returncode == 2
    assert answer.stderr.strip().splitlines()[-1] == "store is not set; give it a value."


def test_a_job_that_fails_in_another_process_says_its_own_sentence(tmp_path):
    sweep = ["--multirun", "data=csv", "data.path=nowhere.csv", "data.target=x", "seed=1,2", "model=logreg"]
    answer = call("train.py", *sweep, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", cwd=tmp_path)
    assert answer.returncode == 2
    assert answer.stderr.strip().splitlines()[-1] == "The file nowhere.csv does not exist; check the path."


def test_a_defect_of_a_job_in_another_process_is_none_of_the_command_line():
    returned = JobReturn(status=JobStatus.FAILED)
    returned.return_value = KeyError("field")
    hydra = {"__name__": "hydra.main", "returned": returned}
    exec("def main():\n    return returned.return_value", hydra)
    with pytest.raises(KeyError) as caught:
        hydra["main"]()
    assert not _is_of_hydra(caught.value)


def test_the_job_of_a_sweep_that_fails_is_said_with_what_was_drawn(place):
    drawn = "data.path=choice('no where.csv',forms.csv)"
    sweep = ["--multirun", "data=csv", drawn, "data.target=non_codable", "model=naive_bayes", "data.columns=rs_x"]
    answer = call("train.py", *sweep, cwd=place)
    assert answer.returncode == 2
    assert "job 0 (data.path=no where.csv) failed: The file no where.csv does not exist" in answer.stderr
    assert "job 1" not in answer.stderr
    assert answer.stderr.strip().splitlines()[-1] == "The file no where.csv does not exist; check the path."
    (row,) = [line for line in answer.stdout.splitlines() if "naive_bayes" in line]
    assert "completed" in row


@pytest.mark.parametrize("arguments", [["tune=mine"], ["tune=mine", "data=csv", "data.target=x", "data.path=a, b.csv"]])
def test_a_file_of_ones_own_that_is_no_yaml_is_named_with_the_line(arguments, tmp_path):
    (tmp_path / "own" / "tune").mkdir(parents=True)
    (tmp_path / "own" / "tune" / "mine.yaml").write_text("# @package _global_\na: 1\n\tb: 2\n", encoding="utf-8")
    answer = call("train.py", "--config-dir", str(tmp_path / "own"), *arguments, cwd=tmp_path)
    assert answer.returncode == 2, answer.stderr
    assert re.fullmatch(r"\S*mine\.yaml, line 3 is no YAML: .*; correct the file\.\n", answer.stderr), answer.stderr


@pytest.mark.parametrize(
    ("folder", "named"), [("là", ["--config-dir", "là"]), ("own", ["hydra.searchpath=[file://own]"])]
)
def test_options_of_ones_own_are_known(folder, named, tmp_path):
    (tmp_path / folder / "data").mkdir(parents=True)
    (tmp_path / folder / "data" / "mine.yaml").write_text(
        "defaults:\n  - csv\n  - _self_\ntarget: x\n", encoding="utf-8"
    )
    for arguments, sentence in (
        (["data=mien"], "data=mien does not exist; did you mean mine?"),
        (["data=mine", "model=mpl"], "model=mpl does not exist; did you mean mlp?"),
        (["data=mine", "data.pth=x"], "data.pth is not a key; did you mean data.path?"),
        (["data=mine", "data.path=a, b.csv"], "The file a, b.csv does not exist"),
    ):
        answer = call("train.py", *named, *arguments, cwd=tmp_path)
        assert answer.returncode == 2
        assert answer.stderr.startswith(sentence), answer.stderr


@pytest.mark.parametrize(
    ("script", "arguments", "key"),
    [
        ("train.py", ["--cfg", "job", "seed=1", "model=mlp", "++seed=2", "model=mlp"], "seed"),
        ("train.py", ["--cfg", "job", "model=logreg", "model=svm"], "model"),
        ("runtime.py", ["record.job=a, b", "record.job=c, d"], "record.job"),
        ("runs.py", ["list", "status=failed", "status=lost"], "status"),
    ],
)
def test_a_key_that_is_given_twice_is_warned_of(script, arguments, key, tmp_path):
    said = call(script, *arguments, cwd=tmp_path).stderr
    sentence = f"{key}= is given more than once; the last one counts, so leave the others out"
    assert said.splitlines()[0] == sentence
    assert said.count("more than once") == 1


def test_two_spaces_of_a_key_with_tags_that_exclude_each_other_are_no_mistake(tmp_path):
    spaces = ['sampler=tag("model=logreg", choice(none))', 'sampler=tag("model=svm", choice(none))']
    said = call("train.py", "tune=auto", "model=choice(logreg,svm)", *spaces, "modle=mlp", cwd=tmp_path).stderr
    assert said.startswith("modle is not a key"), said

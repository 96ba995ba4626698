"""The command `libelle`: what the scripts do, under one name, and how both propose what to type next."""

import json
import re
import shlex

import pytest

from helpers.scripts import CONF, call, call_libelle
from helpers.tiny import make_forms

COMMANDS = ("train", "check", "runtime", "threshold", "publish", "serve", "runs")

FORMS = ["data=csv", "data.path=forms.csv", "data.id=form", "data.columns=employer,job", "data.target=label"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with forms.csv, and what `libelle train` printed there."""
    folder = tmp_path_factory.mktemp("place")
    make_forms().to_csv(folder / "forms.csv", index=False)
    answer = call_libelle("train", *FORMS, "model=logreg", cwd=folder)
    assert answer.returncode == 0, answer.stderr
    (folder / "printed.txt").write_text(answer.stdout)
    return folder


def proposals(printed):
    """Program, without its folder, and command of each line under `Next:`."""
    lines = map(shlex.split, printed.partition("Next:\n")[2].splitlines())
    return [(program.rpartition("/")[2], name) for program, name, *_ in lines]


def kept(place, pattern):
    (path,) = place.glob(f"store/runs/*/1/{pattern}")
    return path.read_text()


def test_libelle_train_proposes_libelle(place):
    assert proposals((place / "printed.txt").read_text()) == [
        ("libelle", "runtime"),
        ("libelle", "threshold"),
        ("libelle", "publish"),
    ]
    assert "libelle threshold run_id=" in kept(place, "*.report.html")


def test_the_manifest_says_how_the_run_was_called(place):
    assert json.loads(kept(place, "*.manifest.json"))["command"] == shlex.join(
        ["libelle", "train", *FORMS, "model=logreg"]
    )


def test_libelle_runs_lists_and_libelle_runtime_scores(place):
    assert "logreg" in call_libelle("runs", "list", "status=completed", cwd=place).stdout
    answer = call_libelle("runtime", "record.job=a, b = ${c}", "format=json", cwd=place)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)[0]["label"] in ("0", "1")


@pytest.mark.slow
def test_jobs_of_a_sweep_are_called_as_the_sweep_was(place, tmp_path):
    store = f"store.root={tmp_path}"
    answer = call_libelle("train", "--multirun", *FORMS, "model=logreg", "seed=1,2", store, cwd=place)
    assert answer.returncode == 0, answer.stderr
    manifests = [json.loads(path.read_text()) for path in tmp_path.glob("runs/*/*/*.manifest.json")]
    called = [shlex.split(manifest["command"]) for manifest in manifests]
    assert sorted((words[:2], words[-2]) for words in called) == [(["libelle", "train"], f"seed={n}") for n in (1, 2)]


def test_a_mistake_is_one_sentence_that_proposes_what_was_called(tmp_path):
    for caller, proposed in (
        (lambda: call_libelle("runtime", "text=x", cwd=tmp_path), "train one with libelle train."),
        (lambda: call("runtime.py", "text=x", cwd=tmp_path), "train one with python train.py."),
        (
            lambda: call("runtime.py", "text=x", "store.root=b", cwd=tmp_path),
            f"train one with python train.py store.root={tmp_path / 'b'}.",
        ),
        (lambda: call_libelle("runs", "dif", cwd=tmp_path), "libelle runs dif is not known"),
    ):
        answer = caller()
        assert answer.returncode == 2
        assert len(answer.stderr.splitlines()) == 1
        assert proposed in answer.stderr


def test_an_unknown_command_is_one_sentence(tmp_path):
    answer = call_libelle("trian", "model=mlp", cwd=tmp_path)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == (
        "libelle trian is not a command; did you mean train? "
        "The commands are train, check, runtime, threshold, publish, serve, runs.\n"
    )


def test_help_lists_the_commands_one_line_each(tmp_path):
    answer = call_libelle("--help", cwd=tmp_path)
    assert answer == call_libelle(cwd=tmp_path)
    for name in COMMANDS:
        assert any(line.startswith(f"  libelle {name}  ") for line in answer.stdout.splitlines()), name


def test_version_is_that_of_the_package(tmp_path):
    assert call_libelle("--version", cwd=tmp_path).stdout == "libelle 0.1.0\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_help_page_shows_its_own_groups_alone_and_says_how_it_was_called(tmp_path, name):
    every = {path.name for path in CONF.iterdir() if path.is_dir()}
    groups = {"train": every, "check": {"data"}}.get(name, {"store"})
    by_libelle = call_libelle(name, "--help", cwd=tmp_path)
    by_script = call(f"{name}.py", "--help", cwd=tmp_path)
    assert by_libelle.returncode == by_script.returncode == 0
    listed = by_libelle.stdout.partition("(group=option")[2].split("\n\n")[1]
    assert {line.partition(": ")[0] for line in listed.splitlines()} == groups
    assert f"  libelle {name} " in by_libelle.stdout
    assert ".py" not in by_libelle.stdout
    assert by_script.stdout == re.sub(rf"libelle ({'|'.join(COMMANDS)})", r"python \1.py", by_libelle.stdout)


def test_the_config_is_that_of_the_script(tmp_path):
    options = ["--cfg", "job", "model=svm", "data=diaries"]
    assert call_libelle("train", *options, cwd=tmp_path) == call("train.py", *options, cwd=tmp_path)


def test_the_job_has_the_name_of_the_command(tmp_path):
    answer = call_libelle("threshold", "--cfg", "hydra", "--package", "hydra.job", cwd=tmp_path)
    assert "name: threshold" in answer.stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("libelle ", "train check runtime threshold publish serve runs"),
        ("libelle thr", "train check runtime threshold publish serve runs"),
        ("libelle train model=logr", "model=logreg model=logreg_cv"),
        ("libelle runs store=", "store=local store=minio"),
    ],
)
def test_a_tab_completes_commands_and_their_options(tmp_path, monkeypatch, line, expected):
    monkeypatch.setenv("COMP_LINE", line)
    answer = call_libelle("-sc", "query=bash", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == expected

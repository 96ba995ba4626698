"""The commands that are proposed run as they are pasted, whatever the data are like."""

import os
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from helpers.scripts import ROOT, call
from libelle.cli.next_commands import CHARACTERS, example, print_next, publication_arguments

TEXTS = ['l\'"Étoile"', "$HOME `ls` \\ ; rm", "a = b, {c} [d] ${x}", "-- ??? # \u00a0 !", "«œuf» | & > x"]


@pytest.fixture
def place(tmp_path):
    """A folder like a checkout, with forms whose texts, names and labels a shell would take apart."""
    for script in ("train.py", "runtime.py", "threshold.py", "publish.py", "conf"):
        (tmp_path / script).symlink_to(ROOT / script)
    rows = [(TEXTS[number % 5], f"{TEXTS[(number + 2) % 5]} {number}", "xyz"[number % 3]) for number in range(150)]
    table = pd.DataFrame(rows, columns=["nom d'employeur", "métier $1", "code"])
    table.to_csv(tmp_path / "mes formes.csv", index=False)
    return tmp_path


def proposed(printed: str) -> list[str]:
    _, _, lines = printed.partition("Next:\n")
    return [line.strip() for line in lines.splitlines() if ".py " in line]


def paste(line: str, place: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(["bash", "-c", line], cwd=place, capture_output=True, encoding="utf-8", env=environment)
    assert done.returncode == 0, f"{line}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("labels", [2, 3])
def test_what_is_proposed_runs_as_it_is_pasted(place, labels):
    table = pd.read_csv(place / "mes formes.csv")
    table[table["code"].isin(list("xyz"[:labels]))].to_csv(place / "mes formes.csv", index=False)
    arguments = ["data=csv", "data.path=mes formes.csv", "data.name=les miens", "data.target=code"]
    trained = call("train.py", *arguments, "model=naive_bayes", "store.root=my_store", cwd=place)
    assert trained.returncode == 0, trained.stderr
    score, threshold, publish = proposed(trained.stdout)
    assert "Boulangerie" not in score
    assert "text=" in score
    assert "record." in score
    assert ("accuracy=" in threshold) is (labels > 2)
    paste(score, place)
    again_publish, again_score = proposed(paste(threshold, place))
    assert again_publish == publish
    assert again_score == score
    (served,) = proposed(paste(publish, place))
    assert "published=les_miens" in served
    paste(served, place)


def test_the_store_is_kept_however_it_was_typed(capsys):
    print_next(Console(), ["store=minio", "++store.bucket=b", "seed=2"], ["publish", "run_id=2026-11-23_1"])
    assert capsys.readouterr().out.strip().endswith("publish.py run_id=2026-11-23_1 store=minio ++store.bucket=b")


def test_the_record_fills_few_fields_with_short_texts():
    words = " ".join(["mot"] * 60)
    records = [
        {"a": None, "b": "x", "c": "x", "d": "x"},
        {"a": f"{words}\n\x00fin", "b": None, "c": "deux", "d": "x"},
        {"a": "un", "b": None, "c": "deux", "d": "trois"},
        {"a": "un", "b": " ", "c": None, "d": "trois"},
    ]
    assert example(records, "a") == ["text=un", "record.c=deux", "record.d=trois"]
    (text, *_) = example(records[1:2], "a")
    assert text.removeprefix("text=") == words[:CHARACTERS].rpartition(" ")[0]
    assert example([{"a": "un", "b=c": "deux"}], "a") == ["text=un"]
    (fallback,) = example([{"a": None}], "a")
    assert fallback.startswith("text=")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("forms", None),
        ("mes données", "mes_donnees"),
        ("2026-11-23_1", "model"),
        ("…", "model"),
        (None, "model"),
    ],
)
def test_a_run_is_published_under_a_name_that_can_be_one(data, name):
    expected = ["run_id=2026-11-23_4", *([] if name is None else [f"name={name}"])]
    assert publication_arguments("2026-11-23_4", data) == expected

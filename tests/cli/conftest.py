import json

import pytest

from helpers.place import train_arguments, write_labelled
from helpers.scripts import call


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with forms.csv, and one run trained on it."""
    folder = tmp_path_factory.mktemp("place")
    write_labelled(folder, 400)
    answer = call("train.py", *train_arguments(), cwd=folder)
    assert answer.returncode == 0, answer.stderr
    (folder / "first.txt").write_text(answer.stdout)
    return folder


@pytest.fixture(scope="module")
def run_id(place):
    (manifest,) = (place / "store" / "runs").glob("*/1/*.manifest.json")
    return json.loads(manifest.read_text())["run_id"]

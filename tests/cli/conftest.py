import json

import pytest

from helpers.place import FIELDS, train_arguments
from helpers.scripts import call
from libelle.data.census import sample as bi


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with forms.csv, and one run trained on it."""
    folder = tmp_path_factory.mktemp("place")
    forms = bi.generate(400, seed=5)
    forms["non_codable"] = (forms["siretm"].isna() & forms["siretc"].isna()).map({True: "yes", False: "no"})
    forms[["cabbi", *FIELDS, "non_codable"]].to_csv(folder / "forms.csv", index=False)
    answer = call("train.py", *train_arguments(), cwd=folder)
    assert answer.returncode == 0, answer.stderr
    (folder / "first.txt").write_text(answer.stdout)
    return folder


@pytest.fixture(scope="module")
def run_id(place):
    (manifest,) = (place / "store" / "runs").glob("*/1/*.manifest.json")
    return json.loads(manifest.read_text())["run_id"]

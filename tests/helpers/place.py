"""What is done in a folder with `forms.csv` and a store."""

import json

from helpers.scripts import call
from libelle.data.census import sample as bi

FIELDS = ["rs_x", "clt_x", "profs_x", "actet_x"]


def files_below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def write_labelled(folder, size):
    """Write `forms.csv`, with the columns that `train_arguments` names."""
    forms = bi.generate(size, seed=5)
    forms["non_codable"] = (forms["siretm"].isna() & forms["siretc"].isna()).map({True: "yes", False: "no"})
    forms[["cabbi", *FIELDS, "non_codable"]].to_csv(folder / "forms.csv", index=False)


def train_arguments(**changes):
    values = {
        "data": "csv",
        "data.path": "forms.csv",
        "data.id": "cabbi",
        "data.columns": ",".join(FIELDS),
        "data.target": "non_codable",
        "trainer.max_epochs": "2",
        **changes,
    }
    return [f"{key}={value}" for key, value in values.items()]


def scores(*arguments, cwd, stdin=""):
    answer = call("runtime.py", *arguments, "format=json", cwd=cwd, stdin=stdin)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def run_file(place, run_id, name):
    day, number = run_id.split("_")
    return place / "store" / "runs" / day / number / f"{run_id}.{name}"

import pytest

from helpers.place import FIELDS, train_arguments, write_labelled
from helpers.scoring import filled, without_workers
from helpers.scripts import call
from libelle.data.census import sample as bi

#: A record over two lines, one that is too short, and a blank line.
HARD = '"BI2","STE\nDUPONT",NICE,CUISINIER,\nBI3,trop,court\n\nBI4,MAIRIE,LYON,MAÇON,\n'


def write_forms(folder) -> None:
    """Four CSV files of forms, one of which has records that are hard to read."""
    (folder / "forms").mkdir()
    forms = bi.generate(160, seed=6)[["cabbi", *FIELDS]]
    for number in range(4):
        path = folder / "forms" / f"{number}.csv"
        forms[40 * number : 40 * number + 40].to_csv(path, index=False)
    with path.open("a") as file:
        file.write(HARD)


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A folder with `forms/`, and a run of a model that loads quickly."""
    folder = tmp_path_factory.mktemp("place")
    write_labelled(folder, 300)
    arguments = [argument for argument in train_arguments() if not argument.startswith("trainer")]
    answer = call("train.py", *arguments, "model=logreg", cwd=folder)
    assert answer.returncode == 0, answer.stderr
    write_forms(folder)
    return folder


@pytest.fixture
def score(place, monkeypatch):
    """Scores into a folder, without workers, and gives back how the command ended."""
    without_workers(monkeypatch)
    return lambda *arguments: call("runtime.py", *arguments, cwd=place)


@pytest.fixture
def bucket(place, session_moto, monkeypatch):
    """A bucket with forms and the model, on a server that is a library."""
    for name, value in session_moto.credentials.items():
        monkeypatch.setenv(name, value)
    return filled(session_moto, place)

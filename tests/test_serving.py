"""What is published loads with the serving libraries alone."""

import subprocess
import sys
from pathlib import Path

from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore

TRAINING_ONLY = ("hydra", "omegaconf", "pytorch_lightning", "torch", "torchmetrics", "sklearn", "rich", "sqlalchemy")

CODE = """
import sys
import libelle
assert "torch" not in sys.modules and "pandas" not in sys.modules, "import libelle is not free"
from libelle.stores.local import LocalStore
from libelle.stores.minio import MinioStore
pipeline = libelle.Pipeline.load("forms", LocalStore(sys.argv[1]))
print(pipeline.predict([{"employer": "STE DUPONT", "job": "maçon"}])["score"][0])
print(*{name.split(".")[0] for name in sys.modules} & set(sys.argv[2:]))
"""


def test_a_published_model_imports_nothing_of_training(trained: tuple[LocalStore, str]) -> None:
    store, run_id = trained
    publish(store, Run.open(store, RunId.parse(run_id)), "forms", threshold=0.5)
    answer = subprocess.run(
        [sys.executable, "-c", CODE, str(Path(store.root).resolve()), *TRAINING_ONLY],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    score, imported = answer.stdout.split("\n")[:2]
    assert 0 <= float(score) <= 1
    assert imported == ""

"""docs/spark.md works as written, on Spark and Dask workers that are processes of their own."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from helpers.scripts import ROOT, call
from helpers.tiny import make_forms, tiny_plan
from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.training.workflow import full

PAGE = (ROOT / "docs" / "spark.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
#: Path → content, of the files that the page shows.
FILES = dict(re.findall(r"^`(\w+\.py)`[^\n]*\n\n```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE))
ENVIRONMENT = ROOT / ".venv-spark"
PYTHON = ENVIRONMENT / "bin" / "python"
#: Two make-believe machines of one core each, whose executors are processes of their own.
MACHINES = "local-cluster[2,1,1024]"
#: A task for each file, and several batches a task.
OPTIONS = (
    "--conf spark.ui.enabled=false --conf spark.sql.files.maxPartitionBytes=100000 "
    "--conf spark.sql.execution.arrow.maxRecordsPerBatch=40"
)
#: Java that starts soon and stays small.
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
#: Added to what the workers run: each load is a letter in a file that the process's id names.
COUNTED = """
import os
from pathlib import Path

from libelle.loading import load_published as loading

def load_and_count(*arguments):
    with Path("{place}", f"loads-{{os.getpid()}}").open("a") as file:
        file.write("x")
    return loading(*arguments)

libelle.load_published = load_and_count
"""
#: A cluster on this machine, in place of the page's.
DASK = """
from pathlib import Path

from dask.distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        code = Path("score_with_dask.py").read_text().replace("scheduler.example.org:8786", cluster.scheduler_address)
        exec(compile(code, "docs/spark.md", "exec"))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ENVIRONMENT / "holds").exists(), reason="docs/spark.md needs Spark and Dask: .ci/spark"),
]
needs_java = pytest.mark.skipif(not shutil.which("java"), reason="Spark needs Java: .ci/servers")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the page finds in /mnt/share, and the page's files."""
    folder = tmp_path_factory.mktemp("share")
    plan = tiny_plan(folder)
    publish(plan.store, Run.open(plan.store, RunId.parse(full(plan).run_id)), "forms", threshold=0.5)
    forms = make_forms(300, seed=2)
    forms.loc[5, ["employer", "job"]] = ['Café "Le Port"', "chef\nde cuisine, gérant"]
    (folder / "forms.parquet").mkdir()
    for part in range(6):
        forms.iloc[part * 50 : (part + 1) * 50].to_parquet(folder / "forms.parquet" / f"{part}.parquet")
    forms.to_csv(folder / "whole.csv", index=False)
    for name, content in FILES.items():
        (folder / name).write_text(here(content, folder), encoding="utf-8")
    with (folder / "scoring.py").open("a", encoding="utf-8") as file:
        file.write(COUNTED.format(place=folder))
    return folder


@pytest.fixture(scope="module")
def expected(place: Path) -> pd.DataFrame:
    """The answers of `runtime.py`, by id."""
    answer = call("runtime.py", "published=forms", "input=whole.csv", "output=expected.parquet", cwd=place)
    assert answer.returncode == 0, answer.stderr
    return pd.read_parquet(place / "expected.parquet").set_index("id")


def here(code: str, folder: Path) -> str:
    """What the page says, with the folder of this test in place of its own."""
    return code.replace("/mnt/share", str(folder))


def run(place: Path, script: str, master: str = MACHINES) -> None:
    """Run a script in the environment that has Spark and Dask."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
        "PYSPARK_PYTHON": str(PYTHON),
        "PYSPARK_SUBMIT_ARGS": f"--master {master} {OPTIONS} pyspark-shell",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_WORKER_DIR": str(place / "work"),
        "JDK_JAVA_OPTIONS": JAVA,
        "DASK_TEMPORARY_DIRECTORY": str(place / "work"),
    }
    done = subprocess.run(
        [PYTHON, script], cwd=place, env=environment, capture_output=True, encoding="utf-8", check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr


def loads(place: Path) -> list[str]:
    """A letter for each load, for each process that loaded; and forget them."""
    files = list(place.glob("loads-*"))
    letters = [file.read_text(encoding="utf-8") for file in files]
    for file in files:
        file.unlink()
    return letters


def require_same(answers: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Each row once, with the answer of `runtime.py`."""
    assert len(answers) == len(expected)
    answers = answers.set_index("id").loc[expected.index]
    assert answers["label"].tolist() == expected["label"].tolist()
    assert (answers["score"] - expected["score"]).abs().max() < 1e-6


@needs_java
def test_spark_scores_each_row_once_and_loads_once_a_worker(place: Path, expected: pd.DataFrame) -> None:
    run(place, "score_forms.py")
    require_same(pd.read_parquet(place / "scores"), expected)
    # The program itself, and two workers for six partitions.
    assert 2 <= len(counts := loads(place)) <= 3
    assert set(counts) == {"x"}


@needs_java
def test_a_model_that_comes_with_the_job_scores_a_csv_file_alike(place: Path, expected: pd.DataFrame) -> None:
    sent, loader = (block for block in BLOCKS if "addArchive" in block or "SparkFiles" in block)
    (read,) = re.findall(r"^    (spark\.read\.csv\(.*\))$", PAGE, flags=re.MULTILINE)
    alone = place / "alone"
    alone.mkdir()
    (alone / "scoring.py").write_text(FILES["scoring.py"] + loader, encoding="utf-8")
    shutil.copy(place / "whole.csv", place / "forms.csv")
    program = FILES["score_forms.py"].replace('scoring.load("forms").name', '"forms-model"')
    program = program.replace('spark.read.parquet("/mnt/share/forms.parquet")', f"{read}.repartition(4)")
    program = program.replace("\nmodel = ", f"\n{sent}\nmodel = ").replace("/mnt/share/scores", "/mnt/share/others")
    assert all(word in program for word in (read, "addArchive", '"forms-model"\n', "/mnt/share/others"))
    (alone / "program.py").write_text(here(program, place), encoding="utf-8")
    run(alone, "program.py", master="local[2]")
    require_same(pd.read_parquet(place / "others"), expected)


def test_dask_scores_each_row_once_and_loads_once_a_worker(place: Path, expected: pd.DataFrame) -> None:
    (place / "cluster.py").write_text(DASK, encoding="utf-8")
    run(place, "cluster.py")
    require_same(pd.read_parquet(place / "dask-scores"), expected)
    assert 2 <= len(counts := loads(place)) <= 3
    assert set(counts) == {"x"}

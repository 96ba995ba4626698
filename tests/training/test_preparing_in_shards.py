"""Data of more rows than a shard lie in files while they are prepared: the same base, in a part of the memory."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.scripts import ROOT, call
from helpers.tiny import make_forms, tiny_plan
from libelle.data.file_source import FileSource
from libelle.data.split import SplitConfig
from libelle.errors import UserError
from libelle.processes.subword import Subword
from libelle.processes.tfidf import Tfidf
from libelle.processes.tokens import Tokens
from libelle.training.plan import Plan
from libelle.training.workflow import prepare

#: Keys of the source → values, beside those of the tiny plan.
SOURCES = {
    "texts": {},
    "row numbers": {"id": None},
    "all kinds": {
        "categorical": "town",
        "numeric": "age",
        "weight": "weight",
        "columns": ["employer", "job", "nothing"],
    },
    "a group": {"split": SplitConfig(group="household"), "slices": "town"},
    "a split column": {"split": SplitConfig(column="part"), "unlabelled": "skip"},
}
PROCESSES = {"tokens": Tokens, "subword": lambda: Subword(vocab_size=80), "tfidf": Tfidf}


def odd_forms(rows: int = 500) -> pd.DataFrame:
    """Forms that repeat, with missing and odd values, two that nobody labelled, and columns for each role."""
    generator = np.random.default_rng(1)
    forms = make_forms(rows)
    forms["employer"] += generator.choice(["", "", " Nord", " 7", " été"], rows)
    forms.loc[generator.random(rows) < 0.2, "employer"] = " "
    forms = pd.concat([forms, forms[:150].assign(form=[f"G{number}" for number in range(150)])], ignore_index=True)
    rows = len(forms)
    forms["age"] = [None if age < 3 else f"{age},5" for age in generator.integers(0, 90, rows)]
    forms["weight"] = generator.integers(1, 4, rows).astype(str)
    forms["nothing"] = None
    forms["household"] = [f"H{number // 3}" for number in range(rows)]
    forms["part"] = generator.choice(["train", "train", "dev", "test"], rows)
    return forms


def base_of(plan: Plan) -> dict[str, bytes]:
    """The files of a plan's base, but for the manifest, which says when it was made."""
    version = prepare(plan)
    folder = Path(plan.store.root, "based", "based", version)  # type: ignore[attr-defined]
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def plan_of(folder: Path, forms: pd.DataFrame, kind: str = "csv", **keys: object) -> Plan:
    path = folder / f"odd.{kind}"
    forms.to_csv(path, index=False) if kind == "csv" else forms.to_parquet(path, index=False)
    plan = tiny_plan(folder)
    assert isinstance(plan.source, FileSource)
    return replace(plan, source=replace(plan.source, **{"path": str(path), **keys}), keep_texts=True)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_base_is_the_same_in_shards_as_in_one_go(tmp_path: Path, source: str, kind: str) -> None:
    forms = odd_forms()
    if "unlabelled" in SOURCES[source]:
        forms.loc[[3, 333], "label"] = None
    plan = plan_of(tmp_path, forms, kind, **SOURCES[source])
    whole, in_shards = base_of(plan), base_of(replace(plan, process=Tokens(), shard_rows=37))
    assert whole.keys() == in_shards.keys()
    assert [name for name, content in whole.items() if content != in_shards[name]] == []


@pytest.mark.parametrize("process", PROCESSES)
def test_every_process_makes_the_same_base_in_shards(tmp_path: Path, process: str) -> None:
    plan = replace(plan_of(tmp_path, odd_forms()), process=PROCESSES[process]())
    assert base_of(plan) == base_of(replace(plan, process=PROCESSES[process](), shard_rows=50))


def test_an_id_that_comes_again_in_another_shard_is_refused(tmp_path: Path) -> None:
    forms = odd_forms()
    forms.loc[[400, 420], "form"] = "F0003"
    with pytest.raises(UserError, match=r"line 402: the id 'F0003' is already in line 5; ids in column 'form'"):
        prepare(replace(plan_of(tmp_path, forms), shard_rows=20))


@pytest.mark.slow
def test_the_number_of_rows_is_a_key(tmp_path: Path) -> None:
    answer = call("train.py", "mode=prepare", "data=bi", "data.size=400", "shard_rows=90", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    answer = call("train.py", "mode=prepare", "data=bi", "data.size=400", "shard_rows=0", cwd=tmp_path)
    assert answer.returncode == 2
    assert "shard_rows" in answer.stderr


#: Prepares in a process of its own; its last line is the most memory that it held, in MB.
MOST = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as stopped:
    assert not stopped.code, stopped.code
(most,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(most) / 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what a process held is Linux' to say")
def test_rows_that_repeat_cost_little_memory(tmp_path: Path) -> None:
    from libelle.data.census.sample import generate

    forms = generate(50_000, seed=1)
    found = []
    for times in (10, 20):
        path = tmp_path / f"{times}.parquet"
        repeated = pd.concat([forms] * times, ignore_index=True)
        repeated.assign(cabbi=[f"B{number}" for number in range(len(repeated))]).to_parquet(path, index=False)
        keys = [f"data.path={path}", "data.id=cabbi", "data.target=[siretm,siretc]", "data.target_rule=all_empty"]
        command = [ROOT / "train.py", "mode=prepare", "data=parquet", *keys, "shard_rows=50000"]
        done = subprocess.run(
            [sys.executable, "-c", MOST, *command],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(json.loads(done.stdout.splitlines()[-1]))
    # In memory it was some 500 bytes a row of new forms, 250 MB here. What is left is the table of rows, of which a
    # million are written at once.
    assert found[1] - found[0] < 150, found

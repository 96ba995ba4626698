"""Preparing data begins in a second or two: nothing that takes seconds to import is imported for it."""

import json
import subprocess
import sys

from helpers.scripts import ROOT

#: Prepares a base, and prints what was imported for it.
CODE = """
import json, runpy, sys
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
print(json.dumps(sorted(sys.modules)))
"""


def test_preparing_imports_nothing_of_training(tmp_path):
    arguments = ["mode=prepare", "data=bi", "data.size=100", "store.root=store", "hydra.run.dir=."]
    answer = subprocess.run(
        [sys.executable, "-c", CODE, str(ROOT / "train.py"), *arguments],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    imported = set(json.loads(answer.stdout.splitlines()[-1]))
    assert not imported & {
        "torch",
        "pytorch_lightning",
        "sklearn",
        "matplotlib",
        "jinja2",
        "scipy.stats",
        "scipy.optimize",
    }

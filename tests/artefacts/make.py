"""Make a tiny run and a tiny published model of this version's formats: python tests/artefacts/make.py.

They go into `tests/artefacts/<version of the formats>/`, are committed once, and never made again: every later version
must load them and score them equally, which `test_artefacts.py` checks.
"""

import logging
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from helpers.tiny import make_forms, tiny_plan  # noqa: E402
from libelle.publication import publish  # noqa: E402
from libelle.runs.ids import RunId  # noqa: E402
from libelle.runs.run import Run  # noqa: E402
from libelle.stores import formats  # noqa: E402
from libelle.stores.local import LocalStore  # noqa: E402
from libelle.training.workflow import full  # noqa: E402

#: One folder for each combination of formats, as `2.2.2`: pipeline, run, published.
VERSION = f"{formats.PIPELINE}.{formats.RUN}.{formats.PUBLISHED}"


def make(folder: Path) -> None:
    """Train and publish into `folder/store`, and write the forms' scores beside it."""
    logging.disable()  # a run's log names the folder of the store, which is nobody else's business
    store = LocalStore(root=str(folder / "store"))
    with tempfile.TemporaryDirectory() as scratch:
        outcome = full(tiny_plan(Path(scratch), store=store))
    publish(store, Run.open(store, RunId.parse(outcome.run_id)), "tiny", threshold=0.4)
    forms = make_forms().drop(columns="label")
    scores = outcome.pipeline.predict(forms)[["id", "score_1"]]
    forms.merge(scores, left_on="form", right_on="id").drop(columns="id").to_csv(folder / "scored.csv", index=False)


if __name__ == "__main__":
    target = HERE / VERSION
    if target.exists():
        sys.exit(f"{target} is there; what was stored once is never made again.")
    make(target)
    print(target)

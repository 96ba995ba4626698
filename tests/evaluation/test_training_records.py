"""A page knows when its file holds training records, and nobody learns from the model who was among them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.scripts import call
from helpers.tiny import make_forms, tiny_plan
from libelle.data.columns import from_frame
from libelle.evaluation.drift import compare, learnt_sentence
from libelle.evaluation.drift_reference import Reference
from libelle.evaluation.drift_seen import Seen
from libelle.evaluation.training_records import BITS_A_RECORD, TrainingRecords
from libelle.pipeline import Pipeline
from libelle.reports.drift_report import make_page
from libelle.training.workflow import full


def records(rows: int, start: int = 0) -> pd.DataFrame:
    return pd.DataFrame({"a": [f"text {start + row}" for row in range(rows)], "b": ["same"] * rows}, dtype="str")


def test_shares_of_training_records_are_told_to_a_few_points() -> None:
    learnt = TrainingRecords.of(from_frame(records(5000)), np.ones(5000, dtype=bool))
    for part in (0, 1000, 5000):
        counted = learnt.count(from_frame(records(5000, start=5000 - part))) / 5000
        assert (counted - learnt.chance) / (1 - learnt.chance) == pytest.approx(part / 5000, abs=0.04)


def test_a_single_record_is_found_by_chance_too_often_to_tell() -> None:
    learnt = TrainingRecords.of(from_frame(records(5000)), np.ones(5000, dtype=bool))
    assert learnt.chance == pytest.approx(1 - np.exp(-1 / BITS_A_RECORD), abs=0.02)
    assert learnt.chance > 1 / 3
    assert learnt.bits.nbytes == BITS_A_RECORD * 5000 / 8


def test_fields_and_missing_texts_count() -> None:
    one = from_frame(pd.DataFrame({"a": ["x"] * 40, "b": [None] * 40}, dtype="str"))
    swapped = from_frame(pd.DataFrame({"a": [None] * 40, "b": ["x"] * 40}, dtype="str"))
    learnt = TrainingRecords.of(one, np.ones(40, dtype=bool))
    assert learnt.count(one) == 40
    assert learnt.count(swapped) == 0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pipeline]:
    """A run on forms of which no two are alike, and as many other ones."""
    folder = tmp_path_factory.mktemp("learnt")
    forms = make_forms(2000)
    forms["employer"] += [f" {number}" for number in range(2000)]
    forms[:1000].to_csv(folder / "forms.csv", index=False)
    forms[1000:].to_csv(folder / "others.csv", index=False)
    plan = tiny_plan(folder)
    return folder, full(plan).pipeline


def scored(place: tuple[Path, Pipeline], name: str) -> tuple[str, str]:
    """The page, and what the terminal says."""
    folder, pipeline = place
    options = [f"run_id={pipeline.name}", "report=true", f"output={name}.scores.csv"]
    answer = call("runtime.py", f"input={name}.csv", *options, cwd=folder)
    assert answer.returncode == 0, answer.stderr
    return (folder / f"{name}.scores.csv.report.html").read_text(encoding="utf-8"), answer.stderr


def test_a_file_of_training_records_is_called_so(place: tuple[Path, Pipeline]) -> None:
    page, said = scored(place, "forms")
    assert "This file holds training records: about" in page
    assert "This file holds training records: about" in said
    assert "as it did not from this file" not in page


def test_a_file_without_is_not(place: tuple[Path, Pipeline]) -> None:
    page, said = scored(place, "others")
    assert "holds training records" not in page + said
    assert "as it did not from this file" in page
    assert "Training records in this file" in page


def test_what_an_older_version_saved_cannot_tell_and_says_so(place: tuple[Path, Pipeline], tmp_path: Path) -> None:
    folder, pipeline = place
    pipeline.reference.save(tmp_path)
    about = (tmp_path / "reference.json").read_text(encoding="utf-8")
    assert '"learnt"' in about
    kept = Reference.load(tmp_path)
    assert kept.learnt is not None
    assert pipeline.reference.learnt is not None
    assert kept.learnt.bits.tolist() == pipeline.reference.learnt.bits.tolist()
    assert (kept.learnt.size, kept.learnt.found) == (pipeline.reference.learnt.size, pipeline.reference.learnt.found)
    old = Reference(kept.rows, kept.known, kept.fields, kept.scores, kept.decisions, kept.chosen)
    old.save(tmp_path)
    assert Reference.load(tmp_path).learnt is None
    seen = Seen(pipeline.rule, Reference.load(tmp_path))
    forms = pd.read_csv(folder / "forms.csv", dtype="str")
    cleaned = pipeline.clean(pipeline.texts(forms))
    seen.add_texts(from_frame(cleaned))
    seen.add_scores(pipeline.score(cleaned))
    assert learnt_sentence(compare(seen)) == ""
    assert "cannot be told for this model" in make_page(seen, "m", "forms.csv")[0]

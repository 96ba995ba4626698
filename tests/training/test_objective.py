"""The metric that a run is judged by: what is none is refused before a run begins, and what has no value after it."""

import pandas as pd
import pytest

from helpers.tiny import make_forms, tiny_plan
from libelle.errors import UserError
from libelle.models.linear import LogisticRegression
from libelle.processes.tfidf import Tfidf
from libelle.training.workflow import fit_alone, full, prepare, train


def plan_of(folder, labels, **changes):
    """A logistic regression on tiny forms with these labels."""
    make_forms(len(labels)).assign(label=labels).to_csv(folder / "forms.csv", index=False)
    return tiny_plan(folder, process=Tfidf(), model=LogisticRegression(), **changes)


def begun(plan):
    return list(plan.store.folders("runs/"))


#: Nothing tells the three positives of a hundred from the others, so that nothing is decided to be positive.
RARE = ["1" if number % 33 == 0 else "0" for number in range(600)]
EVEN = ["1" if number % 2 else "0" for number in range(120)]
THREE = [str(number % 3) for number in range(120)]


def test_a_metric_without_a_value_is_one_sentence_and_the_failed_run_says_it(tmp_path):
    plan = plan_of(tmp_path, RARE, objective="validation.precision")
    with pytest.raises(UserError, match=r"optimize=validation\.precision has no value on the validation rows"):
        full(plan)
    (manifest,) = (tmp_path / "store" / "runs").glob("*/*/*.manifest.json")
    assert "validation.precision has no value" in manifest.read_text()


@pytest.mark.parametrize("metric", ["npv", "fnr", "recall", "tp", "cohen_kappa"])
def test_every_metric_of_a_run_but_constants_can_be_optimised(tmp_path, metric):
    outcome = full(plan_of(tmp_path, EVEN, objective=f"validation.{metric}"))
    assert outcome.value == outcome.metrics["validation"][metric]


@pytest.mark.parametrize(
    ("labels", "name", "words"),
    [
        (EVEN, "validation.f1_macro", "two labels"),
        (THREE, "validation.npv", "more than two labels"),
        (THREE, "validation.average_precision", "average_precision_macro"),
    ],
)
def test_a_metric_of_other_labels_is_refused_before_a_run_begins(tmp_path, labels, name, words):
    plan = plan_of(tmp_path, labels, objective=name)
    prepare(plan)
    for way in (full, train, fit_alone):
        with pytest.raises(UserError, match=words) as error:
            way(plan)
        assert f"optimize={name}" in str(error.value)
    assert begun(plan) == []


def test_what_is_offered_is_what_is_taken(tmp_path):
    plan = plan_of(tmp_path, THREE, objective="validation.nothing")
    with pytest.raises(UserError) as error:
        full(plan)
    offered = str(error.value).partition("choose among ")[2].rstrip(".").split(", ")
    assert {"accuracy", "npv", "f1_macro", "top_k_accuracy"} <= set(offered)
    assert not {"rows", "top_k", "threshold", "weight", "classes"} & set(offered)
    assert pd.Series(offered).is_unique

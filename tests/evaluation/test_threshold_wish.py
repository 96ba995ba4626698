"""A wish that test rows do not bear out is said; one that they do is not."""

import numpy as np
import pandas as pd
import pytest

from helpers.tiny import reopened
from libelle.evaluation import threshold
from libelle.evaluation.curve import figures
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.intervals import share
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.evaluation.threshold_wish import doubt, doubt_of_labels, refuted
from libelle.reports.threshold_sentences import choice_sentences
from libelle.runs.ids import RunId
from libelle.runs.run import Run


def found(tp, fp, fn, tn, request):
    positive = np.repeat([True, False, True, False], [tp, fp, fn, tn])
    scores = np.repeat([1.0, 1.0, 0.0, 0.0], [tp, fp, fn, tn])
    return figures(positive, scores, 0.5, request)


@pytest.mark.parametrize(
    ("wish", "counts", "words"),
    [
        ({"precision": 0.8}, (7, 7, 20, 100), ["precision=0.8", "0.50 (0.27–0.73);", "confidence=0.95", "less"]),
        ({"precision": 0.8}, (2, 2, 20, 100), ["0.50 (0.15–0.85), which may be chance: 4 test rows are few"]),
        ({"precision": 0.8, "confidence": 0.9}, (7, 7, 20, 100), ["have more rows labelled"]),
        ({"recall": 0.9}, (10, 0, 10, 100), ["recall=0.9", "0.50"]),
        ({"workload": 0.03}, (30, 0, 0, 100), ["workload=0.03", "0.23", "ask for more"]),
        ({"accuracy": 0.95}, (70, 30, 0, 0), ["accuracy=0.95", "0.70"]),
    ],
)
def test_a_wish_that_test_rows_miss_is_one_sentence(wish, counts, words):
    request = ThresholdRequest(**wish)
    said = doubt(found(*counts, request), request)
    assert said is not None
    assert all(word in said for word in words)


def test_numbers_that_refute_a_wish_are_not_rounded_to_it():
    below = ThresholdRequest(accuracy=0.95)
    assert "bear it out: 0.948 (0.947–0.949);" in str(doubt(found(94_800, 5_200, 0, 0, below), below))
    above = ThresholdRequest(workload=0.05)
    assert "bear it out: 0.052 (0.051–0.053);" in str(doubt(found(5_200, 0, 0, 94_800, above), above))


@pytest.mark.parametrize(
    ("wish", "counts"),
    [
        ({"precision": 0.8}, (78, 22, 20, 100)),  # short of it by less than chance
        ({"precision": 0.8}, (90, 10, 20, 100)),
        ({"precision": 0.8}, (0, 0, 20, 100)),  # the sentence of the figures says that nothing is set aside
        ({"recall": 0.9}, (0, 10, 0, 100)),
        ({"workload": 0.3}, (10, 0, 0, 100)),
        ({"value": 0.5}, (1, 9, 20, 100)),  # nothing that test rows could miss
        ({"f": 0.5}, (1, 9, 20, 100)),
    ],
)
def test_a_wish_that_test_rows_bear_out_needs_no_word(wish, counts):
    request = ThresholdRequest(**wish)
    assert doubt(found(*counts, request), request) is None


@pytest.mark.parametrize("name", ["precision", "recall"])
def test_all_that_was_asked_for_is_borne_out_by_any_number_of_rows_that_are_all_right(name):
    request = ThresholdRequest(**{name: 1.0})
    assert [rows for rows in range(1, 400) if refuted(found(rows, 0, 0, 5, request), request)] == []


def test_an_interval_holds_its_share_also_where_that_is_none_or_all():
    for rows in range(1, 400):
        none, all_of_them = share(0, rows), share(rows, rows)
        assert (none.low, all_of_them.high) == (0, 1)
        assert none.high == pytest.approx(1 - all_of_them.low)


def test_labels_are_named_only_where_the_test_rows_refute_the_wish():
    request = ThresholdRequest(precision=0.9)
    parts = {"a": (20, 20, 0, 9), "b": (1, 1, 0, 9), "c": (20, 1, 0, 9), "d": (0, 0, 3, 9)}
    test = {label: found(*counts, request) for label, counts in parts.items()}
    assert [refuted(part, request) for part in test.values()] == [True, False, False, None]
    said = doubt_of_labels(test, request)
    assert said is not None
    assert "1 of 4 labels with a threshold: a." in said
    assert doubt_of_labels({"c": test["c"]}, request) is None


def test_a_choice_carries_the_warning_into_its_file_and_the_report(trained, monkeypatch):
    store, run_id = trained
    run = reopened(Run.open(store, RunId.parse(run_id)))
    scores = np.where(np.arange(60) % 2, 0.9, 0.1)
    rows = [("validation", scores > 0.5), ("test", np.arange(60) % 4 == 0)]
    parts = [
        pd.DataFrame({"split": split, "target": np.where(positive, "1", "0"), "score_0": 1 - scores, "score_1": scores})
        for split, positive in rows
    ]
    monkeypatch.setattr(threshold, "predictions", lambda _: (["0", "1"], pd.concat(parts)))
    choice = threshold.decide(run, ThresholdRequest(precision=0.8))
    (warning,) = choice["warnings"]
    assert "precision=0.8 was reached on the validation rows, and the test rows do not bear it out: 0.00" in warning
    assert warning in choice_sentences(choice, DecisionRule(["0", "1"]), run_id)
    assert threshold.decide(run, ThresholdRequest(value=0.5))["warnings"] == []

"""Multiclass results by label, against scikit-learn or counts by hand."""

import numpy as np
import pytest
from sklearn import metrics as sk

from helpers.scores import sample
from libelle.data.split import SPLITS, TRAIN
from libelle.evaluation.label_results import confused, label_sentence, label_table, training_bands


def test_confused_pairs_by_hand():
    counts = np.array([[5, 3, 0], [1, 4, 2], [0, 1, 9]])
    pairs, wrong = confused(counts, ["a", "b", "c"])
    assert [tuple(pair.values()) for pair in pairs] == [("a", "b", 3, 8), ("b", "c", 2, 7)]
    assert wrong == 7
    assert [pair["rows"] for pair in confused(np.array([[1, 1], [0, 2]]), ["a", "b"])[0]] == [1]
    assert confused(np.diag([2, 3]), ["a", "b"]) == ([], 0)


def test_results_by_label_are_scikit_learns():
    targets, scores = sample(5)
    targets, decisions = targets % 4, scores.argmax(axis=1)  # the last label has no test record
    counts = sk.confusion_matrix(targets, decisions, labels=range(5))
    rows = {split: {label: number + 1 for number, label in enumerate("abcde")} for split in SPLITS}
    table = {row["label"]: row for row in label_table("abcde", rows, counts)}
    assert list(table) == list("edcba")
    found = sk.precision_recall_fscore_support(targets, decisions, labels=range(5), zero_division=0)
    for place, label in enumerate("abcd"):
        assert [table[label][name] for name in ("precision", "recall", "f1")] == pytest.approx(
            [values[place] for values in found[:3]]
        )
        assert table[label][TRAIN] == place + 1
    assert table["e"]["recall"] is None
    assert table["e"]["f1"] is None


def test_labels_that_are_never_found_are_counted():
    counts = np.array([[3, 0, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0]])
    sentence = "Of 4 labels, 3 have test records; 2 of these are never found"
    assert label_sentence(counts, np.array([9, 9, 0, 0])) == f"{sentence}, 1 for want of any training record."
    assert label_sentence(counts, np.array([9, 9, 1, 0])) == f"{sentence}."


def test_labels_are_grouped_by_their_training_records():
    bands = training_bands(np.array([0, 1, 2, 3, 4, 4]), np.array([0, 1, 9, 10, 1000]))
    assert {name: np.flatnonzero(rows).tolist() for name, rows in bands} == {
        "none": [0],
        "1 to 9": [1, 2],
        "10 to 99": [3],
        "1,000 or more": [4, 5],
    }
    assert [name for name, _ in bands] == ["none", "1 to 9", "10 to 99", "1,000 or more"]

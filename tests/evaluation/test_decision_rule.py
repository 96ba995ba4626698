"""The one rule by which scores become decisions."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import libelle
from libelle.errors import UserError
from libelle.evaluation.decision_rule import DEFAULT_THRESHOLD, DecisionRule, reaches


def test_a_binary_rule_has_a_threshold_from_the_start():
    rule = DecisionRule(["no", "yes"])
    assert (rule.is_binary, rule.positive, rule.threshold) == (True, "yes", DEFAULT_THRESHOLD)
    assert rule.decide(np.array([[0.5, 0.5], [0.6, 0.4]], np.float32)).tolist() == [1, 0]
    assert rule.automatic(np.array([[0.5, 0.5]], np.float32)) is None
    assert rule.sentence() == "label yes where the score is at least 0.5"


def test_a_threshold_below_1_is_never_shown_as_1():
    below = float(np.nextafter(np.float32(1), np.float32(0)))
    shown = DecisionRule(["no", "yes"], below).sentence().rpartition(" ")[2]
    assert float(shown) < 1
    assert np.float32(shown) == np.float32(below)
    assert DecisionRule(["a", "b", "c"], 1).sentence() == "coded automatically where the score is at least 1"


@given(arrays(np.float32, 20, elements=st.floats(0, 1, width=32)), st.integers(0, 19))
def test_a_score_that_equals_the_threshold_reaches_it_unrounded(scores, place):
    threshold = float(scores[place])
    found = DecisionRule(["a", "b"], threshold).decide(np.stack([1 - scores, scores], axis=1))
    assert found.tolist() == [int(float(score) >= threshold) for score in scores]


def test_a_multiclass_label_is_the_most_probable_one_whatever_the_threshold():
    scores = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]], np.float32)
    for rule in (DecisionRule(["a", "b", "c"]), DecisionRule(["a", "b", "c"], 0.55)):
        assert rule.decide(scores).tolist() == [0, 2]
    assert DecisionRule(["a", "b", "c"]).automatic(scores) is None
    assert DecisionRule(["a", "b", "c"], 0.55).automatic(scores).tolist() == [False, True]
    own = DecisionRule(["a", "b", "c"], label_thresholds={"a": 0.5, "c": None})
    assert own.automatic(scores).tolist() == [True, False]
    assert own.thresholds(own.decide(scores)) == [0.5, None]


def test_a_choice_for_each_label_takes_the_place_of_one_for_all():
    assert DecisionRule.chosen(["a", "b", "c"], {"value": None, "classes": {"a": 0.5}}).label_thresholds == {"a": 0.5}
    assert DecisionRule.chosen(["a", "b"], {"value": 0.25}).threshold == 0.25
    assert DecisionRule.chosen(["a", "b"], None) == DecisionRule(["a", "b"])


@pytest.mark.parametrize(
    ("labels", "threshold"), [(["a", "b", "c"], 0.5), (["a", "b"], 1.5), (["a", "b"], float("nan"))]
)
def test_a_threshold_that_cannot_be_is_refused(labels, threshold):
    with pytest.raises(UserError, match="threshold="):
        DecisionRule([*labels]).with_threshold(threshold)


def test_nothing_reaches_a_threshold_that_is_not_a_number():
    assert not reaches(np.ones(3), np.array([np.nan, 0.5, np.nan]))[[0, 2]].any()


def test_a_decision_is_made_in_one_place():
    folder = Path(libelle.__file__).parent
    pattern = re.compile(r">=\s*(np\.asarray\()?\w*\.?(threshold|limits?)\b")
    found = [path.name for path in folder.rglob("*.py") if pattern.search(path.read_text(encoding="utf-8"))]
    assert found == ["decision_rule.py"]

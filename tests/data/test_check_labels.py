"""What the look at the data finds about labels."""

import numpy as np
import pandas as pd
import pytest

from libelle.data.check.look import look_at
from libelle.data.frame_source import FrameSource
from libelle.data.split import SplitConfig
from libelle.errors import UserError


def look(labels, **keys):
    table = pd.DataFrame({"text": [f"text of row {row}" for row in range(len(labels))], "label": labels})
    table = table.assign(**{name: keys.pop(name) for name in list(keys) if isinstance(keys[name], list)})
    source = FrameSource(frame=table.astype("str"), target="label", columns="text", **keys)
    return look_at(source, source.read())


def said(check, kind):
    return [finding.sentence for finding in check.findings if finding.kind == kind]


@pytest.mark.parametrize("other", ["yes ", "YES", " Yes", "y\u200bes", "yes\u00a0", "yeſ"])
def test_labels_that_are_alike_but_for_case_or_blanks_are_found(other):
    (sentence,) = said(look(["yes"] * 30 + ["no"] * 40 + [other] * 20), "labels alike")
    assert "'yes' (30)" in sentence
    assert "(20)" in sentence


@pytest.mark.parametrize("labels", [["yes", "no"], ["01", "1"], ["a b", "ab"], ["e", "é"]])
def test_labels_that_differ_in_more_are_not_called_alike(labels):
    assert said(look(labels * 40), "labels alike") == []


def test_two_labels_are_not_to_be_put_together():
    (sentence,) = said(look(["yes", "no"] * 3), "label with few rows")
    assert sentence == (
        "Both labels have fewer than 10 rows, too few to learn them or to say how well they are found: no (3 rows), "
        "yes (3 rows); give more rows of them."
    )


def test_a_binary_label_with_two_rows_is_refused_with_its_rows():
    check = look(["no"] * 200 + ["yes"] * 2)
    with pytest.raises(UserError, match="label yes has 2 rows: none is left for"):
        check.refuse()


def test_a_binary_label_with_three_rows_is_warned_of():
    check = look(["no"] * 200 + ["yes"] * 3)
    check.refuse()
    assert said(check, "label with few rows")[0].startswith("Fewer than 10 rows have the label yes (3 rows)")


@pytest.mark.parametrize(
    ("keys", "advice"),
    [
        (
            {"split": SplitConfig(column="part"), "part": ["train", "validation", "test"] * 60 + ["train"] * 40},
            "column 'part'",
        ),
        (
            {"split": SplitConfig(group="house"), "house": [str(row // 2) for row in range(180)] + ["z"] * 40},
            "data.split.group",
        ),
    ],
)
def test_where_somebody_else_split_the_rows_the_sentence_says_so(keys, advice):
    check = look(["no"] * 180 + ["yes"] * 40, **keys)
    with pytest.raises(UserError) as caught:
        check.refuse()
    assert "label yes has 40 rows: none is left for" in str(caught.value)
    assert advice in str(caught.value)


def test_of_many_labels_those_without_rows_in_a_split_are_named_with_their_rows():
    check = look(["a"] * 60 + ["b"] * 60 + ["once"])
    check.refuse()
    assert said(check, "label without rows in a split") == [
        "label once has 1 row: none is left for validation and test, so that little says how well it is found; give "
        "more rows of it."
    ]
    assert said(check, "label with few rows") == []  # it would say the same again
    (sentence,) = said(look(["a"] * 60 + ["b"] * 60 + ["once", "twice", "twice"]), "label without rows in a split")
    assert sentence.startswith("2 of 4 labels have no validation or no test row")
    assert "once (1 row), twice (2 rows)" in sentence


def test_labels_without_training_rows_are_named():
    part = ["train", "validation", "test"] * 40 + ["test"]
    check = look(["a", "a", "a", "b", "b", "b"] * 20 + ["late"], part=part, split=SplitConfig(column="part"))
    assert [finding.sentence for finding in check.findings if "late" in finding.sentence] == [
        "label late has no training row and cannot be learnt; give more rows of it."
    ]


TEXTS = np.random.default_rng(3).integers(0, 150, 300)


@pytest.mark.parametrize(
    "labels",
    [
        [f"a sentence about thing {number}" for number in TEXTS],
        [f"{number / 7:.4f}" for number in range(290)] + ["0"] * 10,
    ],
    ids=["texts", "numbers"],
)
def test_a_target_of_texts_or_numbers_is_found(labels):
    (sentence,) = said(look(labels), "free text as target")
    assert "The target label holds" in sentence
    assert "data.target" in sentence


@pytest.mark.parametrize(
    "labels",
    [[f"{number:03}" for number in range(100)] * 3, [f"a long name of class {number}" for number in range(40)] * 10],
    ids=["many codes", "long names"],
)
def test_many_codes_and_long_names_are_labels(labels):
    assert said(look(labels), "free text as target") == []

"""Rows without a label: refused or passed over, and never negative without a word."""

import pandas as pd
import pytest

from libelle.data.check.look import look_at
from libelle.data.frame_source import FrameSource
from libelle.data.targets import Target
from libelle.errors import UserError


def frame(**columns):
    texts = [f"text {row}" for row in range(40)]
    return pd.DataFrame({"text": texts, "status": ["lost", "found"] * 20, **columns}, dtype="str")


def with_gaps(*gaps):
    table = frame()
    table.loc[[row - 1 for row in gaps], "status"] = None
    return table


@pytest.mark.parametrize("rule", [{}, {"target_rule": "equals", "target_value": "lost"}])
def test_a_row_without_a_label_is_refused_whatever_the_rule(rule):
    with pytest.raises(UserError) as caught:
        FrameSource(frame=with_gaps(3, 7), target="status", **rule).read()
    for words in ("row 3", "'status' is empty", "2 of 40 rows", "data.unlabelled=skip"):
        assert words in str(caught.value)


@pytest.mark.parametrize("rule", [{}, {"target_rule": "equals", "target_value": "lost"}])
def test_rows_without_a_label_are_passed_over_on_request_and_the_others_keep_their_numbers(rule):
    records = FrameSource(frame=with_gaps(3, 7), target="status", unlabelled="skip", **rule).read()
    assert records.unlabelled == 2
    assert records.ids.tolist() == [row for row in range(1, 41) if row not in (3, 7)]
    assert records.fields["text"].tolist() == [f"text {row - 1}" for row in records.ids]
    assert len(records.targets) == len(records.splits) == 38


def test_values_that_are_positive_but_for_case_or_blanks_are_told():
    table = frame()
    table.loc[[3, 5, 7], "status"] = ["lost ", "Lost", "LOST"]
    source = FrameSource(frame=table, target="status", target_rule="equals", target_value="lost")
    records = source.read()
    assert records.nearly_positive == {"lost ": 1, "Lost": 1, "LOST": 1}
    sentences = [finding.sentence for finding in look_at(source, records).findings if finding.kind == "labels alike"]
    assert "alike to data.target_value=lost but for case or blanks count as negative" in sentences[0]


def test_where_empty_is_the_meaning_no_row_is_without_a_label():
    records = FrameSource(frame=with_gaps(3, 7, 11), target="status", target_rule="all_empty").read()
    assert records.targets.value_counts().to_dict() == {"0": 37, "1": 3}
    assert records.unlabelled == 0


def test_data_in_which_no_row_has_a_label_are_refused_even_when_such_rows_are_skipped():
    with pytest.raises(UserError, match="as in all rows; name another column"):
        FrameSource(frame=with_gaps(*range(1, 41)), target="status", unlabelled="skip").read()


def test_records_to_evaluate_on_need_a_label_too():
    target = Target(["status"], "equals", "lost")
    with pytest.raises(UserError, match=r"row 2: column 'status' is empty"):
        target.positions(with_gaps(2), ["0", "1"])


@pytest.mark.parametrize(
    ("changes", "columns", "words"),
    [
        (
            {"target_rule": "equals", "target_value": "lots"},
            {},
            "column 'status' holds data.target_value=lots in no row",
        ),
        ({"target_rule": "equals", "target_value": "x"}, {"status": "x"}, "data.target_value=x in every row"),
        ({"target_rule": "all_empty"}, {}, "no row is empty in 'status'"),
        ({"target_rule": "all_empty"}, {"status": None}, "every row is empty in 'status'"),
        ({}, {"status": "found"}, "all 40 rows have the same label 'found'"),
    ],
)
def test_where_all_rows_have_one_label_the_sentence_says_what_was_typed(changes, columns, words):
    with pytest.raises(UserError) as caught:
        FrameSource(frame=frame(**columns), target="status", **changes).read()
    assert words in str(caught.value)
    assert "'0'" not in str(caught.value)
    assert "'1'" not in str(caught.value)

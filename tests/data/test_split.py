"""The split: reproducible, stratified, groups whole; given columns are understood."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from libelle.data.split import SPLITS, TEST, TRAIN, VALIDATION, SplitConfig, split_rows
from libelle.errors import UserError


def split(config=None, *, ids=None, targets=None, given=None, groups=None):
    config = config or SplitConfig()
    series = [None if values is None else pd.Series(list(values), dtype="str") for values in (targets, given, groups)]
    rows = len(next(values for values in series if values is not None))
    ids = pd.Series(range(1, rows + 1) if ids is None else list(ids))
    targets = pd.Series(["0"] * rows, dtype="str") if series[0] is None else series[0]
    return split_rows(config, ids, targets, series[1], series[2], "forms.csv")


labels = st.lists(st.sampled_from(["a", "a", "a", "b", "b", "c"]), min_size=30, max_size=120)
seeds = st.integers(0, 1000)


@settings(max_examples=40, deadline=None)
@given(labels, seeds, st.randoms(use_true_random=False))
def test_the_split_does_not_depend_on_the_order_of_the_rows(targets, seed, random):
    ids = pd.Series([f"F{number}" for number in range(len(targets))])
    order = list(range(len(targets)))
    random.shuffle(order)
    config = SplitConfig(seed=seed)
    straight = split(config, ids=ids, targets=targets)
    shuffled = split(config, ids=ids[order], targets=[targets[row] for row in order])
    assert shuffled.tolist() == straight[order].tolist()


@settings(max_examples=40, deadline=None)
@given(labels, seeds, st.floats(0.1, 0.4), st.floats(0.1, 0.4))
def test_each_class_is_split_in_the_wanted_shares(targets, seed, validation, test):
    config = SplitConfig(validation=validation, test=test, seed=seed)
    table = pd.DataFrame({"target": targets, "split": split(config, targets=targets)})
    for _, rows in table.groupby("target"):
        assert abs((rows["split"] == TEST).sum() - test * len(rows)) <= 1
        assert abs((rows["split"] == VALIDATION).sum() - validation * len(rows)) <= 1


@settings(max_examples=40, deadline=None)
@given(st.permutations([number % 40 for number in range(90)]), seeds, st.randoms(use_true_random=False))
def test_groups_stay_whole_whatever_the_order_of_the_rows(groups, seed, random):
    groups = [str(group) for group in groups]
    order = list(range(len(groups)))
    random.shuffle(order)
    config = SplitConfig(group="household", seed=seed)
    table = pd.DataFrame({"group": groups, "split": split(config, groups=groups)})
    assert table.groupby("group")["split"].nunique().max() == 1
    again = split(config, groups=[groups[row] for row in order])
    assert again.tolist() == table["split"][order].tolist()


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(200, 600))
def test_a_large_group_is_for_training_and_leaves_the_other_splits_their_shares(seed, large):
    groups = ["large"] * large + [str(row // 2) for row in range(1000 - large)]
    result = split(SplitConfig(group="g", seed=seed), groups=groups)
    assert result[0] == TRAIN
    assert abs((result == TEST).sum() - 150) <= 2
    assert abs((result == VALIDATION).sum() - 150) <= 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=2, max_size=60), seeds, st.floats(0.05, 0.25), st.floats(0.05, 0.25))
def test_the_shares_hold_for_all_rows_and_for_each_label(sizes, seed, validation, test):
    targets = [f"L{label}" for label, size in enumerate(sizes) for _ in range(size + (label < 2) * 20)]
    config = SplitConfig(validation=validation, test=test, seed=seed)
    table = pd.DataFrame({"target": targets, "split": split(config, targets=targets)})
    for name, share in ((VALIDATION, validation), (TEST, test)):
        chosen = table["split"] == name
        assert abs(chosen.sum() - share * len(table)) <= 1
        assert (abs(chosen.groupby(table["target"]).sum() - share * table.groupby("target").size()) < 1.0001).all()


def test_rare_labels_reach_every_split_in_proportion():
    targets = [f"{label:03}" for label in range(200) for _ in range(3)] + ["frequent", "often"] * 20
    table = pd.DataFrame({"target": targets, "split": split(targets=targets)})
    counts = pd.crosstab(table["target"].isin(["frequent", "often"]), table["split"])
    assert counts.loc[False].to_dict() == {TEST: 90, TRAIN: 420, VALIDATION: 90}
    assert counts.loc[True].to_dict() == {TEST: 6, TRAIN: 28, VALIDATION: 6}
    assert table[table["split"] == TRAIN]["target"].nunique() == 202


def test_labels_of_one_row_train_as_long_as_others_can_give_theirs():
    targets = [f"once {label}" for label in range(40)] + [f"thrice {label % 100}" for label in range(300)]
    table = pd.DataFrame({"target": targets, "split": split(targets=targets)})
    assert (table["split"][:40] == TRAIN).all()
    assert table["split"].value_counts().to_dict() == {TRAIN: 238, VALIDATION: 51, TEST: 51}


def test_labels_of_one_row_are_tested_where_there_is_little_else():
    targets = [f"once {label}" for label in range(1000)] + ["common"] * 1000
    table = pd.DataFrame({"target": targets, "split": split(targets=targets)})
    assert table["split"].value_counts().to_dict() == {TRAIN: 1400, VALIDATION: 300, TEST: 300}
    assert abs((table["split"][1000:] == TEST).sum() - 150) <= 1


def test_three_rows_of_a_binary_label_stand_in_all_three_splits():
    targets = ["no"] * 997 + ["yes"] * 3
    result = split(targets=targets)
    assert set(result[997:]) == set(SPLITS)
    assert result.value_counts().to_dict() == {TRAIN: 700, VALIDATION: 150, TEST: 150}


@given(st.integers(3, 40), st.integers(3, 40), seeds, st.floats(0.001, 0.98), st.floats(0.01, 0.99))
@example(3, 3, 1, 0.55, 0.1 / 0.55)
@example(9, 3, 1, 0.75, 0.09 / 0.75)
def test_of_two_labels_with_three_rows_each_has_rows_in_all_splits_whatever_the_shares(no, yes, seed, held, test):
    config = SplitConfig(test=held * test, validation=held - held * test, seed=seed)
    targets = ["no"] * no + ["yes"] * yes
    counts = pd.crosstab(pd.Series(targets), split(config, targets=targets).to_numpy())
    assert counts.columns.tolist() == sorted(SPLITS)
    assert (counts > 0).all(axis=None), counts


def test_another_seed_gives_another_split_and_the_shares_stay():
    first, second = (split(SplitConfig(seed=seed), targets=["0"] * 1000) for seed in (1, 2))
    assert 0.3 < (first != second).mean() < 0.6
    for result in (first, second):
        assert result.value_counts().to_dict() == {TRAIN: 700, VALIDATION: 150, TEST: 150}


def test_the_split_of_known_ids_never_changes():
    ids = [f"F{number}" for number in range(12)]
    initials = "".join(name[:2] for name in split(ids=ids, targets=["0"] * 12))
    assert initials == "trtrtrvatetrtrtrvatetrtr"


def test_new_rows_do_not_reshuffle_the_old_ones():
    ids = [f"F{number}" for number in range(2000)]
    before = split(ids=ids[:1000], targets=["0"] * 1000)
    after = split(ids=ids, targets=["0"] * 2000)[:1000]
    assert (before != after).mean() < 0.05


def test_a_given_column_is_taken_with_its_synonyms():
    given = ["train", " Training", "VAL", "valid", "dev", "validation", "test", "TEST "]
    result = split(SplitConfig(column="split"), given=given)
    assert result.tolist() == [TRAIN] * 2 + [VALIDATION] * 4 + [TEST] * 2


def test_missing_validation_is_taken_from_the_training_rows():
    given = ["train"] * 100 + ["test"] * 50
    targets = (["a"] * 80 + ["b"] * 20) + ["c"] * 50
    result = split(SplitConfig(column="split", validation=0.2), given=given, targets=targets)
    assert (result[100:] == TEST).all()
    assert result[:80].value_counts().to_dict() == {TRAIN: 64, VALIDATION: 16}
    assert result[80:100].value_counts().to_dict() == {TRAIN: 16, VALIDATION: 4}


def test_missing_validation_keeps_groups_whole():
    groups = [str(row // 4) for row in range(120)]
    given = ["train"] * 80 + ["test"] * 40
    result = split(SplitConfig(column="split", group="g"), given=given, groups=groups)
    assert pd.DataFrame({"g": groups, "s": result}).groupby("g")["s"].nunique().max() == 1
    assert set(result) == set(SPLITS)


def test_a_given_column_that_keeps_groups_whole_is_taken():
    given = ["train", "train", "val", "test", "test", "train"]
    result = split(SplitConfig(column="split", group="g"), given=given, groups=list("aabcca"))
    assert result.tolist() == [TRAIN, TRAIN, VALIDATION, TEST, TEST, TRAIN]


def test_labels_seen_only_in_test_do_not_stop():
    given = ["train"] * 20 + ["test"] * 2
    targets = ["a", "b"] * 10 + ["only here"] * 2
    assert set(split(SplitConfig(column="split"), given=given, targets=targets)) == set(SPLITS)


def test_rare_classes_are_for_training_first():
    targets = ["common"] * 50 + ["once"]
    assert split(targets=targets).iloc[-1] == TRAIN


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"config": SplitConfig(column="part"), "given": ["train", "tset"]}, ["row 1", "'tset'", "'part'", "dev"]),
        ({"config": SplitConfig(column="part"), "given": ["train", None]}, ["row 1", "nothing", "'part'"]),
        (
            {"config": SplitConfig(column="part"), "given": ["train", "val"]},
            ["no row of the split column 'part' says test", "leave"],
        ),
        ({"config": SplitConfig(column="part"), "given": ["val", "test"]}, ["'part' says train; correct the column"]),
        ({"config": SplitConfig(group="g"), "groups": ["x", None, "y"]}, ["row 1", "'g'", "empty"]),
        (
            {"config": SplitConfig(group="g"), "groups": ["x"] * 9},
            ["no row is left for", "'g' has 1 group; give more groups"],
        ),
        (
            {
                "config": SplitConfig(column="part", group="home"),
                "given": ["train", "val", "test", "train"],
                "groups": ["a", "b", "c", "b"],
            },
            ["row 3", "'part'", "train", "validation in row 1", "'home'", "'b'", "data.split.group"],
        ),
        ({"targets": ["0", "1"]}, ["no row is left", "more rows"]),
        ({"targets": [f"text {row}" for row in range(90)]}, ["each of the 90 labels has one row", "data.target"]),
    ],
)
def test_splits_that_cannot_be_made_stop_with_a_sentence(arguments, words):
    with pytest.raises(UserError) as caught:
        split(**arguments)
    for word in ["forms.csv", *words]:
        assert word in str(caught.value)


def test_the_result_is_a_column_of_strings_with_the_index_of_the_rows():
    ids = pd.Series([f"F{number}" for number in range(40)], index=np.arange(40)[::-1] * 3)
    result = split_rows(SplitConfig(), ids, pd.Series("a", index=ids.index), None, None, "x")
    assert result.index.equals(ids.index)
    assert result.dtype == "str"

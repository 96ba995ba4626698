"""Stored trees that lead nowhere are refused before a library follows them: it would crash, or go round for ever."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from libelle.features import Dataset, Features
from libelle.models.base import Training
from libelle.models.stored_trees import require_boosted, require_tree
from libelle.models.trees import DecisionTree, XGBoost
from libelle.models.ubjson import parse_ubjson


def fitted(model: Any, folder: Path, classes: int = 2) -> Path:
    """A folder with a model that has learnt from a few rows."""
    generator = np.random.default_rng(1)
    matrix = scipy.sparse.csr_array(generator.integers(0, 2, size=(60, 5)).astype(np.float32))
    data = Dataset(Features(60, matrix={"job": matrix}), np.arange(60) % classes)
    model.fit(data, Dataset(Features(60, matrix={"job": matrix}), data.targets), classes, Training(folder, seed=1))
    model.save(folder)
    return folder


@pytest.mark.parametrize(
    "change",
    [
        lambda left, right, column: left.__setitem__(1, 0),
        lambda left, right, column: left.__setitem__(2, 1),
        lambda left, right, column: right.__setitem__(0, 5),
        lambda left, right, column: right.__setitem__(0, -2),
        lambda left, right, column: column.__setitem__(0, 3),
        lambda left, right, column: column.__setitem__(0, -2),
        lambda left, right, column: right.pop(),
    ],
    ids=["to the root", "to a node of another", "beyond", "below zero", "no column", "below no column", "too few"],
)
def test_what_is_no_tree_is_refused(change: Callable[[list[int], list[int], list[int]], Any]) -> None:
    left, right, column = [1, -1, 3, -1, -1], [2, -1, 4, -1, -1], [0, -2, 2, -2, -2]
    require_tree(left, right, column, 3)
    change(left, right, column)
    with pytest.raises(ValueError, match="a tree"):
        require_tree(left, right, column, 3)


@pytest.mark.parametrize("classes", [2, 3])
def test_trees_as_they_are_saved_are_loaded(tmp_path: Path, classes: int) -> None:
    for name, model in (("tree", DecisionTree()), ("xgboost", XGBoost(rounds=3))):
        (tmp_path / name).mkdir()
        type(model)().load(fitted(model, tmp_path / name, classes))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"loss_changes", b"loss_chamges"),
        (b"parents[$l", b"parents[$d"),
        (b"num_nodesS", b"num_nodesT"),
        (b"L\0\0\0\0\0\0\0\4name", b"L\x7f\0\0\0\0\0\0\4name"),
        (b"binary:logistic", b"binary:logitraw"),
        (b"gbtree_model_param", b"gbtree_model_parax"),
    ],
)
def test_boosted_trees_with_a_wrong_byte_are_refused(tmp_path: Path, before: bytes, after: bytes) -> None:
    path = fitted(XGBoost(rounds=3), tmp_path) / "trees.ubj"
    whole = path.read_bytes()
    assert before in whole
    require_boosted(whole, 2)
    with pytest.raises((ValueError, LookupError, TypeError)):
        require_boosted(whole.replace(before, after), 2)
    with pytest.raises(ValueError, match="3 labels"):
        require_boosted(whole, 3)


@pytest.mark.parametrize(
    "data", [b"", b"[", b"[" * 100_000, b"{L\xff", b"SL\0\0\1\0\0\0\0\0x", b"[$d#L\x7f" + bytes(7), b"x"]
)
def test_damaged_ubjson_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"said to be there|nested|no kind of|follows"):
        parse_ubjson(data)

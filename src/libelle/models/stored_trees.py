"""Stored decision trees, checked before they score: the libraries follow a node's number wherever it leads."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt

#: Left child of a node without children, in both libraries.
_LEAF = -1


def require_tree(left: npt.ArrayLike, right: npt.ArrayLike, columns: npt.ArrayLike, width: int) -> None:
    """Make sure that every way from the root ends in a leaf, and that columns are columns.

    Args:
        left: int [nodes], the number of each node's left child, -1 for none; the root is node 0.
        right: int [nodes].
        columns: int [nodes], the column that each node looks at.
        width: columns of the matrix.

    Raises:
        ValueError: when it is no tree.
    """
    left, right, columns = (np.asarray(numbers, dtype=np.int64) for numbers in (left, right, columns))
    nodes = len(left)
    if not nodes or len(right) != nodes or len(columns) != nodes:
        raise ValueError("a tree's lists of nodes have different lengths")
    inner = left != _LEAF
    children = np.concatenate([left[inner], right[inner]])
    # Where no node has two parents, and the root has none, no way leads back.
    if ((children < 1) | (children >= nodes)).any() or len(np.unique(children)) < len(children):
        raise ValueError("a tree's nodes do not make a tree")
    if ((columns[inner] < 0) | (columns[inner] >= width)).any():
        raise ValueError(f"a tree looks at a column that is none of {width}")


def require_boosted(booster: Any, labels: int) -> None:
    """Make sure that XGBoost's trees are trees, and that they are for the labels that there are.

    Args:
        booster: as XGBoost has loaded it.
        labels: that it scores.

    Raises:
        ValueError: when anything in it leads nowhere.
    """
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    width, scored = int(learner["learner_model_param"]["num_feature"]), 1 if labels == 2 else labels
    ensemble = learner["gradient_booster"]
    if ensemble["name"] != "gbtree" or max(1, int(learner["learner_model_param"]["num_class"])) != scored:
        raise ValueError(f"the trees are not boosted trees of {labels} labels")
    model = ensemble["model"]
    trees, places, rounds = model["trees"], np.array(model["tree_info"]), np.array(model["iteration_indptr"])
    if len(places) != len(trees) or ((places < 0) | (places >= scored)).any():
        raise ValueError("a tree is for a label that there is not")
    if not len(rounds) or rounds[0] != 0 or rounds[-1] != len(trees) or (np.diff(rounds) < 0).any():
        raise ValueError("the rounds are not those of the trees")
    if model["cats"]["enc"] or any(any(tree["split_type"]) for tree in trees):
        raise ValueError("the trees look at categories, and columns are numbers")
    for tree in trees:
        require_tree(tree["left_children"], tree["right_children"], tree["split_indices"], width)
        if tree["tree_param"]["size_leaf_vector"] not in ("0", "1"):
            raise ValueError("a tree's leaves hold several numbers")

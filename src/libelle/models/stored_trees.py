"""Stored decision trees, checked before they score: the libraries follow a node's number wherever it leads."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from libelle.models.ubjson import parse_ubjson

#: Left child of a node without children, in both libraries.
_LEAF = -1
#: Parent of XGBoost's roots.
_NO_PARENT = (1 << 31) - 1
#: XGBoost's objective, its parameter, the key in it and the value; None for the number of labels.
_BINARY = ("binary:logistic", "reg_loss_param", "scale_pos_weight", "1")
_MULTICLASS = ("multi:softprob", "softmax_multiclass_param", "num_class", None)
#: What XGBoost keeps of each node, by the kind of number, and of columns that are categories.
_NODES = {
    ">f4": ("base_weights", "loss_changes", "split_conditions", "sum_hessian"),
    ">i4": ("left_children", "right_children", "parents", "split_indices"),
    "u1": ("default_left", "split_type"),
}
_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")


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


def require_boosted(data: bytes, labels: int) -> None:
    """Make sure that XGBoost's trees are trees, and that they are for the labels that there are.

    Args:
        data: as XGBoost saves it.
        labels: that it scores.

    Raises:
        ValueError: when anything in it leads nowhere; what is missing raises `KeyError`, other types `TypeError`.
    """
    learner = parse_ubjson(data)["learner"]
    about, ensemble, objective = (learner[name] for name in ("learner_model_param", "gradient_booster", "objective"))
    width, scored = int(about["num_feature"]), 1 if labels == 2 else labels
    name, parameter, key, value = _BINARY if labels == 2 else _MULTICLASS
    is_known = ensemble["name"] == "gbtree" and objective["name"] == name and about["num_target"] == "1"
    if not is_known or about["num_class"] != ("0" if labels == 2 else str(labels)):
        raise ValueError(f"the trees are not boosted trees of {labels} labels")
    if objective[parameter][key] != (value or str(labels)) or not isinstance(about["base_score"], str):
        raise ValueError(f"the objective is not that of {labels} labels")
    model = ensemble["model"]
    trees, places, rounds = model["trees"], np.asarray(model["tree_info"]), np.asarray(model["iteration_indptr"])
    if model["gbtree_model_param"] != {"num_parallel_tree": "1", "num_trees": str(len(trees))}:
        raise ValueError(f"there are {len(trees)} trees, and others are said to be there")
    if len(places) != len(trees) or ((places < 0) | (places >= scored)).any():
        raise ValueError("a tree is for a label that there is not")
    if not len(rounds) or rounds[0] != 0 or rounds[-1] != len(trees) or (np.diff(rounds) < 0).any():
        raise ValueError("the rounds are not those of the trees")
    if any(len(categories) for categories in model.get("cats", {}).values()):
        raise ValueError("the trees look at categories, and columns are numbers")
    for number, tree in enumerate(trees):
        _require_boosted_tree(tree, number, width)


def _require_boosted_tree(tree: Mapping[str, Any], number: int, width: int) -> None:
    about, nodes = tree["tree_param"], len(tree["left_children"])
    said = {"num_deleted": "0", "num_feature": str(width), "num_nodes": str(nodes)}
    if not said.items() <= about.items() or about["size_leaf_vector"] not in ("0", "1"):
        raise ValueError("a tree is not one of single numbers")
    for kind, names in _NODES.items():
        for name in names:
            values = tree[name]
            if not isinstance(values, np.ndarray) or values.dtype != kind or len(values) != nodes:
                raise ValueError(f"a tree's {name} are not those of {nodes} nodes")
    if tree["id"] != number or any(len(tree[name]) for name in _CATEGORIES) or tree["split_type"].any():
        raise ValueError("a tree looks at categories, and columns are numbers")
    left, right, parents = (tree[name].astype(np.int64) for name in ("left_children", "right_children", "parents"))
    require_tree(left, right, tree["split_indices"], width)
    inner = np.flatnonzero(left != _LEAF)
    known = np.full(nodes, _NO_PARENT)
    known[left[inner]] = known[right[inner]] = inner
    if (parents != known).any() or (right[left == _LEAF] != _LEAF).any():
        raise ValueError("a tree's nodes have other parents")

"""Bags of n-grams as dictionaries."""

from collections import defaultdict

from helpers.ragged import flatten
from libelle.features import Features


def parts(features: Features, field: str = "job") -> list[dict[int, float]]:
    """For each row, the weight of each part in its bag."""
    bags = features.bag
    assert bags is not None
    rows = flatten(bags.texts[field])
    assert rows.weights is not None
    found: list[dict[int, float]] = []
    for row in range(len(rows)):
        weights: dict[int, float] = defaultdict(float)
        for place in range(rows.offsets[row], rows.offsets[row + 1]):
            item, table = rows.ids[place], bags.known
            if item >= len(table):
                item, table = item - len(table), bags.extra
            for part in range(table.offsets[item], table.offsets[item + 1]):
                weights[int(table.parts[part])] += float(rows.weights[place] * table.weights[part])
        found.append(weights)
    return found

"""Distinct numbers, by sorting: `numpy.unique` hashes where it is not asked for counts, in forty times the time."""

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from libelle import shards
from libelle.features import Ints

_Number = TypeVar("_Number", bound=np.generic)
_Code = TypeVar("_Code", bound=np.signedinteger[Any])


def distinct_numbers(numbers: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    """Each number once, sorted."""
    ordered = np.sort(numbers)
    new = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return ordered[new]


def number_by_place(codes: npt.NDArray[_Code], size: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[_Code]]:
    """Number codes anew, in the order in which they come first.

    Args:
        codes: whole numbers up to `size`.
        size: stands for nothing, before and after: the largest number.

    Returns:
        The old codes in their new order, int64; and the new code of each place.
    """
    # The last assignment to a place stays: backwards, that of the code's first place.
    first = np.full(size + 1, len(codes))
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    used = np.flatnonzero(first[:-1] < len(codes))
    used = used[np.argsort(first[used], kind="stable")]
    new = np.full(size + 1, len(used), dtype=codes.dtype)
    new[used] = np.arange(len(used))
    return used, shards.computed(len(codes), codes.dtype, lambda part: new[codes[part]])


def number_equal(keys: npt.NDArray[np.uint64]) -> tuple[Ints, int]:
    """Number keys in the order in which they come first.

    Args:
        keys: evenly spread, as hashes are.

    Returns:
        The number of each place, int64, and how many numbers there are.
    """
    if not shards.are_many(len(keys)):
        codes, distinct = pd.factorize(keys)
        return codes, len(distinct)
    first = shards.empty(len(keys), np.int64)
    for places in shards.spread(keys):
        codes, distinct = pd.factorize(keys[places])
        firsts = np.empty(len(distinct), np.int64)
        # The last assignment to a number stays: backwards, that of its first place.
        firsts[codes[::-1]] = places[::-1]
        first[places] = firsts[codes]
    numbers, count = shards.empty(len(keys), np.int64), 0
    for part in shards.shards(len(keys)):
        new = first[part] == np.arange(part.start, part.stop)
        numbers[part] = np.cumsum(new) + (count - 1)
        count += int(new.sum())
    return shards.computed(len(keys), np.int64, lambda part: numbers[first[part]]), count

"""Arrays in files, and what is done with them shard by shard, are what numpy makes in one go."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libelle import shards
from libelle.data.distinct import number_equal
from libelle.data.frames import named, positions, repeated_rows
from libelle.data.words import mix
from libelle.shards import in_shards

NUMBERS = st.lists(st.integers(0, 30), min_size=1, max_size=80)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("shards")


def test_outside_arrays_are_in_memory_and_a_pass_is_one_shard():
    assert list(shards.shards(10**9)) == [slice(0, 10**9)]
    assert not shards.are_many(10**9)


def test_a_large_array_lies_in_a_file_without_a_name(folder):
    with in_shards(folder, 100):
        array = shards.computed(1000, np.int64, lambda part: np.arange(part.start, part.stop))
        assert [*shards.shards(250)] == [slice(0, 100), slice(100, 200), slice(200, 250)]
        assert list(folder.iterdir()) == []
        assert not array.flags.owndata
    assert array.tolist() == list(range(1000))


def test_no_rows_are_one_empty_shard(folder):
    with in_shards(folder, 100):
        assert [*shards.shards(0)] == [slice(0, 0)]
        assert shards.empty(0, np.int32).tolist() == []


@settings(max_examples=50, deadline=None)
@given(numbers=NUMBERS, rows=st.integers(1, 20))
def test_equal_keys_have_the_numbers_that_pandas_gives_them(folder, numbers, rows):
    keys = mix(np.array(numbers, np.uint64))
    codes, distinct = pd.factorize(keys)
    with in_shards(folder, rows):
        found, count = number_equal(keys)
        assert found.tolist() == codes.tolist()
        assert count == len(distinct)
        places = [group.tolist() for group in shards.spread(keys)]
    assert sorted(place for group in places for place in group) == list(range(len(keys)))


@settings(max_examples=50, deadline=None)
@given(numbers=NUMBERS, rows=st.integers(1, 20))
def test_texts_are_found_and_named_as_in_one_go(folder, numbers, rows):
    texts = pd.Series([f"t{number}" for number in numbers], dtype="str")
    names = [f"t{number}" for number in range(20)]
    with in_shards(folder, rows):
        assert repeated_rows(texts).tolist() == np.flatnonzero(texts.duplicated()).tolist()
        assert positions(texts, names).tolist() == [number if number < 20 else -1 for number in numbers]
        said = named(names, np.array(numbers) % 20)
    pd.testing.assert_series_equal(said, pd.Series([names[number % 20] for number in numbers], dtype="str"))

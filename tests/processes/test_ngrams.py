"""Hashes are found as a dictionary finds them, few or many at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libelle.processes.ngrams import NgramVocabulary

#: Some close together, whose highest bits are equal, and both ends.
HASHES = st.one_of(
    st.integers(0, 40), st.integers(2**64 - 40, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(2**63, 2**63 + 9)
)


@pytest.mark.parametrize("copies", [1, 1000], ids=["few", "many"])
@given(kept=st.sets(HASHES), wanted=st.lists(HASHES))
def test_a_hash_is_found_where_it_is_kept_and_no_other_is(copies, kept, wanted):
    hashes = np.array(sorted(kept), np.uint64)
    vocabulary = NgramVocabulary(hashes, np.ones(len(hashes), np.float32))
    places = {number: place for place, number in enumerate(sorted(kept))}
    asked = [*wanted, *kept] * copies
    assert vocabulary.find(np.array(asked, np.uint64)).tolist() == [places.get(number, -1) for number in asked]

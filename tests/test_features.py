"""Features: what processes make and models take."""

import numpy as np

from libelle.feature_files import load_features, save_features
from libelle.features import Features


def test_features_without_a_field_of_words_are_taken_and_stored_like_others(tmp_path):
    features = Features(3, words={}).take(np.array([2, 0]))
    save_features(features, tmp_path)
    for found in (features, load_features(tmp_path)):
        assert found.rows == 2
        assert found.bag is found.matrix is None
        assert dict(found.words) == {}
        assert found.lengths.tolist() == [0, 0]

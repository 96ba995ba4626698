"""What is saved is small, and scores as what was trained."""

from pathlib import Path

import numpy as np
import pytest

from libelle.models.stored_weights import exact, load_weights, rounded, save_weights


def weights(classes: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(1)
    return {
        "ngrams.weight": generator.normal(0, 0.1, (3000, 16)).astype(np.float32),
        "wide.weight": generator.laplace(0, 0.003, (3000, classes)).astype(np.float32),
        "words_dense.2.weight": generator.normal(0, 1, (4, 5)).astype(np.float32),
        "words.words.scale": np.array(0.5, np.float32),
        "pool": np.array([0.5, 0.5, 4], np.float32),
    }


@pytest.mark.parametrize("classes", [2, 20])
def test_rounded_weights_come_back_and_are_near_the_trained_ones(classes: int, tmp_path: Path) -> None:
    trained = weights(classes)
    kept = rounded(trained)
    save_weights(kept, tmp_path)
    loaded = load_weights(tmp_path)
    for name, array in exact(loaded).items():
        np.testing.assert_array_equal(array, exact(kept)[name])
        assert array.shape == trained[name].shape
        assert array.dtype == np.float32
    assert np.abs(exact(loaded)["ngrams.weight"] - trained["ngrams.weight"]).max() < 0.1 * 5 / 127
    assert np.abs(exact(loaded)["wide.weight"] - trained["wide.weight"]).max() < 2e-4
    np.testing.assert_array_equal(exact(loaded)["words_dense.2.weight"], trained["words_dense.2.weight"])


def test_tables_take_a_byte_a_weight_or_less(tmp_path: Path) -> None:
    trained = weights(20)
    save_weights(rounded(trained), tmp_path)
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert size < 0.3 * sum(array.nbytes for array in trained.values())


def test_large_and_empty_rows_are_kept(tmp_path: Path) -> None:
    trained = weights(3)
    trained["wide.weight"][0] = [900, -900, 0]
    trained["wide.weight"][1] = trained["ngrams.weight"][1] = 0
    found = exact(rounded(trained))
    np.testing.assert_allclose(found["wide.weight"][0], [900, -900, 0], rtol=1e-4)
    assert not found["wide.weight"][1].any()
    assert not found["ngrams.weight"][1].any()
